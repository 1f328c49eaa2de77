import functools
import http.server
import json
import threading

import pytest

from poseutils.__main__ import main
from poseutils.errors import PoseError
from poseutils.files import sha256
from poseutils.models import load_model, zoo

CONTENT = b"what the address gives"
DIGEST = sha256(CONTENT)


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


@pytest.fixture
def serve(tmp_path, monkeypatch):
    """Lists a model ``x`` in the zoo, with a SHA-256 or none, whose address is a local server's;
    returns the file that is served. The cache is empty."""
    folder = tmp_path / "served"
    folder.mkdir()
    server = http.server.ThreadingHTTPServer(
        ("127.0.0.1", 0), functools.partial(Quiet, directory=folder)
    )
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setenv("POSEUTILS_CACHE", str(tmp_path / "cache"))

    def listed(digest):
        url = f"http://127.0.0.1:{server.server_port}/x.tflite"
        entry = zoo.Entry("x", "spe", 17, "x.tflite", url, digest, "a license")
        monkeypatch.setitem(zoo.ZOO, "x", entry)
        (folder / "x.tflite").write_bytes(CONTENT)
        return folder / "x.tflite"

    yield listed
    server.shutdown()
    server.server_close()


def cached(tmp_path):
    """The files of the cache, except the record of what was confirmed."""
    paths = (tmp_path / "cache").rglob("*")
    return [path for path in paths if path.is_file() and path.name != zoo.RECORD]


@pytest.mark.parametrize("entry", zoo.ZOO.values(), ids=lambda entry: entry.name)
def test_entries_are_complete(entry):
    known = entry.name != "yolo11n_pose_320"
    assert (entry.sha256 and len(entry.sha256) == 64) if known else entry.sha256 is None
    assert entry.url.startswith("https://") and entry.license and entry.keypoints > 0


def test_offline_says_what_to_put_where(tmp_path, monkeypatch):
    import pooch

    def refuse(*_, **__):
        raise ConnectionError("no network")

    monkeypatch.setenv("POSEUTILS_CACHE", str(tmp_path))
    monkeypatch.setattr(pooch.HTTPDownloader, "__call__", refuse)
    entry = zoo.ZOO["yolov8n_pose_192"]
    with pytest.raises(PoseError) as error:
        zoo.fetch(entry.name)
    for part in (
        "no network",
        entry.url,
        entry.sha256,
        str(tmp_path / "models" / entry.file),
        "POSEUTILS_CACHE",
    ):
        assert part in str(error.value)


def test_a_download_of_another_hash_is_refused(serve, tmp_path):
    served = serve(DIGEST)
    path = zoo.fetch("x")
    assert cached(tmp_path) == [path] and path.read_bytes() == CONTENT
    path.unlink()
    served.write_bytes(b"not the model")
    with pytest.raises(PoseError, match="cannot download x: .*hash"):
        zoo.fetch("x")
    assert not cached(tmp_path)


def test_without_a_known_hash_nothing_is_kept_before_it_is_confirmed(serve, tmp_path, capsys):
    serve(None)
    for refused in (lambda: zoo.fetch("x"), lambda: load_model("x")):
        with pytest.raises(PoseError) as error:
            refused()
        assert f"/x.tflite is {DIGEST}, and was not confirmed" in str(error.value)
        assert "python -m poseutils fetch x --trust" in str(error.value)
    with pytest.raises(PoseError, match="was not confirmed"):
        zoo.fetch("x", confirm=lambda question: False)
    assert main(["fetch", "x"]) == 1 and DIGEST in capsys.readouterr().err
    assert not cached(tmp_path) and zoo.downloaded() == []


def test_a_confirmed_hash_is_recorded_and_checked_from_then_on(serve, tmp_path, capsys):
    served = serve(None)
    assert main(["fetch", "x", "--trust"]) == 0
    printed = capsys.readouterr().out
    assert f"has 22 bytes and sha256 {DIGEST}" in printed and "Recorded sha256" in printed
    (path,) = cached(tmp_path)
    assert json.loads(path.with_name(zoo.RECORD).read_text()) == {"x": DIGEST}
    assert zoo.entry_with(DIGEST).name == "x" and zoo.downloaded() == ["x"]
    served.write_bytes(b"another file at the same address")
    assert zoo.fetch("x", confirm=pytest.fail) == path
    path.write_bytes(b"a damaged file")
    for arguments in (["fetch", "x"], ["fetch", "x", "--trust"]):
        assert main(arguments) == 1
        refused = capsys.readouterr().err
        assert "cannot download x" in refused and f"{DIGEST}, as confirmed in" in refused


def test_a_file_that_was_put_into_the_cache_is_the_one_to_confirm(serve, tmp_path):
    serve(None)
    path = tmp_path / "cache/a/x.tflite"
    path.parent.mkdir(parents=True)
    path.write_bytes(b"by hand")
    asked = []
    assert zoo.fetch("x", confirm=lambda question: asked.append(question) or True) == path
    assert len(asked) == 1 and f"{path} has 7 bytes and sha256 {sha256(b'by hand')}" in asked[0]
    assert cached(tmp_path) == [path] and zoo.fetch("x") == path


@pytest.mark.parametrize(("answer", "code"), [("y", 0), ("Yes", 0), ("", 1), ("n", 1), (None, 1)])
def test_on_a_terminal_the_user_is_asked(serve, monkeypatch, answer, code):
    def reply(question):
        assert DIGEST in question and question.endswith("[y/N] ")
        if answer is None:
            raise EOFError
        return answer

    serve(None)
    monkeypatch.setattr("sys.stdin", type("Terminal", (), {"isatty": lambda self: True})())
    monkeypatch.setattr("builtins.input", reply)
    assert main(["fetch", "x"]) == code


@pytest.mark.parametrize("text", ["", "[", "[]", '{"x": 1}', '{"x": "abc"}', '{"x": null}', "\xff"])
def test_a_damaged_record_is_an_error_that_names_it(serve, tmp_path, text):
    serve(None)
    record = tmp_path / "cache/models" / zoo.RECORD
    record.parent.mkdir(parents=True)
    record.write_text(text, encoding="latin-1")
    with pytest.raises(PoseError, match=zoo.RECORD):
        zoo.fetch("x", confirm=lambda question: True)
    assert not cached(tmp_path)


def test_nearest_name_is_suggested():
    with pytest.raises(PoseError, match="Did you mean 'yolov8n_pose_256'"):
        zoo.fetch("yolov8_pose_256")


def test_a_listed_file_may_be_given_by_its_address():
    entry = zoo.ZOO["movenet_lightning_192"]
    assert (
        zoo.name_of(entry.url) == entry.name
        and zoo.name_of("some/file.tflite") == "some/file.tflite"
    )
    with pytest.raises(
        PoseError, match="is not the URL of a model in the zoo: download it yourself"
    ):
        zoo.name_of("https://example.org/other.tflite")

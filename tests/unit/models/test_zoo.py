import pytest

from poseutils.errors import PoseError
from poseutils.models import zoo


@pytest.mark.parametrize("entry", zoo.ZOO.values(), ids=lambda entry: entry.name)
def test_entries_are_complete(entry):
    assert (
        len(entry.sha256) == 64
        and entry.url.startswith("https://")
        and entry.license
        and entry.keypoints > 0
    )


def test_offline_says_what_to_put_where(tmp_path, monkeypatch):
    import pooch

    def refuse(*_, **__):
        raise ConnectionError("no network")

    monkeypatch.setenv("POSEUTILS_CACHE", str(tmp_path))
    monkeypatch.setattr(pooch, "retrieve", refuse)
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


def test_a_download_of_another_hash_is_refused(tmp_path, monkeypatch):
    monkeypatch.setenv("POSEUTILS_CACHE", str(tmp_path / "cache"))
    (tmp_path / "served").write_bytes(b"not the model")
    entry = zoo.Entry("x", "spe", 17, "x.tflite", (tmp_path / "served").as_uri(), "0" * 64, "none")
    monkeypatch.setitem(zoo.ZOO, "x", entry)
    with pytest.raises(PoseError, match="cannot download x"):
        zoo.fetch("x")
    assert not list((tmp_path / "cache").rglob("x.tflite"))


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

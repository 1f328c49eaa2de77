"""What an export does to the folder that it is to write."""

import os

import pytest

from poseutils.__main__ import main
from poseutils.deployment import export
from poseutils.errors import PoseError
from tests.helpers.networks.tiny_tflite import heatmap_model


@pytest.fixture
def model(tmp_path):
    (tmp_path / "small.tflite").write_bytes(heatmap_model(keypoints=13))
    return tmp_path / "small.tflite"


def content(folder):
    files = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def test_files_of_the_user_are_not_lost(model, tmp_path):
    """Neither new ones, in a folder of their own too, nor changed ones, nor the model itself."""
    out = export(model, tmp_path / "out").path
    (out / "drivers").mkdir()
    (out / "drivers/my_driver.c").write_text("int mine;\n")
    (out / "README.md").write_text("mine\n")
    model.rename(out / "My Model.tflite")
    before = content(out)
    with pytest.raises(PoseError) as caught:
        export(out / "My Model.tflite", out)
    told = str(caught.value)
    assert "My Model.tflite, README.md, drivers/my_driver.c: " in told and "empty folder" in told
    assert content(out) == before and [path.name for path in tmp_path.iterdir()] == ["out"]


def test_many_files_are_counted(model, tmp_path):
    out = export(model, tmp_path / "out").path
    for number in range(9):
        (out / f"own_{number}.c").write_text("")
    with pytest.raises(PoseError, match=r"own_0\.c.*own_4\.c and 4 more: "):
        export(model, out)


def test_a_link_to_a_file_is_the_users(model, tmp_path):
    out = export(model, tmp_path / "out").path
    (out / "labels.txt").rename(tmp_path / "labels.txt")
    (out / "labels.txt").symlink_to(tmp_path / "labels.txt")
    with pytest.raises(PoseError, match=r"would lose labels\.txt: "):
        export(model, out)


def test_what_jupyterlab_left_stays(model, tmp_path):
    out = export(model, tmp_path / "out").path
    (out / ".ipynb_checkpoints").mkdir()
    (out / ".ipynb_checkpoints/README-checkpoint.md").write_text("before")
    assert export(model, out).path == out
    assert (out / ".ipynb_checkpoints/README-checkpoint.md").read_text() == "before"


def test_what_make_built_is_replaced(model, tmp_path):
    out = export(model, tmp_path / "out").path
    (out / "c/build").mkdir()
    (out / "c/build/main").write_bytes(b"program")
    export(model, out)
    assert not (out / "c/build").exists()
    (out / "c/build").mkdir()
    (out / "c/build/results.csv").write_text("years of work")
    with pytest.raises(PoseError, match=r"would lose c/build/results\.csv: "):
        export(model, out)


def test_a_link_to_a_folder_stays_one(model, tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    for _ in range(2):
        export(model, tmp_path / "link")
        assert (tmp_path / "link").is_symlink() and (tmp_path / "real/manifest.json").exists()
    assert {path.name for path in tmp_path.iterdir()} == {"small.tflite", "real", "link"}


def test_the_current_folder_can_be_written_again(model, tmp_path, monkeypatch):
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    for _ in range(2):
        assert main(["export", str(model), "."]) == 0
        assert "small.c" in os.listdir("c")


def test_what_is_no_folder_is_refused(model, tmp_path):
    (tmp_path / "taken").write_text("mine")
    for out in ("taken", "taken/below"):
        with pytest.raises(PoseError, match="taken is a file, not a folder"):
            export(model, tmp_path / out)
    assert (tmp_path / "taken").read_text() == "mine"
    for out in ("", None, 5, b"out"):
        with pytest.raises(PoseError, match=f"out_dir={out!r}: the path of the folder to write"):
            export(model, out)


@pytest.mark.parametrize("given", [None, b"some bytes", 5, ""])
def test_what_is_no_model_is_refused(given, tmp_path):
    with pytest.raises(
        PoseError, match=f"={given!r}: .*path of a .tflite or .onnx file is expected"
    ):
        export(given, tmp_path / "out")


def test_a_failed_exchange_is_undone(model, tmp_path, monkeypatch):
    out = export(model, tmp_path / "out").path
    before, rename = content(out), os.rename

    def failing(source, target, *rest, **more):
        if os.fspath(source).endswith("new/small.tflite"):
            raise OSError(5, "Input/output error")
        rename(source, target, *rest, **more)

    monkeypatch.setattr("os.rename", failing)
    with pytest.raises(PoseError, match="Input/output error"):
        export(model, out, board="STM32H747I-DISCO")
    assert content(out) == before

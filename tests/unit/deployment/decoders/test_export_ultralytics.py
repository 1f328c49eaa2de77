"""What is exported of files as Ultralytics writes them, given as they are or as a model."""

import json
import subprocess

import pytest

import poseutils as pu
from poseutils.decoders.options import Head
from poseutils.errors import PoseError
from tests.helpers.marks import with_gcc
from tests.helpers.networks.imitations import candidates
from tests.helpers.networks.ultralytics_files import metadata, tflite_file

POINTS = ["nose", "left_eye", "right_eye", "left_ear", "right_ear"]
HEADS = [Head(1, 5), Head(3, 5), Head(4, 17), Head(1, 5, columns=2)]
"""59 rows, as of the third, could be one class and 18 keypoints, too."""


def written(folder, head, **more):
    entries = metadata(head.classes, head.keypoints, head.columns, **more)
    if head.keypoints == 5:
        entries["kpt_names"] = {i: POINTS for i in range(head.classes)}
    output = candidates(head.classes, head.keypoints, head.columns, 1 / 64, found=0)
    return tflite_file(folder, output, entries, "INT8")


@with_gcc
@pytest.mark.parametrize("head", HEADS, ids=str)
@pytest.mark.parametrize("as_model", [False, True], ids=["file", "model"])
def test_a_head_of_any_kind_is_exported_with_its_decoder(tmp_path, head, as_model):
    path = written(tmp_path, head)
    folder = pu.export(pu.load_model(path) if as_model else path, tmp_path / "out").path
    readme, source = (folder / "README.md").read_text(), (folder / "c/best_poses.c").read_text()
    usual = head == Head(1, head.keypoints)
    values = f"{{84, {head.classes}, {head.keypoints}, {head.columns}, 0, 0, 64.0f, 64.0f}}"
    assert (f"pose_yolo_head head = {values}" in source) is not usual
    assert ("int32_t classes[" in (folder / "c/best_poses.h").read_text()) is (head.classes > 1)
    assert (f"C = {head.classes} classes, then D = {head.columns} numbers" in readme) is not usual
    assert ("reads a YOLO head of one class" in readme) is not usual
    assert (folder / "app_config.h").exists() is usual
    if head.keypoints == 5:
        assert (folder / "labels.txt").read_text().split() == POINTS
    subprocess.run(["make", "-C", folder / "c"], check=True, capture_output=True)


def test_a_board_that_runs_linux_is_told_the_head(tmp_path):
    head = Head(3, 5)
    folder = pu.export(written(tmp_path, head), tmp_path / "out", "STM32MP257F-EV1").path
    told = json.loads((folder / "settings.json").read_text())["head"]
    assert Head(**told) == head


def test_a_file_for_another_task_gets_no_decoder(tmp_path):
    folder = pu.export(written(tmp_path, Head(1, 5), task="detect"), tmp_path / "out").path
    assert not list((folder / "c").glob("*_poses.c"))


def test_metadata_that_contradicts_the_rows_is_refused(tmp_path):
    path = written(tmp_path, Head(1, 5), kpt_shape=[9, 3])
    with pytest.raises(PoseError, match=r"kpt_shape=\[9, 3\].* 20 rows"):
        pu.export(path, tmp_path / "out", model_type="yolo_mpe")

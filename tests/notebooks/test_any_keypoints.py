"""Seven keypoints of a robot arm, from annotations to a bundle for the board, with a configuration
and no line of code."""

import json
import subprocess
import sys

import papermill
import pytest

from poseutils.__main__ import main
from poseutils.datasets import load_dataset
from poseutils.synthetic.robot_arm import NAMES, SKELETON, make_arms
from tests.helpers.notebooks import is_figure

pytestmark = pytest.mark.slow

CONFIG = """
operation_mode: chain_tqepd
general: {project_name: arm, global_seed: 1}
model:
  model_type: heatmaps_spe
  model_name: st_movenet_lightning_heatmaps
  alpha: 0.35
  input_shape: "(96, 96, 3)"
dataset:
  keypoints: 7
  class_names: [arm]
  oks_sigmas: 0.1
  training_path: arms/train.json
  validation_path: text/multi/7kpts/val
  quantization_path: text/multi/7kpts/val
data_augmentation: {random_brightness: {factor: 0.1}}
training: {batch_size: 8, epochs: 2, optimizer: {Adam: {learning_rate: 3e-3}}}
prediction: {test_files_path: text/multi/7kpts/val}
deployment: {hardware_setup: {board: STM32N6570-DK}}
"""


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """A folder with annotated arms, their validation images as text labels too, and a
    user_config.yaml."""
    folder = tmp_path_factory.mktemp("project")
    make_arms(folder / "arms", "train", 240, seed=1)
    validation = make_arms(folder / "arms", "val", 40, seed=2)
    assert main(["convert", str(validation), str(folder / "text"), "--link"]) == 0
    (folder / "user_config.yaml").write_text(CONFIG)
    return folder


def test_text_labels_of_seven_keypoints(project):
    drawn = load_dataset(project / "arms", split="val")
    text = load_dataset(project / "text/multi/7kpts/val")
    assert (
        drawn.layout.names == NAMES
        and drawn.layout.limbs == SKELETON
        and drawn.layout.mirror == (0, 1, 2, 3, 5, 4, 6)
    )
    assert len(text) == len(drawn) == 40
    assert (text.layout.names, text.layout.mirror) == (NAMES, drawn.layout.mirror)
    assert drawn[3].keypoints[:, :, :2] == pytest.approx(text[3].keypoints[:, :, :2], abs=0.01)


def test_the_dataset_notebook_shows_them(project, repository):
    notebook = papermill.execute_notebook(
        repository / "notebooks/dataset.ipynb",
        project / "dataset.ipynb",
        {"config": str(project / "user_config.yaml"), "run_dir": str(project / "shown")},
        cwd=project,
        progress_bar=False,
    )
    assert (
        sum(is_figure(output) for cell in notebook.cells for output in cell.get("outputs", ())) >= 6
    )
    metrics = json.loads((project / "shown/metrics.json").read_text())
    assert (
        metrics["images"] == metrics["people"] == 240
        and metrics["twice"] == 0
        and 0.9 < metrics["labeled"] <= 1
    )


def test_from_training_to_the_board(project):
    command = [sys.executable, "-m", "poseutils", "run", "user_config.yaml", "--runs-dir", "runs"]
    ran = subprocess.run(command, cwd=project, check=True, capture_output=True, text=True)
    assert "index.html" in ran.stdout.splitlines()[-1]
    (run,) = (project / "runs").iterdir()
    metrics = json.loads((run / "metrics.json").read_text())
    assert metrics["evaluate.oks"] > 0.5 and metrics["train.oks"] == pytest.approx(
        metrics["evaluate.oks"], abs=0.1
    )
    assert metrics["quantize.oks"] == pytest.approx(metrics["evaluate.oks"], abs=1e-6)
    assert abs(metrics["quantize.oks_change"]) < 0.1
    assert (run / "03-evaluate.html").is_file()
    assert (run / "05-deploy/bundle/app_config.h").is_file()
    report = json.loads((run / "03-evaluate/evaluation.json").read_text())
    assert [name for name in NAMES if name in json.dumps(report)] == list(NAMES)
    layout = json.loads((run / "05-deploy/bundle/manifest.json").read_text())["layout"]
    assert layout["keypoints"] == list(NAMES) and [tuple(limb) for limb in layout["limbs"]] == list(
        SKELETON
    )
    assert (run / "05-deploy/bundle/labels.txt").read_text().split() == list(NAMES)
    records = json.loads((run / "04-predict/predictions.json").read_text())
    assert len(records) == 40 and len(records[0]["keypoints"]) == 21

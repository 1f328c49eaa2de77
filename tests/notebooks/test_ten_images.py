"""The first test of own data: ten images that are learned by heart, with a configuration that names
nothing but them."""

import json

import pytest

from poseutils.__main__ import main
from poseutils.files import NOTES
from poseutils.synthetic.robot_arm import make_arms

pytestmark = pytest.mark.slow

NAMES = ["hinge", "rod", "cup", "left_tooth", "right_tooth", "tip"]
CONFIG = """
operation_mode: training
general: {project_name: ten}
model: {model_type: heatmaps_spe, model_name: st_movenet_lightning_heatmaps, alpha: 0.35}
dataset: {keypoints: 6, training_path: arms/train.json, validation_path: arms/train.json}
"""


@pytest.fixture
def project(tmp_path):
    """Ten images of an arm whose last six keypoints are labeled, and the configuration."""
    path = make_arms(tmp_path / "arms", "train", 10, seed=5)
    document = json.loads(path.read_text())
    document["categories"] = [{"id": 1, "name": "grab", "keypoints": NAMES, "skeleton": []}]
    for annotation in document["annotations"]:
        annotation["keypoints"] = annotation["keypoints"][3:]
    path.write_text(json.dumps(document))
    (tmp_path / "user_config.yaml").write_text(CONFIG)
    return tmp_path


def train(project, *overrides):
    """The metrics and the notes of a run."""
    config, runs = str(project / "user_config.yaml"), project / "runs"
    assert main(["run", config, *overrides, "--runs-dir", str(runs)]) == 0
    (run,) = runs.iterdir()
    notes = run / "01-train" / NOTES
    return json.loads((run / "metrics.json").read_text()), notes


def test_ten_images_are_learned_by_heart(project):
    metrics, notes = train(project)
    assert metrics["train.oks"] >= 0.98 and not notes.exists()


def test_a_training_that_cannot_learn_them_says_why(project, capsys):
    metrics, notes = train(
        project, "training.optimizer={Adam: {learning_rate: 1e-5}}", "training.epochs=3"
    )
    said, printed = notes.read_text(), capsys.readouterr().out
    assert metrics["train.oks"] < 0.5 and "3 steps (3 epochs of 1 batches of 10)" in said
    assert all(f"train: {line}" in printed for line in said.splitlines())

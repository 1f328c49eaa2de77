"""``check``: what would run, on what, and everything that stands in its way."""

from __future__ import annotations

import json
import os

import pytest
from PIL import Image

from poseutils.__main__ import main
from poseutils.keypoints import COCO17, coco_category
from poseutils.models.zoo import RECORD
from poseutils.pipeline.preflight import check
from tests.helpers.networks.tiny_tflite import heatmap_model

TRAIN = (
    "operation_mode: training\nmodel: {model_type: "
    "heatmaps_spe}\ndataset: {training_path: photos}\n"
)
LABEL = "0 0.5 0.5 1 1" + " 0.5 0.5 2" * 17


@pytest.fixture
def look(tmp_path):
    """Checks a configuration from its text; the folder has ``photos``: three images, one below
    another folder, and two labels."""
    photos = tmp_path / "photos"
    (photos / "more").mkdir(parents=True)
    for name in ("a.jpg", "b.PNG", "more/c.jpeg", ".hidden.jpg"):
        (photos / name).touch()
    for name in ("a.txt", "b.txt"):
        (photos / name).write_text(LABEL)

    def from_text(text, *overrides, **options):
        (tmp_path / "user_config.yaml").write_text(text)
        return check(tmp_path / "user_config.yaml", overrides, **options)

    return from_text


def lines(found):
    return "\n".join(found.lines)


def test_the_shipped_configuration_can_run(repository, capsys):
    assert main(["check", str(repository / "user_config.yaml")]) == 0
    printed = capsys.readouterr().out
    assert "chain_teqepbd, 7 notebooks" in printed and "no problems found" in printed
    assert [
        f"  {n}  {s}" in printed
        for n, s in enumerate(("train", "evaluate", "quantize", "evaluate", "predict"), 1)
    ] == [True] * 5
    assert (
        "data/synthetic-people/train: 96 images, 118 annotations  (train)" in printed
        and "2.7 MB" in printed
    )


def test_it_runs_nothing_and_writes_nothing(look, tmp_path):
    before = sorted(tmp_path.rglob("*"))
    look(TRAIN)
    assert set(tmp_path.rglob("*")) - set(before) == {tmp_path / "user_config.yaml"}


def test_images_and_labels_are_counted(look):
    found = look(TRAIN + "training: {epochs: 7}\n")
    assert not found.problems
    assert "training_path: photos: 3 images, 2 annotations  (train)" in lines(
        found
    ) and "7 epochs" in lines(found)


def test_labels_beside_the_images_folder(look, tmp_path):
    (tmp_path / "images" / "train").mkdir(parents=True)
    (tmp_path / "labels" / "train").mkdir(parents=True)
    (tmp_path / "images" / "train" / "a.jpg").touch()
    assert (
        "neither a COCO .json nor .txt"
        in look(TRAIN, "dataset.training_path=images/train").problems[0]
    )
    (tmp_path / "labels" / "train" / "a.txt").write_text(LABEL)
    assert "1 image, 1 annotation" in lines(look(TRAIN, "dataset.training_path=images/train"))


def test_every_problem_at_once(look, capsys, tmp_path):
    text = """
operation_mode: chain_tqep
model: {model_type: heatmaps_spe, alpha: 9}
dataset:
  {training_path: photoos, validation_path: '${oc.env:POSE_NOWHERE}', test_path: photos/a.txt}
data_augmentation: {random_flip: {mode: up}}
training: {epochs: many, callbacks: {LRStepDecay: {}}}
"""
    found = look(text)
    for part in (
        "dataset.validation_path: the environment variable POSE_NOWHERE is not set",
        "training.epochs: 'many' given",
        "data_augmentation.random_flip.mode: 'up' given",
        "training.callbacks.LRStepDecay.initial_lr: missing",
        "dataset.training_path: photoos: no such file or folder; looked for",
        "dataset.test_path: ",
        "prediction.test_files_path: empty; needed to predict",
        "model.alpha is 9",
    ):
        assert sum(part in line for line in found.problems) == 1, part
    assert main(["check", str(tmp_path / "user_config.yaml")]) == 1
    printed = capsys.readouterr().err
    assert f"{len(found.problems)} problems in" in printed and "Traceback" not in printed
    assert all(line in printed for line in found.problems)


@pytest.mark.parametrize(
    ("override", "says"),
    [
        ("model.pretrained=true", ""),
        (
            "model={model_type: heatmaps_spe, pretrained: true, alpha: 0.42}",
            "model.pretrained is true and alpha 0.42, for which Keras has no",
        ),
        (
            "model={model_type: heatmaps_spe, pretrained: "
            "true, model_name: st_movenet_thunder_heatmaps}",
            "alpha 1.75, for which Keras has no",
        ),
        (
            "training={loss: {cross_entropy: {}}}",
            "training.loss is cross_entropy, which is for networks that end in softmax",
        ),
        ("training={loss: {mse: {sigma: 0}}}", ""),
        ("training={frozen_layers: some}", "training.frozen_layers: 'some' given; expected layers"),
    ],
)
def test_a_network_to_build_and_its_loss(look, override, says):
    problems = look(TRAIN, override).problems
    assert len(problems) == bool(says) and all(says in problem for problem in problems)


@pytest.mark.parametrize(
    ("mode", "model", "says"),
    [
        ("evaluation", "", "model.model_path: empty; evaluate needs a model"),
        (
            "evaluation",
            "nowhere.tflite",
            "model.model_path: nowhere.tflite: no such file or folder; looked for",
        ),
        (
            "evaluation",
            "yolov8n_pose_25",
            "Nor has the zoo a model of that name: python -m poseutils",
        ),
        ("evaluation", "photos/a.jpg", "expected a file that ends in .keras, .h5, .tflite, .onnx"),
        ("evaluation", "photos", "photos given, a folder"),
        (
            "evaluation",
            "https://example.org/x.tflite",
            "download it yourself and give the path of the file",
        ),
        ("quantization", "yolov8n_pose_256", "quantize starts from a float network, .keras or .h5"),
        ("deployment", "some.keras", "deploy needs a quantized .tflite or .onnx"),
        ("chain_bd", "float.tflite", "deploy needs a quantized .tflite or .onnx"),
        ("deployment", "damaged.tflite", "damaged.tflite is not a .tflite model"),
    ],
)
def test_models_that_cannot_be(look, tmp_path, mode, model, says):
    (tmp_path / "some.keras").touch()
    (tmp_path / "damaged.tflite").touch()
    (tmp_path / "float.tflite").write_bytes(heatmap_model(dtype="FLOAT32"))
    found = look(
        TRAIN, f"operation_mode={mode}", f"model.model_path={model}", "dataset.test_path=photos"
    )
    assert [says in line for line in found.problems] == [True]


def test_a_url_of_a_zoo_model_names_it(look):
    url = "https://github.com/x/y/raw/yolov8n_256_quant_pc_uf_pose_coco-st.tflite"
    found = look(TRAIN, "operation_mode=benchmarking", f"model.model_path={url}")
    assert not found.problems and f"model.model_path: {url}: from the zoo" in lines(found)


def test_models_of_the_zoo_are_there_or_to_be_downloaded(look, tmp_path, monkeypatch):
    monkeypatch.setenv("POSEUTILS_CACHE", str(tmp_path / "cache"))
    arguments = (TRAIN, "operation_mode=benchmarking", "model.model_path=yolov8n_pose_256")
    assert "yolov8n_pose_256: from the zoo, to be downloaded (AGPL-3.0)" in lines(look(*arguments))
    (tmp_path / "cache" / "models").mkdir(parents=True)
    (tmp_path / "cache" / "models" / "yolov8n_256_quant_pc_uf_pose_coco-st.tflite").touch()
    assert "from the zoo, downloaded" in lines(look(*arguments))


def test_a_model_of_the_zoo_whose_hash_is_not_known_is_to_be_confirmed(look, tmp_path, monkeypatch):
    monkeypatch.setenv("POSEUTILS_CACHE", str(tmp_path))
    arguments = (TRAIN, "operation_mode=benchmarking", "model.model_path=yolo11n_pose_320")
    assert any("fetch yolo11n_pose_320 --trust" in problem for problem in look(*arguments).problems)
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / RECORD).write_text(f'{{"yolo11n_pose_320": "{"0" * 64}"}}')
    assert not look(*arguments).problems


@pytest.mark.parametrize(
    ("mode", "asked_for"),
    [
        ("evaluation", "test_path"),
        ("quantization", "quantization_path"),
        ("training", "training_path"),
    ],
)
def test_without_data_that_of_the_service_is_asked_for(look, mode, asked_for):
    found = look("model: {model_type: heatmaps_spe}\n", f"operation_mode={mode}")
    missing = [line.split(":")[0] for line in found.problems if "empty; needed to" in line]
    assert missing == [f"dataset.{asked_for}"]


@pytest.mark.parametrize(
    "mode, says",
    [("", "operation_mode: missing"), ("tranning", "operation_mode: 'tranning' given")],
)
def test_without_a_mode(look, mode, says):
    found = look(TRAIN, f"operation_mode={mode}")
    assert [line.startswith(says) for line in found.problems] == [True]


def test_own_code_is_named_and_has_to_be_allowed(look, tmp_path):
    own = "model: {model_type: spe, model_name: custom_models, custom_model_path: mine.py}\n"
    text = TRAIN.replace("model: {model_type: heatmaps_spe}\n", own)
    (tmp_path / "mine.py").write_text("raise SystemExit('it ran')")
    assert ["allow_custom_code=true" in line for line in look(text).problems] == [True]
    for allowed in (look(text, allow_custom_code=True), look(text, "allow_custom_code=true")):
        assert not allowed.problems and "mine.py: runs with all your rights" in lines(allowed)
    (tmp_path / "mine.py").unlink()
    assert "mine.py: no such file" in look(text, allow_custom_code=True).problems[0]


def test_what_is_ignored_is_named(look):
    said = lines(look(TRAIN + "hydra: {run: {dir: x}}\n"))
    assert "ignored: hydra (a run's folder is named by" in said


def test_links_in_a_circle_end(look, tmp_path):
    (tmp_path / "photos" / "round").symlink_to(tmp_path / "photos")
    assert "3 images" in lines(look(TRAIN))


def test_a_program_that_the_configuration_names_is_listed(look, tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    (tmp_path / "stedgeai").write_text("")
    text = (
        "operation_mode: benchmarking\nmodel: {model_type: spe, model_path: hand_landmarks}\n"
        "tools: {stedgeai: {path_to_stedgeai: stedgeai}}\n"
    )
    assert "stedgeai is a program" in lines(look(text)) and "not run" in lines(look(text))
    assert "stedgeai: runs with all your rights" in lines(look(text, allow_custom_code=True))


@pytest.mark.parametrize("service", ["evaluation", "prediction"])
def test_the_target_serial_needs_a_port(look, service):
    text = "model: {model_type: hand_spe, model_path: hand_landmarks_224}\n"
    without = (f"operation_mode={service}", f"{service}.target=serial")
    port = "deployment.hardware_setup.serial_port"
    told = [line for line in look(text, *without).problems if line.startswith(port)]
    assert len(told) == 1 and "empty; the target serial needs a port" in told[0]
    assert port not in str(look(text, *without, f"{port}=COM3").problems)
    assert port not in str(look(text, "operation_mode=deployment", *without[1:]).problems)


def test_validating_on_the_training_images_is_allowed_and_said(look):
    text = TRAIN.replace("photos}", "photos, validation_path: photos, keypoints: 17}")
    found = look(text)
    assert "train: all " in lines(found) and "validation images too" in lines(found)
    assert not [line for line in found.problems if "validation" in line]


@pytest.mark.parametrize(
    ("size", "said"), [((50, 40), "1 of 1 images are larger or smaller"), ((40, 50), None)]
)
def test_labels_are_read_as_a_run_reads_them(look, tmp_path, size, said):
    Image.new("RGB", size).save(tmp_path / "one.jpg")
    person = {"image_id": 1, "category_id": 1, "bbox": [9, 9, 50, 50], "keypoints": [9, 9, 2] * 17}
    document = {
        "images": [{"id": 1, "file_name": "one.jpg", "width": 100, "height": 80}],
        "annotations": [person, person | {"category_id": 7}],
        "categories": [coco_category(COCO17)],
    }
    (tmp_path / "labels.json").write_text(json.dumps(document))
    found = look(TRAIN, "dataset.training_path=labels.json")
    if said:
        assert not found.problems and said in lines(found)
        assert "1 of 2 annotations have a category_id that no category has" in lines(found)
    else:
        assert "1 of 1 images are not of the size that was annotated" in found.problems[0]


def test_images_that_are_not_read_are_listed(look, tmp_path):
    (tmp_path / "photos/turned.heic").touch()
    os.mkfifo(tmp_path / "photos/pipe.jpg")
    text = "operation_mode: prediction\nmodel: {model_path: yolov8n_pose_256}\n"
    found = look(text + "prediction: {test_files_path: photos}\n")
    assert "photos: 3 images; " in lines(found) and "pipe.jpg, turned.heic are not" in lines(found)


SHIPPED = "data/models/st_movenet_lightning_heatmaps_a035_192.keras"


@pytest.mark.parametrize(
    ("model", "said", "problem"),
    [
        ("alpha: 0.35", "", ""),
        ("alpha: 0.5", "model.alpha: 0.5: not used, as model.model_path is fine-tuned", ""),
        ('input_shape: "(200, 200, 3)"', "", "model.input_shape is (200, 200, 3); expected"),
    ],
)
def test_what_a_network_to_fine_tune_takes(look, repository, model, said, problem):
    start = f"model_type: heatmaps_spe, model_path: {repository / SHIPPED}, {model}"
    found = look(TRAIN.replace("model_type: heatmaps_spe", start))
    assert said in lines(found) and ("not used" in lines(found)) == bool(said)
    assert [problem in line for line in found.problems] == [True] * bool(problem)


def test_a_network_of_other_keypoints_gets_a_new_last_layer(look, tmp_path, repository):
    label = "0 0.5 0.5 1 1" + " 0.5 0.5 2" * 12
    for name in ("a.txt", "b.txt"):
        (tmp_path / "photos" / name).write_text(label)
    found = look(TRAIN, f"model.model_path={repository / SHIPPED}", "dataset.keypoints=12")
    assert not found.problems
    assert "has 17 keypoints and the data 12: its last layer is new" in lines(found)


def test_boxes_without_keypoints_are_nothing_to_train_on(look, tmp_path):
    Image.new("RGB", (50, 40)).save(tmp_path / "one.jpg")
    document = {
        "images": [{"id": 1, "file_name": "one.jpg", "width": 50, "height": 40}],
        "annotations": [{"id": 1, "image_id": 1, "category_id": 1, "bbox": [9, 9, 20, 20]}],
        "categories": [coco_category(COCO17)],
    }
    (tmp_path / "labels.json").write_text(json.dumps(document))
    boxes = "dataset.training_path=labels.json"
    problem = "dataset.training_path: none of its 1 image has a person with a labeled keypoint"
    assert [problem in line for line in look(TRAIN, boxes).problems] == [True]
    start = "model.model_path=yolov8n_pose_256"
    evaluated = look(
        TRAIN, boxes, "operation_mode=evaluation", "dataset.test_path=labels.json", start
    )
    assert [line.startswith("dataset.test_path: none of") for line in evaluated.problems] == [True]


def test_the_splits_of_one_source_are_listed(look, tmp_path):
    for split, count in (("train", 3), ("valid", 2), ("test", 1)):
        folder = tmp_path / "whole" / split
        folder.mkdir(parents=True)
        for i in range(count):
            Image.new("RGB", (8, 8), (i, count, 0)).save(folder / f"{i}.png")
            (folder / f"{i}.txt").write_text(LABEL)
    said = lines(look(TRAIN, "dataset.training_path=whole"))
    assert "its own splits are used: train 3 images, val 2 images, test 1 image" in said
    assert "whole: 3 images, 3 annotations" in said

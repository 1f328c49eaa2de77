"""Models whose network is the exported C: what they find, against LiteRT's reference kernels, and
where they take LiteRT's place."""

import os
import pickle
from types import SimpleNamespace

import numpy as np
import pytest

import poseutils as pu
from poseutils import PoseError
from poseutils.config import Config, names
from poseutils.deployment import as_exported, on_target, side_by_side
from poseutils.deployment.targets import CORES, FEW, TARGETS
from poseutils.evaluation import save_tensors
from poseutils.evaluation.predictions import fingerprint
from tests.helpers.marks import slow_except, with_gcc, with_qemu
from tests.helpers.networks.tiny_onnx import node, onnx_model
from tests.helpers.running.litert_reference import Reference

pytestmark = with_gcc
SHIPPED = "data/models/st_movenet_lightning_heatmaps_a035_192_int8.tflite"


@pytest.fixture(scope="module")
def shipped(repository):
    return pu.load_model(repository / SHIPPED, num_threads=1)


@pytest.fixture(scope="module")
def as_c(shipped):
    return as_exported(shipped)


@pytest.fixture(scope="module")
def people(repository):
    return pu.load_dataset(repository / "data/synthetic-people/val").single()


def by_reference(model, image):
    """Poses by LiteRT's reference kernels, in pixels of the image."""
    pixels, transform = model.preprocess(image)
    reference = Reference(model.path)
    reference.run(model.network.prepare(pixels[None]))
    details = reference.interpreter.get_output_details()
    outputs = {d["name"]: reference.tensor(d["index"]) for d in details}
    return model.decode(model.find_outputs(outputs))[0].transformed(transform.inverse)


def test_targets_are_those_that_a_configuration_may_name():
    assert set(TARGETS) == set(names.TARGETS)


def test_code_finds_what_the_reference_kernels_find(shipped, as_c, people):
    for sample in people[:4]:
        image = pu.read_image(sample.path)
        expected, found = by_reference(shipped, image), as_c.predict(image)
        assert (found.keypoints == expected.keypoints).all() and (
            found.scores == expected.scores
        ).all()


@pytest.mark.parametrize(
    "file",
    slow_except(
        {"blazeface_front_128_quant_pc_ff_od_wider_face.tflite"},
        [
            "033_hand_landmark_full_quant_pc_uf_handl.tflite",
            "movenet_singlepose_lightning_192_int8.tflite",
            "yolov8n_256_quant_pc_uf_pose_coco-st.tflite",
            "blazeface_front_128_quant_pc_ff_od_wider_face.tflite",
        ],
    ),
)
def test_every_model_type_runs_as_code(asset, file):
    """Several outputs and their order, float inputs, outputs with and without DEQUANTIZE."""
    model = pu.load_model(asset(f"models/{file}"), num_threads=1)
    image = pu.read_image(asset("images/bus.jpg"))
    expected, found = by_reference(model, image), as_exported(model).predict(image)
    assert len(found) == len(expected)
    np.testing.assert_allclose(found.keypoints, expected.keypoints, atol=1e-3)
    np.testing.assert_allclose(found.scores, expected.scores, atol=1e-6)


def test_evaluation_measures_the_code(shipped, as_c, people):
    here, there = (pu.evaluate(model, people, progress=False) for model in (shipped, as_c))
    assert there.metrics["images"] == here.metrics["images"] == len(people)
    assert (
        there.metrics["oks"] != here.metrics["oks"]
        and abs(there.metrics["oks"] - here.metrics["oks"]) < 0.05
    )
    expected = [
        by_reference(shipped, pu.read_image(result.sample.path)) for result in there.per_image[:5]
    ]
    for result, poses in zip(there.per_image, expected):
        assert (result.poses.keypoints == poses.keypoints).all()


@pytest.mark.slow
def test_evaluation_by_processes_compiles_for_each(as_c, people):
    alone, spread = (
        pu.evaluate(as_c, people[:4], progress=False, workers=workers).metrics for workers in (0, 1)
    )
    assert alone == spread
    assert pickle.loads(pickle.dumps(as_c)).network.runtime == "c"


def test_interrupted_evaluation_of_one_is_not_taken_for_the_other(shipped, as_c, people):
    assert fingerprint(shipped, people, {}, False) != fingerprint(as_c, people, {}, False)


def test_two_models_as_code_do_not_share_their_memory(as_c, shipped, people):
    other, image = as_exported(shipped), pu.read_image(people[0].path)
    before = as_c.predict(image).keypoints
    other.predict(np.zeros((50, 50, 3), np.uint8))
    assert (as_c.predict(image).keypoints == before).all()


def test_tensors_are_saved_as_the_code_gives_them(as_c, people, tmp_path):
    saved = save_tensors(as_c, people[:2], tmp_path, progress=False)
    outputs = np.load(saved.paths[1])
    assert outputs.dtype == np.int8 and outputs.shape == (2, 48, 48, 17)


def test_code_stands_before_the_model_it_was_made_of(shipped, people):
    models, images = side_by_side([shipped], people, "emulated")
    assert [model.label for model in models] == [
        f"{shipped.label} as C",
        shipped.label,
    ] and images is people
    assert side_by_side([shipped], people, "host") == ([shipped], people)


def test_types_and_channels_that_change_nothing_are_said_in_a_line(shipped, capsys):
    asked = {"input_type": "float32", "output_chpos": "chfirst"}
    config = Config(model={"model_type": "heatmaps_spe"}, evaluation=asked)
    assert on_target(shipped, "host", config) is shipped
    said = capsys.readouterr().out
    assert "evaluation.input_type, output_chpos: of ST's targets; on target host" in said
    assert on_target(shipped, "host", config, section="prediction") is shipped
    assert capsys.readouterr().out == ""


def test_float_network_runs_as_it_is_and_is_told_how_to_be_quantized(people, tmp_path, capsys):
    (tmp_path / "tiny.onnx").write_bytes(
        onnx_model([node("MaxPool", ["a"], "b")], {}, ("a", (1, 3, 8, 8)), ("b", (1, 3, 8, 8)))
    )
    model = SimpleNamespace(path=tmp_path / "tiny.onnx", label="tiny.onnx")
    assert side_by_side([model], people, "emulated") == ([model], people)
    assert "a float network does not become C. Quantize" in capsys.readouterr().out


def test_unknown_target_and_board_without_an_emulator_are_refused(shipped):
    with pytest.raises(PoseError, match="expected one of host, emulated, emulated_m4"):
        on_target(shipped, "moon")
    with pytest.raises(PoseError, match="cannot be emulated|has a Cortex-M33"):
        as_exported(shipped, "B-U585I-IOT02A")


def test_without_a_compiler_it_is_said(shipped, monkeypatch):
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.delenv("CC", raising=False)
    with pytest.raises(PoseError, match="no C compiler is installed"):
        as_exported(shipped)


def test_nothing_is_left_behind(shipped, tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    as_exported(shipped).predict(np.zeros((50, 50, 3), np.uint8))
    assert os.listdir(tmp_path) == []


@with_qemu
def test_emulated_core_takes_a_few_images_and_finds_the_same(shipped, as_c, people, capsys):
    models, images = side_by_side([shipped], people, "emulated_m7")
    assert len(images) == FEW and CORES["emulated_m7"] in capsys.readouterr().out
    assert models[0].label == f"{shipped.label} as C on Cortex-M7"
    image = pu.read_image(images[0].path)
    assert (models[0].predict(image).keypoints == as_c.predict(image).keypoints).all()

"""Real QDQ networks as C, beside ONNX Runtime without graph optimizations."""

import json
import re
import shutil
import subprocess
from dataclasses import replace

import numpy as np
import onnx
import pytest

import poseutils as pu
from poseutils import PoseError
from poseutils.compiler.frontends.tflite import read_tflite
from poseutils.deployment import as_exported, export, prove
from poseutils.deployment.verify import emulator as emulation
from poseutils.models.networks.runtimes import onnx_session
from poseutils.quantization import quantize
from tests.helpers.marks import with_gcc, with_qemu
from tests.helpers.networks.qdq_of_tflite import qdq_of
from tests.helpers.networks.tiny_qdq import Net
from tests.helpers.running.qdq_reference import operators_apart

pytestmark = [
    pytest.mark.slow,
    with_gcc,
]
CHECKPOINT = "st_movenet_lightning_heatmaps_a035_192.keras"


@pytest.fixture(scope="module")
def pictures(repository):
    return [
        pu.read_image(sample.path)
        for sample in pu.load_dataset(repository / "data/synthetic-people/val")[:8]
    ]


@pytest.fixture(scope="module")
def person(repository, pictures, tmp_path_factory):
    """The shipped checkpoint, quantized by ONNX Runtime, its input the pixels themselves."""
    exact = pu.load_model(repository / "data/models" / CHECKPOINT)
    images = exact.network.prepare(np.stack([exact.preprocess(picture)[0] for picture in pictures]))
    path = tmp_path_factory.mktemp("person") / "person.onnx"
    quantize(exact.path, images, path, input_type="uint8", rescaling=exact.network.rescaling)
    return pu.load_model(path, num_threads=1)


@pytest.fixture(scope="module")
def exported(person, tmp_path_factory):
    return export(person, tmp_path_factory.mktemp("c") / "person")


@pytest.fixture(scope="module")
def heads(asset):
    """A head as it is, and 19 times cut out otherwise, each other time darker."""
    face, dice = pu.read_image(asset("faces/300w_indoor_020.png")), np.random.default_rng(0)
    most = face.shape[1] // 8
    crops = [face]
    for number in range(19):
        left, top, right, bottom = dice.integers(1, most, 4)
        crops.append(
            (face[top:-bottom, left:-right] * (1 - 0.5 * dice.random() * (number % 2))).astype(
                np.uint8
            )
        )
    return crops


def prepared(model, pictures):
    return model.network.prepare(np.stack([model.preprocess(picture)[0] for picture in pictures]))


def by_c_and_runtime(bundle, model, images):
    """Real values of the only output by the C code and by ONNX Runtime, channels last, and how much
    a step is."""
    (tensor,), session = bundle.outputs, onnx_session(model.path, 2, fused=False)
    scale, zero = float(tensor.quantization.scales[0]), int(tensor.quantization.zero_points[0])
    steps = bundle.run_host(bundle.prepare(images))[tensor.name].astype(int)
    wanted = np.concatenate(
        [session.run(None, {model.network.input.name: image[None]})[0] for image in images]
    )
    wanted = wanted.transpose(0, 2, 3, 1) if wanted.shape[1:] != tensor.shape[1:] else wanted
    return (steps - zero) * scale, wanted, scale


def steps_off(bundle, model, images):
    """Of the operators, by what they make: how far each value is from ONNX Runtime's, of the very
    same 8-bit operands."""
    tensors = bundle.run_host(bundle.prepare(images), debug=True)
    own = {
        name: array if name in {t.name for t in bundle.outputs} else array[0]
        for name, array in tensors.items()
    }
    return operators_apart(onnx.load(model.path), own, images)


def test_every_operator_of_a_head(zoo_model, heads, tmp_path):
    model = zoo_model("head_landmarks_192")
    apart = steps_off(export(model, tmp_path / "out"), model, prepared(model, heads[:1]))
    assert len(apart) == 80 and max(steps.max() for steps in apart.values()) <= 1
    assert min((steps == 0).mean() for steps in apart.values()) >= 0.999


def test_every_operator_of_a_person(person, exported, pictures):
    """Of the values of an image resized by two, up to 7 % lie halfway between two steps; there the
    floats of ONNX Runtime fall to either side."""
    apart = steps_off(exported, person, prepared(person, pictures[:1]))
    assert len(apart) > 70 and max(steps.max() for steps in apart.values()) <= 1
    assert (np.concatenate([steps.ravel() for steps in apart.values()]) == 0).mean() >= 0.999
    least = {name: 0.93 if name.startswith("Resize") else 0.999 for name in apart}
    assert not {
        name: (apart[name] == 0).mean() for name in apart if (apart[name] == 0).mean() < least[name]
    }


def by_operators(model):
    """A model that ONNX Runtime runs without graph optimizations."""
    session = onnx_session(model.path, 2, fused=False)
    invoke = lambda array: session.run(None, {model.network.input.name: array})  # noqa: E731
    return replace(model, network=replace(model.network, invoke=invoke))


def test_the_error_of_a_head_against_ground_truth(zoo_model, asset):
    model, faces = zoo_model("head_landmarks_192"), pu.load_dataset(asset("faces"))
    errors = [
        pu.evaluate(each, faces, progress=False).metrics["nme"]
        for each in (by_operators(model), as_exported(model))
    ]
    assert errors[0] < 0.1 and errors[1] == pytest.approx(errors[0], abs=0.001)


@pytest.fixture(scope="module")
def several(asset, tmp_path_factory):
    """YOLO as a QDQ network."""
    path = tmp_path_factory.mktemp("yolo") / "yolo.onnx"
    onnx.save(
        qdq_of(read_tflite(asset("models/yolov8n_256_quant_pc_uf_pose_coco-st.tflite"))), path
    )
    return pu.load_model(path, "yolo_mpe", num_threads=2)


def test_every_operator_of_yolo(several, asset, tmp_path):
    images = prepared(several, [pu.read_image(asset("images/bus.jpg"))])
    apart = steps_off(export(several, tmp_path / "out"), several, images)
    assert len(apart) > 150 and max(steps.max() for steps in apart.values()) <= 1
    assert min((steps == 0).mean() for steps in apart.values()) >= 0.999


def test_average_precision_of_yolo(several, asset):
    images = pu.load_dataset(asset("coco-mini"))
    people = images.subset([sample for sample in images if (sample.visibility > 0).any()])
    ap = [
        pu.evaluate(model, people, progress=False).metrics["ap"]
        for model in (by_operators(several), as_exported(several))
    ]
    assert ap[0] > 0.1 and ap[1] == pytest.approx(ap[0], abs=0.003)


def test_heads(zoo_model, heads, tmp_path):
    """Of 20 crops, keypoints are on average within 0.3 pixel of ONNX Runtime's, and no coordinate
    is more than two steps off."""
    model = zoo_model("head_landmarks_192")
    bundle = export(model, tmp_path / "out")
    made, wanted, step = by_c_and_runtime(bundle, model, prepared(model, heads))
    apart = np.linalg.norm((made - wanted).reshape(len(heads), 468, 2), axis=2)
    assert apart.mean() < 0.3 and np.abs(made - wanted).max() < 2.01 * step and np.ptp(wanted) > 100
    assert bundle.report.arena_bytes <= 433 * 1024 and bundle.report.macs == 34_637_472
    kinds = [row["operator"] for row in bundle.report.layers]
    assert kinds.count("PRELU") == 20 and bundle.report.flash_bytes < 485_000


def test_people(person, exported, pictures):
    made, wanted, step = by_c_and_runtime(exported, person, prepared(person, pictures))
    assert (np.abs(made - wanted) < 1.01 * step).mean() > 0.97
    name = person.network.outputs[0].name
    found = [
        person.decode(person.find_outputs({name: np.float32(maps.transpose(0, 3, 1, 2))}))
        for maps in (made, wanted)
    ]
    points = [np.stack([poses.keypoints[0] for poses in each]) for each in found]
    assert (
        np.linalg.norm(points[0] - points[1], axis=2).mean() < 0.5 and len(np.unique(wanted)) > 50
    )
    assert exported.inputs[0].dtype == "int8" and exported.inputs[0].shape == (1, 192, 192, 3)
    assert exported.report.arena_bytes <= 540 * 1024 and exported.report.flash_bytes < 560 * 1024


def test_the_program_prints_the_keypoints_that_the_model_finds(
    person, exported, pictures, tmp_path
):
    (tmp_path / "in.bin").write_bytes(exported.prepare(prepared(person, pictures[:1])).tobytes())
    subprocess.run(["make", "-s", "-C", exported.sources, "host"], check=True)
    command = [exported.sources / "build/main", "in.bin", "out.bin"]
    printed = subprocess.run(
        command, cwd=tmp_path, check=True, capture_output=True, text=True
    ).stdout.splitlines()[:-1]
    shutil.rmtree(exported.sources / "build")
    points = np.array([line.split() for line in printed], float)[:, 2:4]
    image, transform = person.preprocess(pictures[0])
    poses = person.decode(person.run(image[None]))[0]
    # an uncertain heatmap may have two peaks of equal height, of which one step of 8 bits chooses
    certain = poses.scores[0] > 0.3
    apart = np.linalg.norm(points - poses.keypoints[0], axis=1)
    assert points.shape == (17, 2) and certain.sum() >= 12 and apart[certain].max() < 0.5


def test_the_proof_tells_how_close_it_is(person, exported, pictures, monkeypatch):
    monkeypatch.setattr(emulation, "missing_tools", lambda: ["qemu-system-arm"])
    proof = prove(exported, person, pictures[0])
    assert proof.core == "this computer" and 0.95 < proof.close <= 1
    assert np.linalg.norm(proof.there.keypoints - proof.here.keypoints, axis=-1).mean() < 1


def test_the_proof_sees_weights_that_are_not_the_same(person, pictures, tmp_path, monkeypatch):
    monkeypatch.setattr(emulation, "missing_tools", lambda: ["qemu-system-arm"])
    bundle = export(person, tmp_path / "c")
    weights = bundle.sources / "person_weights.c"
    weights.write_text(
        re.sub(
            r"(int8_t \w*weights_0\[\d+\] = \{)([^}]*)",
            lambda m: m[1] + m[2].replace("-", ""),
            weights.read_text(),
        )
    )
    assert prove(bundle, person, pictures[0]).close < 0.9


@with_qemu
def test_an_emulated_core_gives_the_same_bytes(person, exported, pictures):
    image = exported.prepare(prepared(person, pictures[:1]))
    here, there = exported.run_host(image), exported.emulate(image)
    assert all(here[t.name].tobytes() == there.outputs[t.name].tobytes() for t in exported.outputs)
    assert exported.report.macs < there.instructions[0] < 20 * exported.report.macs


def test_the_bundle_names_its_source_and_is_the_same_each_time(person, exported, tmp_path):
    again = export(person, tmp_path / "again")
    files = [path for path in exported.path.rglob("*") if path.is_file()]
    assert len(files) > 10
    for path in files:
        assert path.read_bytes() == (again.path / path.relative_to(exported.path)).read_bytes()
    manifest = json.loads((again.path / "manifest.json").read_text())
    assert manifest["versions"]["onnx_opset"] == 17 and manifest["model"]["source"] == "person.onnx"
    assert (again.path / "person.onnx").read_bytes() == person.path.read_bytes()
    assert (
        "ONNX Runtime" in (again.path / "README.md").read_text()
        and "LiteRT" not in (again.path / "README.md").read_text()
    )


def test_the_file_s_own_ends(person, pictures, tmp_path):
    bundle = export(person, tmp_path / "out", io="file")
    images = prepared(person, pictures[:1])
    assert (
        bundle.inputs[0].dtype == "uint8"
        and bundle.outputs[0].dtype == "float32"
        and bundle.outputs[0].shape == (1, 48, 48, 17)
    )
    inner = export(person, tmp_path / "inner")
    (steps,) = inner.run_host(inner.prepare(images)).values()
    (real,) = bundle.run_host(bundle.prepare(images)).values()
    scaled = inner.outputs[0].quantization
    np.testing.assert_allclose(
        real, (steps.astype(np.float32) - scaled.zero_points[0]) * scaled.scales[0], atol=1e-6
    )


def test_nothing_is_written_of_what_cannot_become_c(person, tmp_path):
    net, path = Net((1, 3, 32, 32)), tmp_path / "float.onnx"
    path.write_bytes(net.model([net.conv("x", 3, 13, strides=[4, 4])]).SerializeToString())
    with pytest.raises(
        PoseError, match=r"float.onnx computes in floating point; .* operation_mode chain_qd"
    ):
        export(path, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_linux_board_gets_the_c_code_and_is_told_why_no_program(person, tmp_path):
    bundle = export(person, tmp_path / "out", board="STM32MP257F-EV1")
    assert "predict.py" not in bundle.files and "c/person.c" in bundle.files
    told = "There is no `predict.py`: it takes a pose network as a .tflite."
    assert told in (bundle.path / "README.md").read_text()


def test_the_bundle_has_the_file_as_it_is(person, tmp_path):
    bundle = export(person, tmp_path / "out")
    assert (
        bundle.model_path.name == "person.onnx"
        and bundle.model_path.read_bytes() == person.path.read_bytes()
    )
    readme = (bundle.path / "README.md").read_text()
    assert "person.onnx" in readme and "xxd" not in readme

"""Networks that are not pose networks as C, and which files get a decoder."""

import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

import poseutils as pu
from poseutils import PoseError
from poseutils.__main__ import main
from poseutils.compiler.frontends.tflite import parse_tflite
from poseutils.deployment import default_name
from poseutils.deployment.recognition import recognized
from tests.helpers.marks import with_gcc
from tests.helpers.networks.tiny_tflite import CONVOLUTION, build, heatmap_model, sum_of_two, tensor
from tests.helpers.running.litert_reference import Reference


def classes_map(count=3) -> bytes:
    """A map of classes: by its shape it could be heatmaps of so many keypoints."""
    return heatmap_model(keypoints=count)


@pytest.fixture
def file(tmp_path):
    def write(data: bytes, name: str = "some.tflite"):
        path = tmp_path / name
        path.write_bytes(data)
        return path

    return write


@with_gcc
def test_a_network_of_two_inputs_gives_the_reference_bits(file, tmp_path):
    data = sum_of_two()
    bundle = pu.export(file(data), tmp_path / "out")
    assert bundle.model_type is None and bundle.manifest["model"]["model_type"] is None
    dice = np.random.default_rng(0)
    inputs = {
        "a": dice.integers(-128, 128, (3, 5, 8), np.int8),
        "b": dice.integers(-128, 128, 3 * 8, np.int8),
    }
    outputs, reference = bundle.run_host(inputs), Reference(data)
    for number in range(3):
        reference.interpreter.set_tensor(1, inputs["b"][8 * number : 8 * number + 8])
        reference.run(inputs["a"][number : number + 1])
        np.testing.assert_array_equal(outputs["c"][number : number + 1], reference.tensor(2))
        np.testing.assert_array_equal(
            outputs["d"][8 * number : 8 * number + 8], reference.tensor(3)
        )
    with pytest.raises(PoseError, match=r"inputs \['a'\]; the network takes 'a', 'b'"):
        bundle.run_host(inputs["a"])
    with pytest.raises(PoseError, match="different numbers of images"):
        bundle.run_host(inputs | {"b": inputs["b"][:8]})


@with_gcc
def test_the_folder_without_a_decoder_is_whole(file, tmp_path):
    bundle = pu.export(file(sum_of_two()), tmp_path / "out", name="sum")
    files = (path for path in bundle.path.rglob("*") if path.is_file())
    names = {path.relative_to(bundle.path).as_posix() for path in files}
    assert names == {*bundle.manifest["files"], "manifest.json"}
    assert not {
        name
        for name in names
        if "poses" in name or "decode_" in name or name in ("labels.txt", "app_config.h")
    }
    text = "".join(
        (bundle.path / name).read_text()
        for name in ("README.md", "c/example/main.c", "c/Makefile", "c/CMakeLists.txt", "c/sum.c")
    )
    assert (
        "poses" not in text
        and "keypoint" not in text
        and "pose_decode" not in text
        and "@end" not in text
    )
    assert "without a decoder" in text and "sum_input(&network, 1)" in text
    (tmp_path / "in.bin").write_bytes(bytes(48 * 4))
    subprocess.run(["make", "-s", "-C", bundle.sources], check=True)
    command = [bundle.sources / "build/main", tmp_path / "in.bin", tmp_path / "out.bin"]
    assert (
        subprocess.run(command, check=True, capture_output=True, text=True).stdout == "4 images\n"
    )
    for data, images in ((bytes(20), 0), (b"", 0), (bytes(48 + 47), 1)):
        (tmp_path / "in.bin").write_bytes(data)
        cut = subprocess.run(command, capture_output=True, text=True)
        assert cut.returncode == 1 and cut.stdout == f"{images} images\n"
        assert "the inputs of an image have 48 bytes" in cut.stderr


def test_names_in_a_model_are_no_markup_in_the_readme(file, tmp_path):
    data = build(
        [tensor("<script>a|b", [1, 4]), tensor("`c`", [1, 4])], [("ABS", [0], [1])], [0], [1]
    )
    bundle = pu.export(file(data, "<b>some.tflite"), tmp_path / "out", name="some")
    text = (bundle.path / "README.md").read_text()
    assert "<script>" not in text and "<b>" not in text and "`c`" not in text
    assert "&#60;script&#62;a&#124;b" in text and "&#60;b&#62;some.tflite" in text


@pytest.mark.parametrize(
    ("first", "second", "world_first"), [(1.0, 0.002, False), (0.002, 1.0, True), (1.0, 0.9, False)]
)
def test_meters_of_a_hand_are_known_by_their_range(first, second, world_first):
    tensors = [
        tensor("image", (1, 3, 7, 3), scale=0.5),
        tensor("shape", (2,), "INT32", np.array([1, 63], np.int32), scale=None),
        tensor("axis", (1,), "INT32", np.array([1], np.int32), scale=None),
        tensor("values", (1, 63), scale=0.5),
        tensor("Identity", (1, 63), scale=first),
        tensor("Identity_1", (1, 1), scale=1 / 256, zero_point=-128),
        tensor("Identity_3", (1, 63), scale=second),
    ]
    operators = [
        ("RESHAPE", [0, 1], [3], ("ReshapeOptions", {})),
        ("QUANTIZE", [3], [4]),
        ("MEAN", [3, 2], [5], ("ReducerOptions", {"keepDims": True})),
        ("QUANTIZE", [3], [6]),
    ]
    for outputs in ([4, 5, 6], [6, 5, 4]):  # the order in the file tells nothing
        graph = parse_tflite(build(tensors, operators, [0], outputs), "hand")
        found = recognized(graph, "hand.tflite")
        assert found.model_type == "hand_spe" and found.spec.world_first == world_first


@pytest.mark.parametrize("count", [13, 17])
def test_heatmaps_of_a_known_layout_get_their_decoder(file, tmp_path, count):
    bundle = pu.export(file(heatmap_model(keypoints=count)), tmp_path / "out")
    assert bundle.model_type == "heatmaps_spe" and (bundle.sources / "some_poses.c").exists()
    assert f"type heatmaps_spe with {count} keypoints" in (bundle.path / "README.md").read_text()


def test_a_map_of_classes_is_not_taken_for_heatmaps_unless_it_is_said(file, tmp_path):
    path = file(classes_map())
    assert pu.export(path, tmp_path / "one").model_type is None
    said = pu.export(path, tmp_path / "two", model_type="heatmaps_spe")
    loaded = pu.export(pu.load_model(path, "heatmaps_spe"), tmp_path / "three")
    assert said.model_type == loaded.model_type == "heatmaps_spe"
    assert (said.sources / "some_poses.c").read_bytes() == (
        loaded.sources / "some_poses.c"
    ).read_bytes()
    with pytest.raises(PoseError, match="model_type='yolo_mpe' expects"):
        pu.export(path, tmp_path / "four", model_type="yolo_mpe")
    with pytest.raises(PoseError, match="model_type='spe' takes one image .*'a' .*'b'"):
        pu.export(file(sum_of_two()), tmp_path / "five", model_type="spe")


NO_RUNTIME = """
import sys
from poseutils.__main__ import main
assert main(["export", *sys.argv[1:]]) == 0
heavy = {"onnxruntime", "tensorflow", "keras", "ai_edge_litert.interpreter", "torch"}
print(sorted(name for name in sys.modules if name in heavy or name.startswith("_pywrap")))
"""


@pytest.mark.parametrize(
    "given", ["data/models/st_movenet_lightning_heatmaps_a035_192_int8.tflite", "sum"]
)
def test_the_command_needs_no_runtime(file, repository, tmp_path, given):
    path = file(sum_of_two()) if given == "sum" else repository / given
    command = [sys.executable, "-c", NO_RUNTIME, path, tmp_path / "out", "--io", "file"]
    *said, loaded = subprocess.run(
        command, check=True, capture_output=True, text=True
    ).stdout.splitlines()
    assert loaded == "[]" and (tmp_path / f"out/c/{default_name(path)}.c").exists()
    assert ("without a decoder" if given == "sum" else "with the decoder of heatmaps_spe") in said[
        0
    ]


def test_the_command_says_what_is_wrong(tmp_path, capsys):
    assert main(["export", str(tmp_path / "none.tflite"), str(tmp_path / "out")]) == 1
    assert "none.tflite" in capsys.readouterr().err
    float_network = build(
        [
            tensor("x", (1, 8, 8, 3), "FLOAT32", scale=None),
            tensor("w", (4, 4, 4, 3), "FLOAT32", np.ones((4, 4, 4, 3), np.float32), None),
        ]
        + [
            tensor("b", (4,), "FLOAT32", np.ones(4, np.float32), None),
            tensor("y", (1, 2, 2, 4), "FLOAT32", scale=None),
        ],
        [("CONV_2D", [0, 1, 2], [3], CONVOLUTION)],
        [0],
        [3],
    )
    (tmp_path / "float.tflite").write_bytes(float_network)
    assert main(["export", str(tmp_path / "float.tflite"), str(tmp_path / "out")]) == 1
    assert (
        "1 of its 1 convolutions compute in floating point" in capsys.readouterr().err
        and not (tmp_path / "out").exists()
    )


def test_x_before_y_is_not_read_in_c(zoo_model, tmp_path):
    """The decoder in C would exchange them without a word."""
    model = zoo_model("movenet_lightning_192")
    swapped = replace(model, input_spec=replace(model.input_spec, x_first=True))
    with pytest.raises(PoseError, match="has keypoints as x, y, score instead of y, x, score"):
        pu.export(swapped, tmp_path / "out")
    assert not (tmp_path / "out").exists()

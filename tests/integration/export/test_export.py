"""Published networks as C: every bit as LiteRT's reference kernels have it, in the memory that was
promised."""

import shutil
import subprocess

import numpy as np
import pytest

import poseutils as pu
from poseutils.compiler.compile import compile_graph
from poseutils.compiler.frontends.tflite import read_tflite
from poseutils.compiler.report import tensor_rows
from poseutils.config import Config
from poseutils.decoders import DECODERS, ONE_PERSON_TYPES, Thresholds
from poseutils.decoders.ssd_detector import THRESHOLDS
from poseutils.deployment import export
from poseutils.models.networks.network import open_network
from tests.helpers.marks import slow_except, with_gcc, with_qemu
from tests.helpers.networks.tiny_tflite import heatmap_model
from tests.helpers.running.litert_reference import Reference, same

SHIPPED = "st_movenet_lightning_heatmaps_a035_192_int8.tflite"
ARENA = {
    SHIPPED: 542,
    "st_movenet_lightning_heatmaps_192_int8_pc.tflite": 1085,
    "movenet_singlepose_lightning_192_int8.tflite": 1085,
    "033_hand_landmark_full_quant_pc_uf_handl.tflite": 985,
    "033_palm_detection_full_quant_pc_uf_od.tflite": 870,
    "blazeface_front_128_quant_pc_ff_od_wider_face.tflite": 306,
    "yolov8n_256_quant_pc_uf_pose_coco-st.tflite": 452,
    "yolo11n_256_quant_pc_uf_pose_coco-st.tflite": 564,
}
"""KiB that each may take at most."""


@pytest.fixture
def file_of(asset, repository):
    return lambda file: (
        repository / "data/models" / file if file == SHIPPED else asset(f"models/{file}")
    )


@pytest.fixture
def pictures(repository):
    """``pictures(network, count)``: real images as the network's input takes them."""

    def make(network, count):
        paths = sorted((repository / "data/synthetic-people/val").rglob("*.*g"))[:count]
        size = network.input_size
        images = [pu.fit_to(pu.read_image(path), size)[0] for path in paths]
        return network.prepare(np.stack(images))

    return make


def expected_of(reference, bundle, image):
    """The reference's values of what the C code takes and gives, by name."""
    reference.run(image)
    index = {tensor.name: i for i, tensor in enumerate(bundle.file_graph.tensors)}
    return {t.name: reference.tensor(index[t.name]) for t in (*bundle.inputs, *bundle.outputs)}


@with_gcc
@pytest.mark.parametrize("file", slow_except({SHIPPED}, ARENA))
def test_network_gives_the_reference_bits(file_of, exported, pictures, file):
    network = open_network(file_of(file), rescaling=(1 / 255, 0.0))
    bundle = exported(file_of(file))
    images, reference = pictures(network, 2), Reference(file_of(file))
    prepared = bundle.prepare(images)
    results = bundle.run_host(prepared, debug=True)
    for number in range(len(images)):
        expected = expected_of(reference, bundle, images[number : number + 1])
        check_tensors(bundle, reference, results, number)
        assert same(prepared[number : number + 1], expected[bundle.inputs[0].name])
        for output in bundle.outputs:
            assert same(results[output.name][number : number + 1], expected[output.name])
    assert bundle.report.arena_bytes <= ARENA[file] * 1024


def check_tensors(bundle, reference, results, number):
    """Every tensor that the C code computes for one image."""
    outputs, compared = {t.name for t in bundle.outputs}, 0
    for index, made in enumerate(bundle.file_graph.tensors):
        if made.name in results and made.name not in outputs:
            assert same(results[made.name][number], reference.tensor(index)), made.name
            compared += 1
    assert compared >= len(bundle.report.layers) - len(outputs)


PEOPLE = {
    "st_movenet_lightning_heatmaps_192_int8_pc.tflite": "images/bus.jpg",
    "movenet_singlepose_lightning_192_int8.tflite": "images/bus.jpg",
    "033_hand_landmark_full_quant_pc_uf_handl.tflite": "hands/freihand_00000355.jpg",
    "033_palm_detection_full_quant_pc_uf_od.tflite": "hands/freihand_00000355.jpg",
    "blazeface_front_128_quant_pc_ff_od_wider_face.tflite": "faces/300w_indoor_020.png",
    "yolov8n_256_quant_pc_uf_pose_coco-st.tflite": "images/bus.jpg",
}


@with_gcc
@pytest.mark.parametrize("file", slow_except({SHIPPED}, PEOPLE))
def test_program_prints_the_keypoints_that_the_notebook_finds(file_of, asset, tmp_path, file):
    model = pu.load_model(file_of(file))
    confidence = 0 if model.model_type in ONE_PERSON_TYPES else 0.25
    settings = {"postprocessing": {"confidence_thresh": confidence}}
    config = Config(model={"model_type": "heatmaps_spe"}, **settings)
    bundle = export(model, tmp_path / "out", config=config)
    image = pu.fit_to(pu.read_image(asset(PEOPLE[file])), model.input_size, model.aspect_ratio)[0]
    reference = Reference(file_of(file))
    prepared = bundle.prepare(model.network.prepare(image[None]))
    printed = np.array(
        [line.split() for line in keypoint_lines(bundle, prepared, tmp_path)], np.float64
    )
    expected_of(reference, bundle, model.network.prepare(image[None]))
    details = reference.interpreter.get_output_details()
    raw = {d["name"]: reference.tensor(d["index"]).astype(np.float32) for d in details}
    thresholds = THRESHOLDS if model.model_type == "detector" else Thresholds(confidence, 0.5)
    decoder = DECODERS[model.model_type]
    poses = decoder.decode(
        decoder.find(raw, model.input_spec), model.input_spec, model.layout, thresholds
    )[0]
    assert len(printed) == len(poses) * len(model.layout) > 0
    np.testing.assert_allclose(printed[:, 2:4], poses.keypoints.reshape(-1, 2), atol=1.1e-3)
    np.testing.assert_allclose(printed[:, 4], poses.scores.reshape(-1), atol=2e-6)


def keypoint_lines(bundle, prepared, folder):
    (folder / "in.bin").write_bytes(prepared.tobytes())
    subprocess.run(["make", "-s", "-C", bundle.sources, "host"], check=True)
    printed = subprocess.run(
        [bundle.sources / "build/main", "in.bin", "out.bin"],
        cwd=folder,
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    *lines, last = printed.splitlines()
    assert last == "1 images"
    return lines


@with_gcc
@pytest.mark.parametrize("file", [SHIPPED, "blazeface_front_128_quant_pc_ff_od_wider_face.tflite"])
def test_inputs_and_outputs_of_the_file_itself(file_of, pictures, tmp_path, file):
    network = open_network(file_of(file), rescaling=(1 / 255, 0.0))
    bundle = export(pu.load_model(file_of(file)), tmp_path / "out", io="file")
    image, reference = pictures(network, 1), Reference(file_of(file))
    assert bundle.inputs[0].dtype == network.input.dtype and {t.dtype for t in bundle.outputs} == {
        "float32"
    }
    assert bundle.prepare(image) is image
    results, expected = bundle.run_host(image), expected_of(reference, bundle, image)
    assert all(same(results[t.name], expected[t.name]) for t in bundle.outputs)


@with_gcc
@pytest.mark.parametrize(
    ("compiler", "file"),
    [
        ("gcc", SHIPPED),
        pytest.param("clang", SHIPPED, marks=pytest.mark.slow),
        pytest.param(
            "clang", "movenet_singlepose_lightning_192_int8.tflite", marks=pytest.mark.slow
        ),
        pytest.param("gcc", "yolo11n_256_quant_pc_uf_pose_coco-st.tflite", marks=pytest.mark.slow),
    ],
)
def test_code_is_clean(file_of, exported, pictures, tmp_path, file, compiler):
    if shutil.which(compiler) is None:
        pytest.skip(f"{compiler} is not installed here")
    bundle = exported(file_of(file))
    image = bundle.prepare(pictures(open_network(file_of(file)), 1))
    (tmp_path / "in.bin").write_bytes(image.tobytes())
    flags = (
        "-std=c99 -O1 -Wall -Wextra -Wpedantic -Wconversion -Wundef -Werror "
        "-fsanitize=address,undefined -fno-sanitize-recover=all"
    )
    sources = [
        f"-I{bundle.sources}",
        *map(str, bundle.sources.glob("*.c")),
        str(bundle.sources / "example/main.c"),
    ]
    subprocess.run(
        [compiler, *flags.split(), *sources, "-lm", "-o", "main"], cwd=tmp_path, check=True
    )
    subprocess.run(
        ["./main", "in.bin", "out.bin"], cwd=tmp_path, check=True, stdout=subprocess.DEVNULL
    )
    expected = bundle.run_host(image)
    assert (tmp_path / "out.bin").read_bytes() == b"".join(
        expected[t.name].tobytes() for t in bundle.outputs
    )


@pytest.mark.slow
@with_gcc
@with_qemu
@pytest.mark.parametrize("core", ["Cortex-M4", "Cortex-M7", "Cortex-M55"])
def test_emulated_core_gives_the_same_bytes(file_of, exported, pictures, core):
    bundle = exported(file_of(SHIPPED))
    images = bundle.prepare(pictures(open_network(file_of(SHIPPED)), 2))
    here, there = bundle.run_host(images), bundle.emulate(list(images), core)
    assert there.core == core and all(
        same(here[t.name], there.outputs[t.name]) for t in bundle.outputs
    )
    most = {"Cortex-M4": 4, "Cortex-M7": 4, "Cortex-M55": 1.5}[core] * bundle.report.macs
    assert len(there.instructions) == 2 and all(
        0.5 * bundle.report.macs < n < most for n in there.instructions
    )
    assert there.instructions == bundle.emulate(images, core).instructions
    code = there.text_bytes - bundle.report.flash_bytes
    assert (
        0 < code < 80 * 1024
        and bundle.report.arena_bytes <= there.bss_bytes < bundle.report.arena_bytes + 8192
    )


@with_qemu
def test_reported_flash_is_what_the_arm_tools_count(file_of, exported, tmp_path):
    bundle = exported(file_of(SHIPPED))
    subprocess.run(
        [
            "arm-none-eabi-gcc",
            "-std=c99",
            "-c",
            bundle.sources / f"{bundle.name}_weights.c",
            "-o",
            tmp_path / "w.o",
        ],
        check=True,
    )
    text = (
        subprocess.run(
            ["arm-none-eabi-size", tmp_path / "w.o"], check=True, capture_output=True, text=True
        )
        .stdout.splitlines()[1]
        .split()[0]
    )
    # Up to the alignment of constants
    assert (
        bundle.report.flash_bytes
        <= int(text)
        < bundle.report.flash_bytes + 4 * len(bundle.report.layers)
    )


@pytest.fixture
def small(tmp_path):
    path = tmp_path / "small.tflite"
    path.write_bytes(heatmap_model(keypoints=13))
    return path


def test_report_tells_each_layer_and_what_was_folded(file_of, exported):
    bundle = exported(file_of(SHIPPED))
    rows, changes = bundle.report.layers, {row["operator"]: row for row in bundle.report.changes}
    assert max(row["arena_bytes"] for row in rows) == bundle.report.bound_bytes
    assert sum(row["macs"] for row in rows) == bundle.report.macs
    assert all(
        row["arena_bytes"] >= row["scratch_bytes"] >= 0 and row["input_shapes"] for row in rows
    )
    first = rows[0]
    assert (first["operator"], first["input_shapes"], first["output_shape"]) == (
        "CONV_2D",
        [(1, 192, 192, 3)],
        (1, 96, 96, 16),
    )
    # Windows of 3 x 3 values of 3 channels, in whole words: two of 8 bits, two of 16
    assert first["scratch_bytes"] == 6 * 28
    assert changes["QUANTIZE"] == {
        "operator": "QUANTIZE",
        "before": 1,
        "after": 0,
        "folded": "1 left to the application",
    }
    assert changes["LOGISTIC"]["folded"] == "1 into TABLE" and changes["TABLE"] == {
        "operator": "TABLE",
        "before": 0,
        "after": 1,
        "folded": "",
    }
    assert sum(row["before"] for row in changes.values()) == len(bundle.file_graph.operators)


@pytest.mark.parametrize(
    "file", slow_except({SHIPPED}, [SHIPPED, "yolo11n_256_quant_pc_uf_pose_coco-st.tflite"])
)
def test_tensors_lie_within_their_buffers(file_of, file):
    graph = read_tflite(file_of(file))
    arena = compile_graph(graph, file, "quantized", "net").arena
    places = {graph.tensors[t].name: place.buffer for t, place in arena.storage.places.items()}
    for row in tensor_rows(arena):
        if row["tensor"] != "scratch":
            buffer = places[row["tensor"]]
            first = arena.plan.offsets[buffer]
            last = first + arena.storage.buffers[buffer].size
            assert first <= row["offset"] and row["offset"] + row["bytes"] <= last


@pytest.mark.slow
def test_folding_says_what_became_of_paddings_and_side_by_side(file_of, exported):
    bundle = exported(file_of("yolo11n_256_quant_pc_uf_pose_coco-st.tflite"))
    changes = {row["operator"]: row["folded"] for row in bundle.report.changes}
    assert (
        changes["PAD"] == "7 into CONV_2D"
        and changes["LOGISTIC"] == "85 into TABLE"
        and "in place already" in changes["CONCATENATION"]
    )


@pytest.mark.slow
def test_the_decoder_does_what_the_configuration_says(small, repository, asset, tmp_path):
    settings = [
        "postprocessing.refine=quarter",
        "postprocessing.NMS_measure=oks",
        "postprocessing.max_candidate_boxes=77",
    ]
    config = pu.load_config(repository / "user_config.yaml", settings)
    heatmaps = export(small, tmp_path / "one", config=config).sources / "small_poses.c"
    assert "POSE_REFINE_QUARTER" in heatmaps.read_text()
    several = export(
        asset("models/yolov8n_256_quant_pc_uf_pose_coco-st.tflite"),
        tmp_path / "many",
        config=config,
        name="network",
    ).sources
    text = (several / "network_poses.c").read_text()
    header = (several / "network_poses.h").read_text()
    flat = " ".join(text.split())  # whatever its lines
    assert (
        "static const float sigmas[] = {0.026f" in flat
        and "NETWORK_MAX_CANDIDATES, sigmas}" in flat
    )
    assert "#define NETWORK_MAX_CANDIDATES 77\n" in header
    command = [
        "gcc",
        "-std=c99",
        "-Wall",
        "-Wextra",
        "-Wconversion",
        "-Werror",
        "-fsyntax-only",
        several / "network_poses.c",
    ]
    assert shutil.which("gcc") is None or subprocess.run(command).returncode == 0

"""The folder that export writes, and what it refuses."""

import hashlib
import json
import os
import shutil
import subprocess

import numpy as np
import pytest

import poseutils as pu
from poseutils import PoseError
from poseutils.deployment import export, readme
from tests.helpers.marks import with_gcc, with_qemu, with_tools
from tests.helpers.networks.tiny_tflite import build, heatmap_model, tensor
from tests.helpers.running.litert_reference import same


@pytest.fixture
def small(tmp_path):
    path = tmp_path / "small.tflite"
    path.write_bytes(heatmap_model(keypoints=13))
    return path


def files_in(folder):
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def test_same_input_gives_the_same_bytes_and_the_manifest_lists_them(small, tmp_path):
    bundle, again = (export(small, tmp_path / name) for name in ("one", "two"))
    for name in files_in(bundle.path):
        assert (bundle.path / name).read_bytes() == (again.path / name).read_bytes()
    assert json.loads((bundle.path / "manifest.json").read_text()) == bundle.manifest
    for name, record in bundle.manifest["files"].items():
        data = (bundle.path / name).read_bytes()
        assert record == {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
    assert files_in(bundle.path) == {*bundle.manifest["files"], "manifest.json"}


def test_operators_without_counts_are_named(small, tmp_path, monkeypatch):
    """One or several."""
    monkeypatch.setattr(readme, "unmeasured", lambda compiled, core: ["SPLIT"])
    text = (export(small, tmp_path / "out").path / "README.md").read_text()
    assert "An average is used for operators without counts: SPLIT." in " ".join(text.split())


@pytest.mark.slow
@with_qemu
def test_emulation_takes_a_list_of_what_the_file_takes(small, tmp_path):
    bundle = export(small, tmp_path / "out")
    pixels = [np.full((1, 16, 24, 3), value, np.uint8) for value in (3, 200, 90)]
    prepared = bundle.prepare(pixels)
    assert prepared.shape == (3, 16, 24, 3) and prepared.dtype == np.int8
    emulated = bundle.emulate(pixels, "Cortex-M4")
    assert len(emulated.instructions) == 3
    assert same(emulated.outputs["heatmaps"], bundle.run_host(prepared)["heatmaps"])


@pytest.mark.parametrize(
    "wrong",
    [
        np.zeros((1, 16, 24, 3), np.float32),
        np.zeros((1, 16, 24, 3), np.int8),
        np.zeros((1, 24, 16, 3), np.uint8),
        np.zeros((0, 16, 24, 3), np.uint8),
    ],
    ids=["float", "as the C code takes it", "turned", "no image"],
)
def test_what_is_prepared_runs_and_the_rest_is_refused(small, tmp_path, wrong):
    bundle = export(small, tmp_path / "out")
    with pytest.raises(PoseError, match=r"expected \(B, 16, 24, 3\) uint8"):
        bundle.prepare(wrong)
    assert bundle.prepare(np.zeros((16, 24, 3), np.uint8)).shape == (1, 16, 24, 3)


def test_images_of_one_list_have_one_shape(small, tmp_path):
    bundle = export(small, tmp_path / "out")
    with pytest.raises(
        PoseError,
        match=r"images of shapes \(1, 16, 24, 3\), \(8, 8, 3\); a list of one shape, "
        r"\(16, 24, 3\), is expected",
    ):
        bundle.emulate([np.zeros((1, 16, 24, 3), np.int8), np.zeros((8, 8, 3), np.int8)])


def test_report_adds_up(small, tmp_path):
    report = export(small, tmp_path / "out").report
    assert [row["operator"] for row in report.layers] == ["CONV_2D"]
    assert sum(row["before"] for row in report.changes) == 2
    assert report.macs == 24 * 13 * 48 and report.arena_bytes >= report.bound_bytes
    assert max(row["offset"] + row["bytes"] for row in report.tensors) <= report.arena_bytes
    assert {row["tensor"] for row in report.tensors} == {"quantized", "heatmaps", "scratch"}


@with_gcc
def test_name_goes_into_files_and_symbols(small, tmp_path):
    bundle = export(small, tmp_path / "out", name="2nd net")
    assert (bundle.sources / "net_2nd_net.c").exists() and bundle.name == "net_2nd_net"
    assert bundle.run_host(np.zeros((1, 16, 24, 3), np.int8))["heatmaps"].shape == (1, 4, 6, 13)


@with_tools("cmake")
def test_cmake_builds_one_network_or_several_in_one_project(small, tmp_path, monkeypatch):
    for name in ("one", "two"):
        export(small, tmp_path / name, name=name)
    assert (tmp_path / "one/c/CMakeLists.txt").read_text().startswith("# CMakeLists.txt: ")
    # The test's own cache would only be in the way: CMake calls the compiler for each file.
    monkeypatch.setenv("CC", shutil.which("cc", path=os.defpath) or "cc")
    configure = ["cmake", "-S", tmp_path / "one/c", "-B", tmp_path / "alone"]
    subprocess.run(configure, check=True, stdout=subprocess.DEVNULL)
    targets = subprocess.run(
        ["cmake", "--build", tmp_path / "alone", "--target", "help"],
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    assert "... one_main" in targets
    (tmp_path / "CMakeLists.txt").write_text(
        "cmake_minimum_required(VERSION 3.13)\nproject(firmware C)\n"
        "add_subdirectory(one/c)\nadd_subdirectory(two/c)\n"
        "add_executable(main app.c)\ntarget_link_libraries(main one two)\n"
    )
    (tmp_path / "app.c").write_text(
        '#include "one_poses.h"\n#include "two_poses.h"\n'
        "int main(void)\n{\n    return one_decode(NULL, NULL) != two_decode(NULL, NULL)"
        " || one_run(NULL) != two_run(NULL);\n}\n"
    )
    subprocess.run(
        ["cmake", "-S", tmp_path, "-B", tmp_path / "build"], check=True, stdout=subprocess.DEVNULL
    )
    subprocess.run(["cmake", "--build", tmp_path / "build"], check=True, stdout=subprocess.DEVNULL)
    subprocess.run([tmp_path / "build/main"], check=True)


@with_gcc
def test_other_inputs_are_refused(small, tmp_path):
    bundle = export(small, tmp_path / "out")
    with pytest.raises(PoseError, match=r"type uint8; expected \(B, 16, 24, 3\) int8"):
        bundle.run_host(np.zeros((1, 16, 24, 3), np.uint8))


def test_without_a_compiler_the_folder_is_still_written(small, tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CC", raising=False)
    bundle = export(small, tmp_path / "out")
    written = {"README.md", "c/small.c", "c/small.h", "c/Makefile"}
    assert written <= files_in(bundle.path)
    with pytest.raises(PoseError, match="no C compiler is installed: install gcc"):
        bundle.run_host(np.zeros((1, 16, 24, 3), np.int8))
    with pytest.raises(
        PoseError, match="apt-get install gcc-arm-none-eabi libnewlib-arm-none-eabi qemu-system-arm"
    ):
        bundle.emulate(np.zeros((1, 16, 24, 3), np.int8))


def test_boards_without_an_emulated_core_are_named(small, tmp_path):
    bundle = export(small, tmp_path / "out")
    with pytest.raises(
        PoseError,
        match="B-U585I-IOT02A has a Cortex-M33; emulated are Cortex-M4, Cortex-M7, Cortex-M55",
    ):
        bundle.emulate(np.zeros((1, 16, 24, 3), np.int8), "B-U585I-IOT02A")


def test_operators_that_litert_does_not_know_are_named_too(small, tmp_path):
    tensors = [tensor(name, (1, 8, 8, 3)) for name in "abc"]
    small.write_bytes(build(tensors, [("CUSTOM", [0], [1]), ("SIN", [1], [2])], [0], [2]))
    with pytest.raises(
        PoseError,
        match=r"(?s)not supported are:\n- CUSTOM: of 'b': the operator is not known\n- SIN of 'c'",
    ):
        export(small, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_an_empty_output_is_refused(small, tmp_path):
    model = pu.load_model(small)
    data = build(
        [tensor("image", (1, 16, 24, 3)), tensor("none", (0, 3))],
        [("RESHAPE", [0], [1], ("ReshapeOptions", {}))],
        [0],
        [1],
    )
    small.write_bytes(data)
    with pytest.raises(PoseError, match=r"'none' of shape \(0, 3\) is empty"):
        export(model, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_unknown_io_is_refused(small, tmp_path):
    with pytest.raises(PoseError, match="io='bits': expected one of quantized, file"):
        export(small, tmp_path / "out", io="bits")

"""Bundles for STM32 boards: what is written, that it compiles, and what is refused."""

import hashlib
import json
import re
import subprocess
from dataclasses import replace

import pytest

import poseutils as pu
from poseutils import PoseError
from poseutils.config import Config
from poseutils.deployment import export
from tests.helpers.marks import with_tools
from tests.helpers.networks.tiny_tflite import heatmap_model
from tests.helpers.running.small_export import STRICT, exported


def content(folder):
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


# Boards.


# Names.


# The bundle.


def test_bundle_is_whole_and_its_hashes_are_right(small, tmp_path):
    bundle = exported(small, tmp_path / "out")
    assert {path.name for path in bundle.path.iterdir()} == {
        "small.tflite",
        "c",
        "app_config.h",
        "labels.txt",
        "README.md",
        "manifest.json",
    }
    assert (bundle.path / "small.tflite").read_bytes() == small.read_bytes()
    assert (bundle.path / "labels.txt").read_text() == "tip\nmiddle\nbase\n"
    written = {p.relative_to(bundle.path).as_posix() for p in bundle.path.rglob("*") if p.is_file()}
    assert set(bundle.files) == written - {"manifest.json"}
    for name, record in bundle.files.items():
        data = (bundle.path / name).read_bytes()
        assert record == {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
    assert json.loads((bundle.path / "manifest.json").read_text()) == bundle.manifest
    assert bundle.manifest["inputs"][0]["dtype"] == "int8"
    assert bundle.manifest["model"]["inputs"] == [
        {
            "name": "image",
            "shape": [1, 16, 24, 3],
            "dtype": "uint8",
            "scale": pytest.approx(1 / 255),
            "zero_point": 0,
        }
    ]
    assert bundle.manifest["model"]["macs"] == 24 * 3 * 48


def test_same_input_gives_the_same_bytes(small, tmp_path):
    both = [exported(small, tmp_path / name).path for name in ("one", "two")]
    files = [path for path in both[0].rglob("*") if path.is_file()]
    assert len(files) > 10
    for path in files:
        assert path.read_bytes() == (both[1] / path.relative_to(both[0])).read_bytes()


@with_tools("xxd")
def test_the_c_array_of_the_readme_is_the_model(small, tmp_path):
    folder = exported(small, tmp_path / "out").path
    (command,) = re.findall(r"^\(echo[^`]*", (folder / "README.md").read_text(), re.MULTILINE)
    subprocess.run(["sh", "-c", command], cwd=folder, check=True)
    (tmp_path / "main.c").write_text(
        f'#include <stdint.h>\n#include <stdio.h>\n#include "{folder}/small_model.c"\n'
        "int main(void)\n{\n    fwrite(small_tflite, 1, small_tflite_len, stdout);\n"
        "    return (int)((uintptr_t)small_tflite % 16);\n}\n"
    )
    subprocess.run([*STRICT, "main.c", "-o", "main"], cwd=tmp_path, check=True)
    run = subprocess.run([tmp_path / "main"], check=True, capture_output=True)
    assert run.stdout == small.read_bytes()


# What is refused, and what is replaced.


def test_float_model_is_sent_to_quantization(tmp_path):
    (tmp_path / "float.tflite").write_bytes(heatmap_model(dtype="FLOAT32"))
    with pytest.raises(
        PoseError, match="1 of its 1 convolutions compute in floating point.*chain_qd"
    ):
        export(tmp_path / "float.tflite", tmp_path / "out")


@pytest.mark.parametrize(
    ("name", "command"),
    [
        ("model.keras", "chain_qd model.model_path="),
        ("my model.h5", "chain_qd 'model.model_path="),
        ("model.pb", "that it was made of"),
    ],
)
def test_other_formats_are_sent_to_quantization(tmp_path, name, command):
    with pytest.raises(PoseError, match=f"a quantized .tflite or .onnx is deployed.*{command}"):
        export(tmp_path / name, tmp_path / "out")


def test_wrong_type_and_wrong_layout_are_refused_naming_both(small, tmp_path):
    with pytest.raises(PoseError, match=r"'spe' expects .*\(1, 4, 6, 3\).*'heatmaps_spe'"):
        export(small, tmp_path / "out", model_type="spe")
    model = replace(pu.load_model(small, "heatmaps_spe"), layout=pu.COCO17)
    with pytest.raises(PoseError, match="has 3 keypoints; the layout 'coco17' has 17"):
        export(model, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_own_bundle_is_replaced_whole(small, tmp_path):
    out = tmp_path / "out"
    exported(small, out)
    exported(small, out, board="STM32MP257F-EV1")
    assert (out / "predict.py").exists() and not (out / "app_config.h").exists()
    assert {path.name for path in tmp_path.iterdir()} == {"small.tflite", "out"}


@pytest.mark.parametrize("manifest", [None, "{}", "[]", "not json", '{"made_by": "someone"}'])
def test_foreign_folder_is_left_alone(small, tmp_path, manifest):
    out = tmp_path / "out"
    out.mkdir()
    (out / "thesis.txt").write_text("years of work")
    if manifest is not None:
        (out / "manifest.json").write_text(manifest)
    with pytest.raises(PoseError, match="has other files in it"):
        export(small, out)
    assert (out / "thesis.txt").read_text() == "years of work"


def test_failure_while_writing_leaves_the_old_bundle(small, tmp_path, monkeypatch):
    bundle = exported(small, tmp_path / "out")
    before = content(bundle.path)

    def full(self, data):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("pathlib.Path.write_bytes", full)
    with pytest.raises(PoseError, match="No space left on device"):
        exported(small, tmp_path / "out", board="STM32MP257F-EV1")
    assert content(bundle.path) == before
    assert {path.name for path in tmp_path.iterdir()} == {"small.tflite", "out"}


def test_folder_that_cannot_be_made_is_named(small, tmp_path):
    with pytest.raises(PoseError, match="cannot write"):
        export(small, small / "out")


def test_label_file_takes_the_place_of_the_keypoints_names(small, tmp_path):
    (tmp_path / "labels of mine.txt").write_text("person\n")
    given = Config(
        model={"model_type": "heatmaps_spe"},
        deployment={"label_file_path": str(tmp_path / "labels of mine.txt")},
    )
    bundle = exported(small, tmp_path / "out", config=given)
    assert (bundle.path / "labels.txt").read_text() == "person\n"


def test_label_file_that_is_not_there_is_said_and_the_names_stand_in(small, tmp_path):
    given = Config(
        model={"model_type": "heatmaps_spe"},
        deployment={"label_file_path": "../Resources/labels.txt"},
    )
    bundle = exported(small, tmp_path / "out", config=given)
    assert (bundle.path / "labels.txt").read_text() == "tip\nmiddle\nbase\n"
    assert "(../Resources/labels.txt) is missing" in (bundle.path / "README.md").read_text()

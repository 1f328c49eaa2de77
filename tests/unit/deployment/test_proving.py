"""The C code beside LiteRT on a picture: equal where it is, and not where it is not."""

import re

import numpy as np
import pytest

import poseutils as pu
from poseutils import deployment
from poseutils.deployment.verify import emulator as emulation
from tests.helpers.marks import with_gcc, with_qemu

pytestmark = with_gcc


@pytest.fixture(scope="module")
def model(repository):
    return pu.load_model(
        repository / "data" / "models" / "st_movenet_lightning_heatmaps_a035_192_int8.tflite"
    )


@pytest.fixture(scope="module")
def picture(repository):
    return pu.read_image(repository / "data" / "synthetic-people" / "val" / "000001.jpg")


def test_the_same_bytes_give_the_same_poses(model, picture, exported, monkeypatch):
    monkeypatch.setattr(emulation, "missing_tools", lambda: ["qemu-system-arm"])
    proof = deployment.prove(exported(model.path), model, picture)
    assert (
        proof.core == "this computer"
        and proof.equal
        and proof.instructions is None
        and proof.emulation is None
    )
    assert proof.note == f"not installed: qemu-system-arm. On Debian: {emulation.INSTALL}"
    np.testing.assert_array_equal(proof.there.keypoints, proof.here.keypoints)
    apart = np.linalg.norm(proof.there.keypoints - model.predict(picture).keypoints, axis=2)
    assert np.median(apart) < 1  # LiteRT's faster kernels round otherwise at times


def test_a_weight_that_is_not_the_same_is_seen(model, picture, tmp_path, monkeypatch):
    monkeypatch.setattr(emulation, "missing_tools", lambda: ["qemu-system-arm"])
    bundle = deployment.export(model, tmp_path / "c")
    weights = bundle.sources / f"{bundle.name}_weights.c"
    text = weights.read_text()
    first = re.search(r"\{\s*(-?\d+)", text)
    value = int(first.group(1))
    weights.write_text(
        text[: first.start(1)] + str(value + 40 if value < 0 else value - 40) + text[first.end(1) :]
    )
    assert not deployment.prove(bundle, model, picture).equal


def test_a_board_whose_core_is_not_emulated_goes_on_here(model, picture, exported):
    proof = deployment.prove(exported(model.path), model, picture, board="B-U585I-IOT02A")
    assert proof.core == "this computer" and proof.equal
    assert (
        proof.note
        == "B-U585I-IOT02A has a Cortex-M33; emulated are Cortex-M4, Cortex-M7, Cortex-M55"
    )


@with_qemu
def test_an_emulated_core(model, picture, exported):
    proof = deployment.prove(exported(model.path), model, picture, board="STM32H747I-DISCO")
    # More than its multiply-accumulates
    assert proof.core == "Cortex-M7, emulated" and proof.equal and proof.instructions > 58_901_184
    assert proof.note == "" and proof.emulation.text_bytes > 505_000

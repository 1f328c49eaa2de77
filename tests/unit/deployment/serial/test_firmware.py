"""The C files of the serial line: which networks get them, and what is said of those that do not
fit."""

import subprocess

import numpy as np
import pytest

from poseutils.__main__ import main
from poseutils.deployment import export
from tests.helpers.marks import with_gcc, with_tools
from tests.helpers.networks.tiny_tflite import (
    CONVOLUTION,
    build,
    random_heatmaps,
    sum_of_two,
    tensor,
)

SHIPPED = "data/models/st_movenet_lightning_heatmaps_a035_192_int8.tflite"
ANY_BOARD = {"pose_serial.h", "pose_serial.c", "pose_port.h", "port_hal.c"}
CHIP = {"port_stm32f405.c", "startup_stm32f405.c", "stm32f405.ld", "main.c"}

HAL = """
#include <stdint.h>
typedef struct { int instance; } UART_HandleTypeDef;
typedef enum { HAL_OK, HAL_ERROR } HAL_StatusTypeDef;
typedef struct { volatile uint32_t CTRL, CYCCNT; } DWT_Type;
typedef struct { volatile uint32_t DEMCR; } CoreDebug_Type;
extern DWT_Type *DWT;
extern CoreDebug_Type *CoreDebug;
#define CoreDebug_DEMCR_TRCENA_Msk (1u << 24)
#define DWT_CTRL_CYCCNTENA_Msk 1u
#define HAL_MAX_DELAY 0xFFFFFFFFu
HAL_StatusTypeDef HAL_UART_Receive(UART_HandleTypeDef *, uint8_t *, uint16_t, uint32_t);
HAL_StatusTypeDef HAL_UART_Transmit(UART_HandleTypeDef *, uint8_t *, uint16_t, uint32_t);
"""


@pytest.fixture
def exported_as(tmp_path):
    def make(data: bytes):
        (tmp_path / "net.tflite").write_bytes(data)
        return export(tmp_path / "net.tflite", tmp_path / "out")

    return make


def serial_files(bundle):
    return {path.name for path in (bundle.sources / "serial").glob("*")}


def wide_rows() -> bytes:
    """Rows of an image that are longer than a frame."""
    tensors = [tensor("image", (1, 4, 21_846, 3), scale=0.1)]
    tensors += [tensor("w", (1, 4, 4, 3), data=np.ones((1, 4, 4, 3), np.int8))]
    tensors += [tensor("b", (1,), "INT32", np.zeros(1, np.int32)), tensor("out", (1, 1, 5462, 1))]
    return build(tensors, [("CONV_2D", [0, 1, 2], [3], CONVOLUTION)], [0], [3])


def test_a_network_that_fits_gets_firmware(exported_as):
    bundle = exported_as(random_heatmaps(17, 64, 1))
    assert serial_files(bundle) == {*ANY_BOARD, *CHIP, "net_serial.h", "net_serial.c"}
    assert bundle.report.no_firmware == ""
    readme = (bundle.path / "README.md").read_text()
    assert "`make f405` builds firmware" in readme and "There is no firmware" not in readme
    assert "\nf405: build/f405.elf\n" in (bundle.sources / "Makefile").read_text()


def test_of_one_that_does_not_it_is_said_what_is_needed(repository, tmp_path, capsys):
    bundle = export(repository / SHIPPED, tmp_path / "out", name="net", memory="layerwise")
    reason, arena = bundle.report.no_firmware, bundle.report.arena_bytes
    needed = int(reason.split()[0].replace(",", ""))
    assert arena + 4096 < needed < arena + 8192
    assert reason == (
        f"{needed:,} bytes of RAM are needed and 131,072 are there; exported with memory='least' "
        "and input='pushed' it may need less"
    )
    assert serial_files(bundle) == {*ANY_BOARD, "net_serial.h", "net_serial.c"}
    readme = (bundle.path / "README.md").read_text()
    assert f"There is no firmware for the STM32F405: {reason}." in " ".join(readme.split())
    assert "f405" not in (bundle.sources / "Makefile").read_text()
    again = ["export", str(repository / SHIPPED), str(tmp_path / "again"), "--memory", "layerwise"]
    assert main(again) == 0
    assert f"no firmware for an STM32F405: {reason}" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("network", "reason"),
    [
        (sum_of_two(), "it takes a network of one input, a single image"),
        (wide_rows(), "a row of the image has 65,538 bytes, and a frame takes 65,523"),
    ],
    ids=["two inputs", "wide rows"],
)
def test_a_network_without_rows_to_send_gets_none(exported_as, network, reason):
    bundle = exported_as(network)
    assert serial_files(bundle) == set() and bundle.report.no_firmware == reason
    readme = " ".join((bundle.path / "README.md").read_text().split())
    assert f"There is no `c/serial/`, which is the network on a serial line: {reason}." in readme
    assert "## On a board, from a computer" not in readme


@with_tools("g++")
def test_the_headers_are_cpp_too(exported_as):
    bundle = exported_as(random_heatmaps(17, 64, 1))
    (bundle.sources / "use.cpp").write_text('#include "pose_port.h"\n#include "net_serial.h"\n')
    flags = ["-std=c++11", "-Wall", "-Wextra", "-Wpedantic", "-Werror", "-fsyntax-only"]
    command = ["g++", *flags, "-I.", "-Iserial", "use.cpp"]
    subprocess.run(command, cwd=bundle.sources, check=True)


@with_gcc
def test_the_port_of_a_cubemx_project_compiles(exported_as, tmp_path):
    bundle = exported_as(random_heatmaps(17, 64, 1))
    (tmp_path / "main.h").write_text(HAL)
    flags = ["-std=c99", "-Wall", "-Wextra", "-Wconversion", "-Wundef", "-Wpedantic", "-Werror"]
    subprocess.run(
        ["gcc", *flags, "-fsyntax-only", f"-I{tmp_path}", "serial/port_hal.c"],
        cwd=bundle.sources,
        check=True,
    )

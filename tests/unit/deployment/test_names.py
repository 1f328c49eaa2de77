"""Names of boards and of networks, and what a board has room for."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from poseutils import PoseError
from poseutils.compiler.emit.c_text import c_comment, c_string
from poseutils.compiler.emit.naming import symbol_name
from poseutils.config import names
from poseutils.deployment import BOARDS, default_name, find_board, fits, memory_rows


def test_boards_are_those_that_a_configuration_may_name():
    assert set(BOARDS) == set(names.BOARDS)


def test_a_board_is_found_in_any_case_and_the_nearest_is_suggested():
    assert find_board("stm32n6570-dk") is BOARDS["STM32N6570-DK"]
    with pytest.raises(PoseError, match=r"STM32V8 \(Cortex-M85.* not known yet"):
        find_board("STM32V8-DK")
    with pytest.raises(PoseError, match=r"Did you mean STM32H747I-DISCO\?"):
        find_board("STM32H747-DISCO")
    with pytest.raises(PoseError, match="The boards are: STM32N6570-DK"):
        find_board("raspberry")


@pytest.mark.parametrize(
    ("board", "activations", "weights", "verdict"),
    [
        ("STM32H747I-DISCO", 512, 2048, "internal"),
        ("STM32H747I-DISCO", 513, 2048, "external"),  # 1024 KiB in all, but not in one piece
        ("STM32H747I-DISCO", 100, 2049, "external"),
        ("STM32H747I-DISCO", 33 * 1024, 100, "no"),
        ("NUCLEO-H743ZI2", 513, 100, "no"),
        ("NUCLEO-H743ZI2", 512, 2049, "no"),
        ("STM32N6570-DK", 4200, 3000, "external"),  # it has no internal flash
        ("STM32MP257F-EV1", 100_000, 100_000, "external"),
    ],
)
def test_fit(board, activations, weights, verdict):
    assert fits(activations, weights, BOARDS[board]).verdict == verdict


def test_reason_names_both_needs():
    assert fits(700, 3000, BOARDS["NUCLEO-H743ZI2"]).reason == (
        "activations 700 KiB too much: 512 KiB of internal RAM in one block, no external memory; "
        "weights 3000 KiB too much: 2048 KiB of internal flash, no external memory"
    )


@pytest.mark.parametrize(
    ("file", "name"),
    [
        (
            "st_movenet_lightning_heatmaps_a035_192_int8.tflite",
            "st_movenet_lightning_heatmaps_a035_192_int8",
        ),
        ("033_Palm-Detection.onnx", "net_033_palm_detection"),
        ("größe v1.2.tflite", "grosse_v1_2"),
        ("double.tflite", "net_double"),
        ("Main.tflite", "net_main"),
        ("string.tflite", "net_string"),
        ("pose_kernels.tflite", "net_pose_kernels"),
        ("pose.tflite", "net_pose"),
        ("posenet.tflite", "posenet"),
        ("network.onnx", "net_network"),
        ("network_data.tflite", "net_network_data"),
        ("m.tflite", "net_m"),
        ("hand_weights.tflite", "hand_weights_net"),
        ("Poses.onnx", "poses"),
        ("two poses.onnx", "two_poses_net"),
        ("_x_.tflite", "x"),
    ],
)
def test_the_name_is_that_of_the_file_made_an_identifier(file, name):
    assert default_name(Path(file)) == name and symbol_name(None, Path(file)) == name


@pytest.mark.parametrize(
    ("files", "begins"),
    [
        (["日本", "中国", "---"], "net_"),
        (["v2 日本", "v2 中国", "v2"], "v2"),
        (
            [" ".join(["network", *["of many words"] * 9, end]) for end in ("a", "b")],
            "net_network_of_many_words_of",
        ),
        (["a" * 70, "a" * 71, "a" * 48], "a" * 41),
        (["x", "x_weights", "x_poses"], "x"),
    ],
)
def test_files_whose_names_differ_get_names_that_differ(files, begins):
    names = [default_name(Path(f"{file}.tflite")) for file in files]
    assert len(set(names)) == len(names) and all(
        name.startswith(begins) and len(name) <= 48 for name in names
    )
    assert default_name(Path(f"{files[0]}.onnx")) == names[0]


def test_a_given_name_stays_and_one_that_is_taken_is_refused():
    names = ("network", "my net-2", "2nd", "_x", "Größe")
    assert [symbol_name(n, Path("x.tflite")) for n in names] == [
        "network",
        "my_net_2",
        "net_2nd",
        "net_x",
        "Gr__e",
    ]
    for name in (
        "Main",
        "pose_decode",
        "decode_spe",
        "stdint",
        "switch",
        "x_weights",
        "NULL",
        "EOF",
        "NaN",
    ):
        with pytest.raises(PoseError, match=f"name='{name}': .* Choose another name"):
            symbol_name(name, Path("x.tflite"))
    for name in ("stdout", "INT32_MAX", "size_t", "M_PI", "HUGE_VALF", "typeof_unqual"):
        with pytest.raises(PoseError, match=f"name='{name}': .* Choose another name"):
            symbol_name(name, Path("x.tflite"))
    for name, told in (("a" * 300, "a name of 300 characters"), (5, "name=5")):
        with pytest.raises(PoseError, match=f"{told}: a text of at most 100 characters"):
            symbol_name(name, Path("x.tflite"))


@pytest.mark.parametrize("compiler", ["gcc", "arm-none-eabi-gcc"])
def test_no_name_is_a_macro_of_an_included_header(compiler):
    if shutil.which(compiler) is None:
        pytest.skip(f"{compiler} is not installed here")
    headers = ("string", "stdint", "stddef", "math", "stdio", "stdlib")
    source = "".join(f"#include <{header}.h>\n" for header in headers)
    command = [compiler, "-std=c99", "-dM", "-E", "-"]
    defined = subprocess.run(command, input=source, check=True, capture_output=True, text=True)
    macros = re.findall(r"^#define ([A-Za-z]\w*)", defined.stdout, re.MULTILINE)
    assert len(macros) > 80
    accepted = []
    for macro in macros:
        try:
            accepted.append(symbol_name(macro, Path("x.tflite")))
        except PoseError:
            pass
    assert accepted == []


def test_strings_and_comments_are_legal_c():
    assert c_string('a "b" \\ ??/ é\n') == r'"a \"b\" \\ \?\?/ \?\?"'
    assert "*/" not in c_comment("end */ of\ncomment") and "\n" not in c_comment(
        "end */ of\ncomment"
    )
    assert c_comment("é \x1b[2J \u202e") == "é ?[2J ?"


def test_memory_of_a_board_for_a_table():
    rows = memory_rows(540 * 1024, 700 * 1024, find_board("STM32H747I-DISCO"))
    assert rows == [
        {
            "memory": "RAM, largest block",
            "on the chip, KiB": 512,
            "used, KiB": 540,
            "left, KiB": "",
            "place": "external",
        },
        {
            "memory": "flash",
            "on the chip, KiB": 2048,
            "used, KiB": 700,
            "left, KiB": 1348,
            "place": "internal",
        },
    ]
    assert [
        row["place"] for row in memory_rows(900 * 1024, 700 * 1024, find_board("NUCLEO-F401RE"))
    ] == ["too much", "too much"]
    assert [row["place"] for row in memory_rows(1024, 1024, find_board("STM32MP157F-DK2"))] == [
        "DDR",
        "DDR",
    ]

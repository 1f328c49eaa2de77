"""What written files look like: what each begins with, its license, and lines that fit a screen."""

import hashlib
import re

import numpy as np
import pytest

from poseutils.__main__ import main
from poseutils.compiler.emit.line_breaks import WIDTH, broken, markdown
from poseutils.deployment import export, templates
from poseutils.deployment.file_headers import UNKNOWN
from poseutils.keypoints import layout_from_names
from poseutils.models import load_model
from tests.helpers.networks.tiny_tflite import CONVOLUTION, build, heatmap_model, tensor

BARE = (".tflite", ".onnx", "labels.txt", ".json")


def long_names() -> bytes:
    """Two convolutions with tensors named as converters name fused ones, alike but for a letter."""
    name = ";".join(
        f"functional_1/block_{i}/batch_normalization_{i}/FusedBatchNormV3" for i in range(9)
    )
    weights = np.ones((17, 4, 4, 3), np.int8), np.ones((17, 1, 1, 17), np.int8)
    tensors = [
        tensor("image", (1, 16, 24, 3), scale=0.1),
        tensor("w", weights[0].shape, data=weights[0]),
    ]
    tensors += [
        tensor("b", (17,), "INT32", np.zeros(17, np.int32)),
        tensor(f"{name} */ a", (1, 4, 6, 17)),
    ]
    tensors += [
        tensor("v", weights[1].shape, data=weights[1]),
        tensor(f"{name} */ b", (1, 4, 6, 17)),
    ]
    fields = CONVOLUTION[1] | {"strideH": 1, "strideW": 1}
    return build(
        tensors,
        [
            ("CONV_2D", [0, 1, 2], [3], CONVOLUTION),
            ("CONV_2D", [3, 4, 2], [5], (CONVOLUTION[0], fields)),
        ],
        [0],
        [5],
    )


@pytest.fixture
def file(tmp_path):
    def write(data: bytes, name: str = "small.tflite"):
        (tmp_path / name).write_bytes(data)
        return tmp_path / name

    return write


def texts(folder):
    """The files of a folder that may have comments, by name."""
    return {
        path.relative_to(folder).as_posix(): path.read_text()
        for path in folder.rglob("*")
        if path.is_file() and not path.name.endswith(BARE)
    }


def licenses(folder):
    return {
        name: re.search(r"SPDX-License-Identifier: (\S+)", text)[1]
        for name, text in texts(folder).items()
    }


def test_every_file_begins_with_what_it_is_and_its_license(file, tmp_path):
    path = file(heatmap_model(keypoints=13))
    bundle = export(path, tmp_path / "out")
    for file_name, text in texts(bundle.path).items():
        name, beginning = file_name.rpartition("/")[2], text.splitlines()[:7]
        assert any(f"{name}: " in line for line in beginning) and any(
            "SPDX-License-Identifier: " in line for line in beginning
        ), name
    own = {f"c/small{end}" for end in (".c", ".h", "_weights.c", "_weights.h")}
    assert licenses(bundle.path) == {
        name: UNKNOWN if name in own else "MIT" for name in texts(bundle.path)
    }
    weights = (bundle.sources / "small_weights.c").read_text()
    assert (
        "license of the network is not known" in weights
        and hashlib.sha256(path.read_bytes()).hexdigest() in weights
    )


@pytest.mark.parametrize("board", ["STM32N6570-DK", "STM32MP257F-EV1"])
def test_so_does_every_file_of_a_bundle(file, tmp_path, board):
    bundle = export(file(heatmap_model(keypoints=13)), tmp_path / "out", board=board)
    assert set(licenses(bundle.path)) == set(texts(bundle.path))
    script = bundle.path / "copy_to_board.sh"
    assert not script.exists() or script.read_text().startswith("#!/bin/sh\n# copy_to_board.sh: ")


def test_labels_have_a_line_each(file, tmp_path):
    names = ["a\nb", *map(str, range(1, 13))]
    path = file(heatmap_model(keypoints=13))
    model = load_model(path, model_type="heatmaps_spe", layout=layout_from_names(names))
    labels = export(model, tmp_path / "out").path / "labels.txt"
    assert labels.read_text().splitlines() == ["a b", *names[1:]]


def test_the_command_takes_a_name(file, tmp_path):
    path = file(heatmap_model(keypoints=13))
    assert main(["export", str(path), str(tmp_path / "out"), "--name", "Mine"]) == 0
    assert (tmp_path / "out/c/Mine.c").exists() and "Mine_init(" in (
        tmp_path / "out/c/Mine.h"
    ).read_text()
    assert main(["export", str(path), str(tmp_path / "other"), "--name", "pose_kernels"]) == 1


def test_the_folder_does_not_depend_on_what_is_installed(file, tmp_path, monkeypatch):
    path = file(heatmap_model(keypoints=13))
    one = export(path, tmp_path / "one").path
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CC", raising=False)
    two = export(path, tmp_path / "two").path
    assert {path.name for path in one.iterdir()} == {path.name for path in two.iterdir()}
    assert texts(one) == texts(two)
    assert (one / "manifest.json").read_bytes() == (two / "manifest.json").read_bytes()


def test_long_names_are_cut_and_stay_unique(file, tmp_path):
    bundle = export(file(long_names()), tmp_path / "out")
    source = (bundle.sources / "small.c").read_text()
    told = re.findall(r"/\* \d CONV_2D -> (.*) 1x4x6x17 \*/", source)
    assert len(set(told)) == 2 and all(len(label) < 60 for label in told)


@pytest.mark.parametrize("board", ["STM32N6570-DK", "NUCLEO-F401RE", "STM32MP257F-EV1"])
def test_no_line_is_longer_than_a_screen(file, tmp_path, board):
    """But for the rows of tables. The names in the network are as long as converters make them."""
    path = file(long_names(), "a network of nine blocks, of a kind whose name is a long one.tflite")
    kept = texts(export(path, tmp_path / "out", board, model_type="heatmaps_spe").path)
    assert len(kept) >= 3
    assert [
        (name, line)
        for name, text in kept.items()
        if not name.startswith("poseutils/")
        for line in text.splitlines()
        if len(line) > WIDTH and line[0] != "|"
    ] == []


def test_prose_is_wrapped_and_code_and_tables_are_not():
    prose, row, code = "word " * 40, f"| {'cell ' * 30}|", f"```sh\ncommand {'argument ' * 30}\n```"
    text = markdown(
        f"# Title\n\n{prose}\n\n{row}\n{row}\n\n- {prose}\n- short\n\n1. {prose}\n\n{code}\n\nend\n"
    )
    assert (
        row + "\n" + row in text
        and code in text
        and text.startswith("# Title\n\nword")
        and text.endswith("\n\nend\n")
    )
    wrapped = [line for line in text.splitlines() if "word" in line]
    assert sum(line.count("word") for line in wrapped) == 120 and max(map(len, wrapped)) <= WIDTH
    assert (
        "\n- short\n" in text
        and "\n  word" in text
        and "\n   word" in text
        and markdown(text) == text
    )


def test_code_is_broken_where_c_allows_it():
    call = f'    call({", ".join(f"argument_{i}" for i in range(20))}, "{"a, " * 20}");'
    text = broken(f"/* {'word ' * 40}*/\n#define LONG(x) {' + '.join(['(x)'] * 40)}\n{call}\n")
    assert all(len(line) <= WIDTH for line in text.splitlines())
    assert text.count("word") == 40 and '"' + "a, " * 20 + '"' in text
    assert re.sub(r"\s", "", text.split("argument_0")[1]) == re.sub(
        r"\s", "", call.split("argument_0")[1]
    )
    macro = [line for line in text.splitlines() if "(x)" in line]
    assert (
        len(macro) > 1
        and all(line.endswith("\\") for line in macro[:-1])
        and not macro[-1].endswith("\\")
    )
    body = broken(f"#define LONG(x) \\\n    ({' + '.join(['(x)'] * 40)})\n").splitlines()
    assert len(body) > 2 and [line.endswith("\\") for line in body] == [True] * (len(body) - 1) + [
        False
    ]


def test_templates_are_filled_and_blocks_depend_on_words(tmp_path, monkeypatch):
    monkeypatch.setattr(templates, "FOLDER", tmp_path)
    (tmp_path / "some.txt").write_text("@if a\n@name@: $@\n@end\n@if b\n@other@\n@end\nend\n")
    assert templates.filled("some.txt", {"name": "x@name@"}, ["a"]) == "x@name@: $@\nend\n"
    with pytest.raises(KeyError, match="other"):
        templates.filled("some.txt", {"name": "x"}, ["b"])

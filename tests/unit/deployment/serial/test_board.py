"""A board on a serial line, which is a program of this computer: what it gives, and what is said
when something goes wrong."""

import os
import socket
import struct
import subprocess
import sys
from enum import IntEnum

import numpy as np
import pytest

import poseutils as pu
from poseutils import PoseError
from poseutils.deployment import as_exported, export, on_board, on_target, side_by_side
from poseutils.deployment.serial import line as line_module
from poseutils.deployment.serial.board import Board
from poseutils.deployment.serial.frames import Frame, Request, encoded
from poseutils.keypoints import layout_from_names
from tests.helpers.configurations import on_line
from tests.helpers.marks import with_gcc, with_serial
from tests.helpers.networks.tiny_tflite import heatmap_model, random_heatmaps
from tests.helpers.serial.board import Wire, built, on_program

pytestmark = [with_gcc, with_serial]
ROWS, ROW = 64, bytes(64 * 3)
ORDER, NOT_ALL_ROWS, NO_RESULT, NO_SUCH_PLACE = 6, 7, 8, 9


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """A network of 17 heatmaps, another one, and one whose output no decoder takes."""
    folder = tmp_path_factory.mktemp("networks")
    (folder / "small.tflite").write_bytes(random_heatmaps(17, 64, 1))
    (folder / "other.tflite").write_bytes(random_heatmaps(17, 64, 2))
    (folder / "bare.tflite").write_bytes(heatmap_model(keypoints=3))
    return folder


@pytest.fixture(scope="module")
def boards(files):
    """The exported folder and the program of two of them, of the first also with pushed rows."""
    made = {}
    for name, file, given in (
        ("small", "small", "whole"),
        ("pushed", "small", "pushed"),
        ("bare", "bare", "whole"),
    ):
        bundle = export(files / f"{file}.tflite", files / name, name=file, input=given)
        made[name] = bundle, built(bundle, files / name)
    return made


@pytest.fixture(autouse=True)
def impatient(monkeypatch):
    monkeypatch.setattr(line_module, "RESEND_SECONDS", 0.5)
    monkeypatch.setattr(line_module, "SOON_SECONDS", 0.3)


@pytest.fixture(params=["small", "pushed"])
def line(boards, request):
    with on_program(boards[request.param][1]) as line:
        yield line


@pytest.fixture
def board(line):
    board = Board(line.url)
    yield board
    board.close()


@pytest.fixture
def model(files):
    return pu.load_model(files / "small.tflite", "heatmaps_spe", num_threads=1)


def images(count: int) -> np.ndarray:
    return np.random.default_rng(4).integers(-128, 128, (count, 64, 64, 3), np.int8)


def images_for(count: int) -> np.ndarray:
    return np.random.default_rng(4).integers(0, 256, (count, 90, 120, 3), np.uint8)


def test_outputs_and_keypoints_are_those_of_the_host(boards, board):
    bundle, _ = boards["small"]
    scale = bundle.manifest["outputs"][0]["scale"]
    for image, heatmaps in zip(images(20), bundle.run_host(images(20))["heatmaps"]):
        run = board.run(image.tobytes())
        assert board.output(0) == heatmaps.tobytes()
        assert run.cycles == (ROWS + 1) * 1000  # the port counts a thousand for a row or a run
        points, scores = board.keypoints(1)[0], heatmaps.reshape(-1, 17).max(axis=0) * scale
        np.testing.assert_allclose(points[:, 2], scores, rtol=1e-6)
        assert run.people in (0, 1) and ((0 <= points[:, :2]) & (points[:, :2] <= 64)).all()


def test_a_board_says_what_it_has(boards, board, request):
    bundle, info = boards[request.node.callspec.params["line"]][0], board.info
    assert info.sha256 == bundle.files["small.tflite"]["sha256"]
    assert (info.rows, info.row_bytes, info.arena_bytes) == (64, 192, bundle.report.arena_bytes)
    assert (info.keypoints, info.people) == (17, 1)
    assert info.output_bytes == tuple(tensor.bytes for tensor in bundle.outputs)


def test_a_network_without_a_decoder_gives_its_outputs(boards):
    bundle, program = boards["bare"]
    image = np.random.default_rng(1).integers(-128, 128, (1, 16, 24, 3), np.int8)
    with on_program(program) as line:
        board = Board(line.url)
        assert board.run(image.tobytes()).people == 0 == board.info.keypoints
        assert board.output(0) == bundle.run_host(image)["heatmaps"].tobytes()
        assert board.keypoints(0).shape == (0, 0, 3)
        board.close()


@pytest.mark.parametrize(
    ("requests", "number"),
    [
        ([(Request.ROW, struct.pack("<I", 1) + ROW)], ORDER),
        ([(Request.ROW, struct.pack("<I", row) + ROW) for row in (0, 1, 3)], ORDER),
        ([(Request.ROW, struct.pack("<I", 0) + ROW), (Request.RUN, b"")], NOT_ALL_ROWS),
        ([(Request.ROW, ROW)], 5),
        ([(Request.RUN, b"1")], 5),
        ([(Request.READ, b"")], 5),
        ([(Request.READ, struct.pack("<3I", 0, 0, 1))], NO_RESULT),
        ([(IntEnum("Unknown", {"OTHER": 9}).OTHER, b"")], 4),
    ],
)
def test_requests_out_of_order_are_refused_and_the_next_image_runs(board, requests, number):
    for kind, payload in requests[:-1]:
        board.line.ask(kind, payload)
    with pytest.raises(PoseError, match=rf"refused [A-Z]+ with error {number}: [a-z A-Z]+$"):
        board.line.ask(*requests[-1])
    board.run(images(1).tobytes())


@pytest.mark.parametrize(
    "place", [(0, 0, 273), (0, 273, 0), (1, 0, 205), (2, 0, 0), (0, 2, 2**32 - 1)]
)
def test_only_bytes_of_outputs_are_read(board, place):
    board.run(images(1).tobytes())
    with pytest.raises(PoseError, match=f"error {NO_SUCH_PLACE}"):
        board.line.ask(Request.READ, struct.pack("<3I", *place))
    assert len(board.output(0)) == 272


def test_a_request_that_is_repeated_is_done_once(boards, board):
    """As after an answer that was lost: the cycles count each row once."""
    ask = board.line.ask

    def twice(request, payload=b""):
        answer = ask(request, payload)
        board.line._sequence -= 1
        assert ask(request, payload) == answer
        return answer

    board.line.ask = twice
    assert board.run(images(1).tobytes()).cycles == (ROWS + 1) * 1000
    assert board.output(0) == boards["small"][0].run_host(images(1))["heatmaps"].tobytes()


def test_an_image_that_is_given_up_leaves_no_trace(boards, board):
    for row in range(20):
        board.line.ask(Request.ROW, struct.pack("<I", row) + ROW)
    board.run(images(1).tobytes())
    assert board.output(0) == boards["small"][0].run_host(images(1))["heatmaps"].tobytes()


def garbled(change):
    """Changes every eleventh piece of data."""
    count = 0

    def pass_on(data):
        nonlocal count
        count += 1
        return change(data) if count % 11 == 0 else data

    return pass_on


@pytest.mark.parametrize(
    "change",
    [
        lambda data: b"\xff\0PF" + data,
        lambda data: data + b"P",
        lambda data: data[:-1],
        lambda data: data[3:],
        lambda data: data[:40] + b"\x55" + data[41:],
        lambda data: encoded(Frame(2, 1, bytes(500))) + data,
        lambda data: data[:4] + b"\xff\xff" + data[6:],
    ],
    ids=["before", "after", "cut short", "without magic", "damaged", "too long", "wrong length"],
)
def test_garbage_costs_time_and_no_image(boards, line, board, change):
    expected = boards["small"][0].run_host(images(1))["heatmaps"]
    line.to_board = garbled(change)
    board.run(images(1).tobytes())
    assert board.output(0) == expected.tobytes() and line.connections == 1


def cut_at(line: Wire, frames: int):
    """Cuts the line once, within a row."""
    count = 0

    def pass_on(data):
        nonlocal count
        count += 1
        return None if count == frames else data

    line.to_board = pass_on


def test_a_line_cut_within_an_image_is_said_and_the_image_sent_again(line, model, files, capsys):
    there, here = on_board(model, line.url), as_exported(model)
    cut_at(line, 20)
    for image in images_for(3):
        assert (there.predict(image).keypoints == here.predict(image).keypoints).all()
    said = capsys.readouterr().out
    assert "the line was cut" in said and "at row 19 of 64. The image is sent again" in said
    assert line.connections == 2


def test_a_line_that_stays_cut_is_an_error_and_later_images_run(line, model):
    there = on_board(model, line.url)
    line.to_board = lambda data: None
    with pytest.raises(PoseError, match="the line was cut"):
        there.predict(images_for(1)[0])
    line.to_board = lambda data: data
    assert there.predict(images_for(1)[0]).keypoints.shape == (1, 17, 2)


def test_an_evaluation_measures_the_board_beside_the_model(line, model, repository, capsys):
    people = pu.load_dataset(repository / "data/synthetic-people/val").single()[:3]
    networks, measured = side_by_side([model], people, "serial", on_line(line.url))
    assert [network.label for network in networks] == [f"{model.label} on a board", model.label]
    there, here = (
        pu.evaluate(each, measured, progress=False).metrics
        for each in (networks[0], as_exported(model))
    )
    assert there == here and there["images"] == 3
    assert capsys.readouterr().out.count(": 65,000 cycles, ") == 1


def test_another_network_is_refused_with_both_hashes(boards, line, files):
    other = pu.load_model(files / "other.tflite", "heatmaps_spe", num_threads=1)
    with pytest.raises(PoseError, match="another network") as caught:
        on_board(other, line.url)
    ours = boards["small"][0].files["small.tflite"]["sha256"]
    assert ours in str(caught.value) and "other.tflite" in str(caught.value)


def test_a_network_exported_with_other_ends_is_refused(files, tmp_path):
    path = files / "bare.tflite"
    model = pu.load_model(path, "heatmaps_spe", layout=layout_from_names(["a", "b", "c"]))
    (tmp_path / "built").mkdir()
    program = built(export(model, tmp_path / "file", io="file", name="bare"), tmp_path / "built")
    with on_program(program) as line, pytest.raises(PoseError, match="Export it with io='quant"):
        on_board(model, line.url)


def test_another_version_is_refused(line, monkeypatch):
    monkeypatch.setattr("poseutils.deployment.serial.board.VERSION", 2)
    with pytest.raises(PoseError, match="speaks version 1 of the protocol, version 2 is expected"):
        Board(line.url)


def test_no_port_and_ports_that_do_not_open(model):
    with pytest.raises(PoseError, match="no serial port is configured. Set deployment.hardware_se"):
        on_target(model, "serial")
    for port in ("/dev/nowhere", "socket://127.0.0.1:1", "nonsense://x"):
        with pytest.raises(PoseError, match=f"serial port {port} cannot be opened"):
            on_target(model, "serial", on_line(port))


def test_a_device_is_a_port_too_and_has_one_user(boards):
    """A pseudo-terminal, with what a serial device does to bytes unless it is told not to."""
    bundle, program = boards["small"]
    ours, its = os.openpty()
    process = subprocess.Popen([program], stdin=ours, stdout=ours)
    board = Board(os.ttyname(its))
    board.run(images(1).tobytes())
    assert board.output(0) == bundle.run_host(images(1))["heatmaps"].tobytes()
    with pytest.raises(PoseError, match="cannot be opened .*no other program may have it open"):
        Board(os.ttyname(its))
    board.close()
    process.kill()
    process.wait()
    os.close(ours)
    os.close(its)


@pytest.mark.parametrize(
    ("gives", "said"),
    [
        (b"", "nothing answers within 1 s"),
        (b"boot 1.0\r\n", r"\d+ bytes came in 1 s, and no answer"),
    ],
)
def test_silence_and_another_protocol(monkeypatch, gives, said):
    monkeypatch.setattr(line_module, "ANSWER_SECONDS", 1)
    ours, its = socket.socketpair()
    with Wire(lambda: ours) as line, its:
        line.to_board = lambda data: its.sendall(gives) or b""
        with pytest.raises(PoseError, match=said):
            Board(line.url)


def test_without_pyserial_it_is_said(model, monkeypatch):
    monkeypatch.setitem(sys.modules, "serial", None)
    with pytest.raises(PoseError, match="pyserial is not installed: pip install -r requirements"):
        on_board(model, "COM3")

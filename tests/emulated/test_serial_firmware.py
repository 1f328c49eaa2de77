"""Firmware for an STM32F405, in QEMU: images go in over its serial line, keypoints come back."""

import re
from itertools import count

import numpy as np
import pytest

import poseutils as pu
from poseutils import PoseError
from poseutils.compiler.frontends.tflite import parse_tflite
from poseutils.deployment import as_exported, export, on_board, on_target
from poseutils.deployment.serial.board import Board
from poseutils.deployment.verify.host_build import copy_sources, run_make, run_tool
from tests.helpers.configurations import on_line
from tests.helpers.marks import with_qemu, with_serial
from tests.helpers.running.litert_reference import Reference
from tests.helpers.serial.firmware import emulated
from tests.helpers.serial.smaller import smaller

pytestmark = [with_qemu, with_serial, pytest.mark.slow]
SHIPPED = "data/models/st_movenet_lightning_heatmaps_a035_192_int8.tflite"
ELF, ROWS, RESENT = "build/f405.elf", 64, 2
INSTRUCTIONS_PER_CYCLE = 1000 / 168  # the clock of 168 MHz advances a nanosecond an instruction


@pytest.fixture(scope="module")
def network(repository, tmp_path_factory):
    """The network that comes with the project, for images of 64×64: it fits."""
    path = tmp_path_factory.mktemp("network") / "small.tflite"
    path.write_bytes(smaller((repository / SHIPPED).read_bytes(), 3))
    return path


@pytest.fixture(scope="module")
def model(network):
    return pu.load_model(network, "heatmaps_spe", num_threads=1)


@pytest.fixture(scope="module")
def bundle(model, tmp_path_factory):
    made = export(model, tmp_path_factory.mktemp("firmware") / "out")
    run_make(made.sources, "f405")
    return made


@pytest.fixture(scope="module")
def running(bundle):
    with emulated(bundle.sources / ELF) as line:
        yield line


@pytest.fixture
def line(running):
    """As it was before any other test changed it."""
    running.to_board = lambda data: data
    running.connections = 0
    return running


@pytest.fixture(scope="module")
def people(repository):
    return pu.load_dataset(repository / "data/synthetic-people/val").single()[:20]


def prepared(model, bundle, people):
    """The images as the C code takes them, and as the model file does."""
    pixels = [model.preprocess(pu.read_image(sample.path))[0] for sample in people]
    given = model.network.prepare(np.stack(pixels))
    return bundle.prepare(given), given


@pytest.mark.slow
def test_twenty_images_give_the_bytes_of_the_reference_kernels(
    line, model, bundle, people, network
):
    reference = Reference(network)
    names = [t.name for t in parse_tflite(network.read_bytes(), "small").tensors]
    board, cycles = Board(line.url), []
    for taken, given in zip(*prepared(model, bundle, people), strict=True):
        cycles.append(board.run(taken.tobytes()).cycles)
        reference.run(given[None])
        expected = reference.tensor(names.index(bundle.outputs[0].name))
        assert board.output(0) == expected.tobytes()
    board.close()
    assert len(cycles) == 20 and max(cycles) < 1.01 * min(cycles)


@pytest.mark.slow
def test_the_bundled_network_runs_in_the_chip_on_pushed_rows(repository, people, tmp_path):
    """17 keypoints in images of 192×192 pixels, in 128 KiB of RAM."""
    path = repository / SHIPPED
    model, reference = pu.load_model(path, num_threads=1), Reference(path)
    bundle = export(model, tmp_path / "out", input="pushed")
    names = [t.name for t in parse_tflite(path.read_bytes(), "shipped").tensors]
    run_make(bundle.sources, "f405")
    with emulated(bundle.sources / ELF) as line:
        board = Board(line.url)
        for taken, given in zip(*prepared(model, bundle, people[:2]), strict=True):
            board.run(taken.tobytes())
            reference.run(given[None])
            expected = reference.tensor(names.index(bundle.outputs[0].name))
            assert board.output(0) == expected.tobytes()
        board.close()


def test_keypoints_of_the_board_are_those_of_this_computer(line, model, people):
    there, here = on_target(model, "serial", on_line(line.url)), as_exported(model)
    for sample in people[:3]:
        image = pu.read_image(sample.path)
        assert (there.predict(image).keypoints == here.predict(image).keypoints).all()


def test_the_decoder_on_the_board_finds_what_the_one_in_python_finds(line, model, bundle, people):
    board = Board(line.url)
    ((taken,), (given,)) = prepared(model, bundle, people[:1])
    found = board.run(taken.tobytes()).people
    keypoints = board.keypoints(1)[0]
    board.close()
    (poses,) = model.decode(model.find_outputs(as_exported(model).network.run(given[None])))
    assert found in (0, 1) and keypoints.shape == (17, 3)
    np.testing.assert_allclose(keypoints[:, :2], poses.keypoints[0], atol=1e-3)
    np.testing.assert_allclose(keypoints[:, 2], poses.scores[0], atol=1e-5)


def test_cycles_are_the_instructions_of_the_emulator(line, model, bundle, people):
    images, _ = prepared(model, bundle, people[:1])
    (counted,) = bundle.emulate(images, "Cortex-M4").instructions
    board = Board(line.url)
    cycles = board.run(images.tobytes()).cycles
    board.close()
    assert cycles * INSTRUCTIONS_PER_CYCLE == pytest.approx(counted, rel=0.05)


def test_garbage_and_half_frames_cost_no_image(line, model, bundle, people):
    """Before a row, between rows, and a row that is cut short; then a row that is damaged."""
    images, _ = prepared(model, bundle, people[:1])
    (expected,) = bundle.run_host(images).values()
    changes = {
        5: lambda data: b"\x00PF\xff" * 9 + data,
        20: lambda data: data + b"PF\x02",
        40: lambda data: data[:100],
        50: lambda data: data[:60] + b"\xaa\x55" + data[62:],
    }
    pieces = count()
    line.to_board = lambda data: changes.get(next(pieces), lambda same: same)(data)
    board = Board(line.url)
    board.run(images.tobytes())
    assert board.output(0) == expected.tobytes() and next(pieces) >= 1 + ROWS + 1 + 5 + RESENT
    board.close()


def test_after_a_cut_within_an_image_the_image_is_sent_again(line, model, people, capsys):
    there, here, pieces = on_board(model, line.url), as_exported(model), count()
    line.to_board = lambda data: None if next(pieces) == 30 else data
    image = pu.read_image(people[0].path)
    assert (there.predict(image).keypoints == here.predict(image).keypoints).all()
    assert "at row 30 of 64. The image is sent again" in capsys.readouterr().out
    assert line.connections == 2


def test_another_network_is_refused(line, repository):
    """The same weights for larger images are another network."""
    with pytest.raises(PoseError, match="the board has another network"):
        on_board(pu.load_model(repository / SHIPPED, num_threads=1), line.url)


def test_the_memory_map_is_that_of_the_chip_and_the_readme_reckons_with_enough(bundle):
    sections = run_tool(["arm-none-eabi-objdump", "-h", ELF], bundle.sources)
    begins = {name: int(at, 16) for name, at in re.findall(r"(\.\w+) +\w+ +(\w+)", sections)}
    assert begins[".vectors"] == 0x08000000 and begins[".stack"] == 0x20000000
    sizes = run_tool(["arm-none-eabi-size", ELF], bundle.sources).splitlines()[1]
    text, data, bss = map(int, sizes.split()[:3])
    readme = " ".join((bundle.path / "README.md").read_text().split())
    told = re.search(r"up to ([\d,]+) bytes of flash and ([\d,]+) bytes of RAM", readme).groups()
    flash, ram = (int(number.replace(",", "")) for number in told)
    assert text + data <= flash < text + data + 20_000
    assert data + bss <= ram < data + bss + 500


def test_the_firmware_compiles_with_all_warnings(bundle):
    names = ["port_stm32f405.c", "startup_stm32f405.c", "main.c", "pose_serial.c"]
    names += [f"{bundle.name}_serial.c"]
    flags = "-std=c99 -Wall -Wextra -Wconversion -Wundef -Wpedantic -Werror -fsyntax-only"
    core = "-mthumb -mcpu=cortex-m4 -I. -Iserial"
    sources = [f"serial/{name}" for name in names]
    run_tool(["arm-none-eabi-gcc", *flags.split(), *core.split(), *sources], bundle.sources)


@pytest.mark.parametrize(("memory", "length"), [("RAM", "16K"), ("FLASH", "512K")])
def test_what_does_not_fit_does_not_link(bundle, tmp_path, memory, length):
    copied = copy_sources(bundle.sources, tmp_path)
    script = copied / "serial/stm32f405.ld"
    script.write_text(re.sub(rf"({memory} .*LENGTH = )\d+", rf"\g<1>{length}", script.read_text()))
    with pytest.raises(PoseError, match=f"region `{memory}' overflowed"):
        run_make(copied, "f405")

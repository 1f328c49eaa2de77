"""The C side of the serial line: files for any board, and firmware for an STM32F405 if the network
fits into its memory."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass

from ...compiler.compile import Compiled
from ...compiler.emit.line_breaks import WIDTH
from ...compiler.footprint import footprint, layer_bytes
from ...compiler.graph import Tensor
from ..decoder_c import Decoding, decoder_function
from ..spec import DeploymentSpec
from ..templates import filled

FOLDER = "serial"
"""In the folder of the C code."""

CHIP, CORE = "STM32F405", "Cortex-M4"
FLASH_BYTES, RAM_BYTES = 1024 * 1024, 128 * 1024
"""Of the chip. Its 64 KiB of CCM are left out: QEMU 7.2 has none."""

STACK_BYTES = 4096
OWN_STACK_BYTES = 512
"""Most that the protocol takes of the stack before it calls the network."""

OWN_FLASH_BYTES = 16 * 1024
"""Room for vectors, protocol, port and the C library's functions."""

OWN_RAM_BYTES = 64
"""Variables of protocol and port, besides a row of the image."""

LIBRARY_RAM_BYTES = 256
"""Room for variables of the C library, and for alignment."""

MOST_ROW_BYTES = 0xFFFF - 12
"""A frame's length has 16 bits; the rest is for the row's index, or a request to read."""

MAIN = f"{FOLDER}/main.c"
"""There if firmware for the chip is."""

_ANY_BOARD = ("pose_serial.h", "pose_serial.c", "pose_port.h", "port_hal.c")
_CHIP = ("port_stm32f405.c", "startup_stm32f405.c", "stm32f405.ld", "main.c")


@dataclass(frozen=True)
class Need:
    """Bytes of one memory of the chip that firmware takes, and has."""

    memory: str
    bytes: int
    room: int


def serial_files(
    spec: DeploymentSpec, compiled: Compiled, decoding: Decoding | None
) -> dict[str, str]:
    """The files by name in the folder of the C code: none for a network that has no rows to send,
    none of the chip's if the network does not fit into it."""
    if why_no_serial(compiled):
        return {}
    values = _values(spec, compiled)
    words = ["pose" if decoding else "plain", "pushed" if compiled.is_pushed else "whole"]
    names = (*_ANY_BOARD, *(() if why_no_firmware(spec, compiled, decoding) else _CHIP))
    texts = {name: filled(f"serial/{name}", values, words) for name in names}
    for end in (".h", ".c"):
        own = filled(f"serial/network_serial{end}", values, words)
        texts[f"{spec.name}_serial{end}"] = own
    return {f"{FOLDER}/{name}": text for name, text in texts.items()}


def why_no_serial(compiled: Compiled) -> str:
    """Why a network does not get the files of the serial line; empty if it does."""
    inputs = [compiled.graph.tensors[t] for t in compiled.graph.inputs]
    if len(inputs) != 1 or len(inputs[0].shape) != 4 or inputs[0].shape[0] != 1:
        return "it takes a network of one input, a single image"
    row = row_bytes(compiled)
    if row > MOST_ROW_BYTES:
        return f"a row of the image has {row:,} bytes, and a frame takes {MOST_ROW_BYTES:,}"
    return ""


def why_no_firmware(spec: DeploymentSpec, compiled: Compiled, decoding: Decoding | None) -> str:
    """Why there is no firmware for the chip: which memory is too small, with the bytes that are
    needed and there. Empty if none is."""
    if reason := why_no_serial(compiled):
        return reason
    short = [need for need in needs(spec, compiled, decoding) if need.bytes > need.room]
    reason = ", ".join(
        f"{need.bytes:,} bytes of {need.memory} are needed and {need.room:,} are there"
        for need in short
    )
    if not compiled.is_pushed and "RAM" in (need.memory for need in short):
        return f"{reason}; exported with memory='least' and input='pushed' it may need less"
    return reason


def needs(spec: DeploymentSpec, compiled: Compiled, decoding: Decoding | None) -> list[Need]:
    """What firmware takes of the chip, rounded up; the linker has the last word. A network with
    operators that were not measured is taken to have no code and no stack."""
    decoder = decoder_function(decoding.model_type) if decoding else None
    measured = footprint(compiled, CORE, decoder)
    code, stack = (measured.code_bytes, measured.stack_bytes) if measured else (0, 0)
    flash = compiled.flash_bytes + (layer_bytes(compiled) or 0) + code + OWN_FLASH_BYTES
    poses = decoding.poses_bytes if decoding else 0
    ram = compiled.plan.size + poses + own_ram_bytes(compiled) + STACK_BYTES + LIBRARY_RAM_BYTES
    return [
        Need("flash", flash, FLASH_BYTES),
        Need("RAM", ram, RAM_BYTES),
        Need("stack", stack + OWN_STACK_BYTES, STACK_BYTES),
    ]


def readme_values(
    spec: DeploymentSpec, compiled: Compiled, decoding: Decoding | None
) -> dict[str, str]:
    """What the README says of it."""
    if reason := why_no_serial(compiled):
        told = f"There is no `c/serial/`, which is the network on a serial line: {reason}."
        return {"serial_ram": "", "firmware": "", "no_firmware": told}
    flash, ram, _ = needs(spec, compiled, decoding)
    reason = why_no_firmware(spec, compiled, decoding)
    return {
        "serial_ram": f"{own_ram_bytes(compiled):,}",
        "firmware": f"{flash.bytes:,} bytes of flash and {ram.bytes:,} bytes of RAM, "
        f"{STACK_BYTES:,} of stack",
        "no_firmware": f"There is no firmware for the {CHIP}: {reason}." if reason else "",
    }


def own_ram_bytes(compiled: Compiled) -> int:
    """RAM of protocol and port: their variables, and a row of the image."""
    return OWN_RAM_BYTES + row_bytes(compiled)


def row_bytes(compiled: Compiled) -> int:
    """Bytes of a row of the image."""
    image = compiled.graph.tensors[compiled.graph.inputs[0]]
    return image.bytes // image.shape[1]


def interface_number(inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> int:
    """Tells whether firmware takes and gives the same types, shapes and scales: the model file
    alone does not, as its ends may be exported as they are or quantized."""
    ends = [
        (t.shape, t.dtype, t.quantization and (float(t.scale), t.zero_point))
        for t in (*inputs, *outputs)
    ]
    return zlib.crc32(repr(ends).encode())


def _values(spec: DeploymentSpec, compiled: Compiled) -> dict[str, str]:
    tensors, graph = compiled.graph.tensors, compiled.graph
    inputs, outputs = ([tensors[t] for t in ts] for ts in (graph.inputs, graph.outputs))
    digest = bytes.fromhex(spec.sha256)
    per_line = (WIDTH - 4) // len("0x00, ")
    lines = [digest[i : i + per_line] for i in range(0, len(digest), per_line)]
    return {
        "name": spec.name,
        "NAME": spec.name.upper(),
        "interface": f"0x{interface_number(inputs, outputs):08x}",
        "rows": str(inputs[0].shape[1]),
        "row_bytes": str(row_bytes(compiled)),
        "sha256": "\n    ".join(
            ", ".join(f"0x{byte:02x}" for byte in line) + "," for line in lines
        ),
        "flash_bytes": str(FLASH_BYTES),
        "ram_bytes": str(RAM_BYTES),
        "stack_bytes": str(STACK_BYTES),
    }

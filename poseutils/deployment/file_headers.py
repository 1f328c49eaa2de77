"""The comment at the top of every written file: its name and purpose, its license (SPDX), its
source."""

from __future__ import annotations

import textwrap
from collections.abc import Collection, Mapping
from pathlib import PurePosixPath

from ..compiler.emit.c_text import c_comment
from ..compiler.emit.line_breaks import WIDTH
from ..models.zoo import SPDX, entry_with
from .bundle import SOURCES
from .spec import DeploymentSpec
from .verify.emulator import EMULATED

OURS = "MIT"
"""The license of what is the same for every network, and of what is not part of a network."""

UNKNOWN = "LicenseRef-unknown"
"""Stands for the license of a network that is not in the zoo."""

SHIPPED = {"3e672e2c6ba06d3faea43154504a23931667af9460c7e2aa0c86c0713c13ea7d"}
"""sha256 of the networks that come with this project, under its own license."""

_BARE = ("labels.txt", ".json", ".tflite", ".onnx")
"""Files without comments."""

_SHARED = "the same for every network"


def network_license(digest: str) -> str:
    """The SPDX identifier of a network's license, by the sha256 of its file, or :data:`UNKNOWN`."""
    if digest in SHIPPED:
        return OURS
    entry = entry_with(digest)
    return SPDX[entry.license] if entry else UNKNOWN


def purposes(spec: DeploymentSpec) -> dict[str, str]:
    """What the files of the folder are; those of ``c/`` that are not listed are the same for every
    network."""
    name, code = spec.name, f"{SOURCES}/{spec.name}"
    return {
        spec.file_name: "the network, as it was given",
        "labels.txt": "the names of the keypoints, one per line, in the order of the output",
        "app_config.h": "the configuration of ST's pose estimation application for the STM32N6",
        "predict.py": "predicts keypoints on images, with nothing but NumPy and the board's LiteRT",
        "settings.json": "how the program reads images and outputs",
        "copy_to_board.sh": "copies this folder to the board by ssh",
        "README.md": "what is in this folder and how it is used",
        "manifest.json": "sizes and sha256 of the files, tensors, and what was exported",
        f"{code}.h": "what an application includes",
        f"{code}.c": "the network: calls its operators in order",
        f"{code}_weights.c": "the weights and other constants of the network",
        f"{code}_weights.h": f"declarations of the constants in {name}_weights.c",
        f"{code}_poses.c": "decodes the outputs, with the thresholds of the application",
        f"{code}_poses.h": "declarations of keypoints and how they are decoded",
        f"{SOURCES}/Makefile": "builds for this computer and for emulated Cortex-M",
        f"{SOURCES}/CMakeLists.txt": "the network as a library, for any target",
        f"{SOURCES}/example/main.c": "runs the network on inputs from a file",
        f"{SOURCES}/example/startup.c": "startup code of the emulated boards",
        f"{SOURCES}/serial/{name}_serial.h": "the network on a serial line",
        f"{SOURCES}/serial/{name}_serial.c": "answers requests: rows in, outputs and keypoints out",
        f"{SOURCES}/serial/pose_serial.h": "frames on a serial line, and what they mean",
        f"{SOURCES}/serial/pose_serial.c": "reads and writes frames",
        f"{SOURCES}/serial/pose_port.h": "what the serial line needs of a board",
        f"{SOURCES}/serial/port_hal.c": "a board of an STM32CubeMX project on a serial line",
        f"{SOURCES}/serial/port_stm32f405.c": "an STM32F405 on a serial line, by its registers",
        f"{SOURCES}/serial/main.c": "firmware for an STM32F405, which answers on its USART1",
        f"{SOURCES}/serial/startup_stm32f405.c": "startup code of an STM32F405",
        f"{SOURCES}/serial/stm32f405.ld": "memory of an STM32F405",
        **{
            f"{SOURCES}/example/{key}.ld": f"memory of the emulated {machine.core}"
            for key, machine in EMULATED.items()
        },
    }


def headed(spec: DeploymentSpec, texts: Mapping[str, str], own: Collection[str]) -> dict[str, str]:
    """The files, each with a comment at the top.

    Args:
        texts: by file name; those whose format has no comments are unchanged.
        own: the files that hold a part of the network, under its license; the others are under
            :data:`OURS`.
    """
    license_ = network_license(spec.sha256)
    about = [f"SPDX-License-Identifier: {license_}"]
    if license_ == UNKNOWN:
        about.append(
            f"The license of the network is not known: replace {UNKNOWN} with what its authors "
            "chose."
        )
    about.append(f"Made from {spec.source}, sha256 {spec.sha256}, by poseutils; do not edit.")
    shared, known = [f"SPDX-License-Identifier: {OURS}"], purposes(spec)
    return {
        name: _with_header(name, text, known.get(name, _SHARED), about if name in own else shared)
        for name, text in texts.items()
    }


def _with_header(name: str, text: str, purpose: str, about: list[str]) -> str:
    if name.endswith(_BARE):
        return text
    lines = [
        part
        for line in [f"{PurePosixPath(name).name}: {purpose}", *about]
        for part in textwrap.wrap(c_comment(line), WIDTH - 4, break_on_hyphens=False)
    ]
    first, rest = text.split("\n", 1) if text.startswith("#!") else ("", text)
    return (f"{first}\n" if first else "") + _comment(name, lines) + rest


def _comment(name: str, lines: list[str]) -> str:
    """The lines as a comment of the file's kind, and an empty line."""
    if name.endswith((".c", ".h", ".ld")):
        return "/*\n" + "".join(f" * {line}\n" for line in lines) + " */\n\n"
    if name.endswith(".md"):
        return "<!--\n" + "\n".join(lines).replace("--", "- -") + "\n-->\n\n"
    return "".join(f"# {line}\n" for line in lines) + "\n"

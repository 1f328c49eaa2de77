"""Compiling an exported folder with this computer's compiler, and running it."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TypeAlias

import numpy as np

from ...compiler.graph import Graph, Tensor
from ...errors import PoseError

TIMEOUT = 600
"""Seconds per compilation, and per image of a run."""

COMPILERS = ("cc", "gcc", "clang")

Inputs: TypeAlias = np.ndarray | Mapping[str, np.ndarray]
"""Images stacked along the first dimension; for several inputs, by their names."""


def find_compiler(*preferred: str) -> str:
    """The C compiler of this computer: that of the variable CC, else the first of the preferred
    and the usual ones.

    Raises:
        PoseError: if there is none.
    """
    for name in (os.environ.get("CC"), *preferred, *COMPILERS):
        if name and (path := shutil.which(name)):
            return path
    raise PoseError(
        "no C compiler is installed: install gcc (on Debian: apt-get install gcc), or name one in "
        "the variable CC"
    )


def run_on_host(
    folder: Path,
    taken: Sequence[Tensor],
    given: Sequence[Tensor],
    inputs: Inputs,
    graph: Graph | None,
) -> dict[str, np.ndarray]:
    """See :meth:`poseutils.deployment.Bundle.run_host`; with ``graph``, also returns those of its
    tensors that the code computes."""
    compiler = find_compiler()
    data, count = input_bytes(taken, inputs)
    target = "debug" if graph else "host"
    with tempfile.TemporaryDirectory() as work:
        copied = copy_sources(folder, Path(work))
        run_make(copied, target, f"CC={compiler}")
        program = copied / "build" / ("debug" if graph else "main")
        (copied / "inputs.bin").write_bytes(data)
        run_tool([str(program), "inputs.bin", "outputs.bin", "tensors.bin"], copied, count)
        outputs = split_outputs((copied / "outputs.bin").read_bytes(), given, count)
        if graph is None:
            return outputs
        return {**_tensors((copied / "tensors.bin").read_bytes(), graph), **outputs}


def as_batch(images: np.ndarray | Sequence[np.ndarray], taken: Tensor) -> np.ndarray:
    """A batch, from a batch or a list of single images with or without a first dimension of 1."""
    if isinstance(images, np.ndarray):
        return images
    shapes = sorted({np.shape(image) for image in images})
    if len(shapes) != 1:
        raise PoseError(
            f"images of shapes {', '.join(map(str, shapes)) or 'none'}; a list of one shape, "
            f"{taken.shape[1:]}, is expected"
        )
    return np.stack(images) if len(shapes[0]) < len(taken.shape) else np.concatenate(images)


def input_bytes(taken: Sequence[Tensor], inputs: Inputs) -> tuple[bytes, int]:
    """The input file of the program, image by image with all inputs of each, and the number of
    images."""
    if isinstance(inputs, np.ndarray):
        inputs = {taken[0].name: inputs}
    if set(inputs) != {tensor.name for tensor in taken}:
        raise PoseError(
            f"inputs {sorted(inputs)}; the network takes {', '.join(repr(t.name) for t in taken)}: "
            "an array by name for each"
        )
    hint = "prepare() converts the input of the model file."
    counts = {t.name: count_images(t, inputs[t.name], hint) for t in taken}
    count = min(counts.values())
    if len(set(counts.values())) > 1:
        raise PoseError(f"inputs for different numbers of images: {counts}")
    rows = [np.ascontiguousarray(inputs[t.name]).reshape(count, -1).view(np.uint8) for t in taken]
    return np.concatenate(rows, axis=1).tobytes(), count


def count_images(tensor: Tensor, values: np.ndarray, hint: str) -> int:
    """The number of images, which are stacked along the first dimension.

    Raises:
        PoseError: if they are of another type or shape than the tensor; ends with the hint.
    """
    own, rest = (tensor.shape[0], tensor.shape[1:]) if tensor.shape else (1, ())
    if (
        values.dtype.name != tensor.dtype
        or values.shape[1:] != rest
        or len(values) == 0
        or len(values) % own
    ):
        first = "B" if own == 1 else f"{own} B"
        expected = ", ".join(map(str, (first, *rest)))
        raise PoseError(
            f"inputs of shape {values.shape} and type {values.dtype}; expected ({expected}) "
            f"{tensor.dtype}. {hint}"
        )
    return len(values) // own


def copy_sources(folder: Path, work: Path) -> Path:
    """A copy of the C code to compile in; the exported folder stays as it was written."""
    copied = work / "c"
    shutil.copytree(folder, copied)
    return copied


def run_make(folder: Path, *arguments: str) -> None:
    """Runs ``make`` in the folder of the C code."""
    if shutil.which("make") is None:
        raise PoseError("make is not installed (on Debian: apt-get install make)")
    run_tool(["make", "--silent", *arguments], folder)


def run_tool(command: list[str], folder: Path, images: int = 1) -> str:
    """Runs a command for at most :data:`TIMEOUT` per image and returns its output.

    Raises:
        PoseError: if it fails, with the end of its error output.
    """
    try:
        done = subprocess.run(
            command,
            cwd=folder,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=TIMEOUT * images,
        )
    except subprocess.TimeoutExpired as error:
        raise PoseError(f"{command[0]} did not finish in {TIMEOUT * images} s") from error
    if done.returncode != 0:
        raise PoseError(
            f"{' '.join(command)} failed with code {done.returncode}: {done.stderr.strip()[-1000:]}"
        )
    return done.stdout


def split_outputs(data: bytes, given: Sequence[Tensor], count: int) -> dict[str, np.ndarray]:
    """Outputs by name, stacked along the first dimension, from the output file of the program."""
    per_image = sum(tensor.bytes for tensor in given)
    if len(data) != per_image * count:
        raise PoseError(f"the program wrote {len(data)} bytes for {count} images of {per_image}")
    images = np.frombuffer(data, np.uint8).reshape(count, per_image)
    outputs, start = {}, 0
    for tensor in given:
        own = np.ascontiguousarray(images[:, start : start + tensor.bytes])
        outputs[tensor.name] = own.view(tensor.dtype).reshape(-1, *tensor.shape[1:])
        start += tensor.bytes
    return outputs


def _tensors(data: bytes, graph: Graph) -> dict[str, np.ndarray]:
    """Tensors by name, (B, ...), from the third file of a debug build; one that is computed row by
    row comes in rows."""
    found: dict[int, list[bytes]] = {}
    at = 0
    while at < len(data):
        index, size = np.frombuffer(data, np.int32, 2, at).tolist()
        found.setdefault(index, []).append(data[at + 8 : at + 8 + size])
        at += 8 + size
    tensors = [(graph.tensors[index], b"".join(parts)) for index, parts in found.items()]
    return {
        tensor.name: np.frombuffer(values, tensor.dtype).reshape(-1, *tensor.shape)
        for tensor, values in tensors
    }

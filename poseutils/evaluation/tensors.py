"""Saves the input and output tensors of a network as ``.npy`` files, to compare another runtime or
a board with."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

import numpy as np

from ..datasets import Dataset
from ..errors import PoseError
from ..files import atomic_path
from ..images import read_image
from ..models import Model


@dataclass(frozen=True)
class Tensors:
    """The files that were written.

    Attributes:
        paths: the ``.npy`` files, that of the inputs first.
        images: the image of each row, the same in both files.
        errors: messages about images that could not be read; they have no row.
    """

    paths: list[Path] = field(default_factory=list)
    images: list[Path] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)


def save_tensors(
    model: Model,
    dataset: Dataset,
    run_dir: str | Path,
    *,
    inputs: bool = True,
    outputs: bool = True,
    input_name: str | None = None,
    output_name: str | None = None,
    progress: bool = True,
) -> Tensors:
    """Saves the input and the first output tensor of a network for each image that
    :func:`poseutils.evaluate` uses.

    Inputs are as the network takes them, N×H×W×C (N×C×H×W with channels first): pixels 0…255 for
    ``uint8``, minus 128 for ``int8``, rescaled for ``float32``. Outputs have the network's own type
    and are not dequantized. Rows are written one by one, so that memory does not grow with their
    number.

    Args:
        model: a model of whole images, without a detector.
        dataset: of the images; a single-person model uses only those with exactly one person.
        run_dir: folder to write to.
        inputs, outputs: which of the two files to write.
        input_name, output_name: file names, to which ``.npy`` is added if missing (default:
            ``inputs.npy`` and ``outputs.npy``).
        progress: shows a progress bar.

    Raises:
        PoseError: if a name is a path or both names are the same; if the model has a detector; if
            no image can be read; if the files cannot be written.
    """
    from tqdm.auto import tqdm

    wanted = [_file_name(input_name, "inputs")] * inputs + [
        _file_name(output_name, "outputs")
    ] * outputs
    if not wanted:
        return Tensors()
    if len(set(wanted)) < len(wanted):
        raise PoseError(
            f"inputs and outputs cannot both be written to {wanted[0]}: give them different names"
        )
    if model.detector is not None:
        raise PoseError(
            f"{model.label} has a detector and takes one crop per detection: there is no one "
            "input per image to save"
        )
    chosen = dataset if model.gives_several else dataset.single()
    result = Tensors([Path(run_dir) / name for name in wanted])
    with ExitStack() as stack:
        files = [
            _Rows(stack.enter_context(stack.enter_context(atomic_path(path)).open("wb")))
            for path in result.paths
        ]
        for sample in tqdm(chosen, desc="tensors", unit="image", disable=not progress):
            try:
                pixels, _ = model.preprocess(read_image(sample.path))
            except PoseError as error:
                result.errors.append(str(error))
                continue
            result.images.append(sample.path)
            for file, row in zip(files, _rows(model, pixels, inputs, outputs), strict=True):
                file.append(row)
        if not result.images:
            reason = f"; the first: {result.errors[0]}" if result.errors else ""
            raise PoseError(
                f"{dataset.source}: no image could be read, so no tensors to write{reason}"
            )
        for file in files:
            file.finish()
    return result


def _file_name(given: str | None, usual: str) -> str:
    name = given or usual
    if Path(name).name != name:
        raise PoseError(
            f"{name}: expected a file name without folders, as the file is written to the run "
            "folder"
        )
    return name if name.endswith(".npy") else f"{name}.npy"


def _rows(model: Model, pixels: np.ndarray, inputs: bool, outputs: bool) -> list[np.ndarray]:
    """The row (1, ...) of one image for each file to write."""
    tensor = model.network.prepare(pixels[None])
    rows = [tensor] if inputs else []
    if outputs:
        # The network may have a fixed batch size
        batch = np.repeat(tensor, model.network.input.shape[0] or 1, axis=0)
        rows.append(model.network.invoke(batch)[0][:1])
    return rows


class _Rows:
    """A .npy file that is written row by row. The header, which has the number of rows, is
    rewritten at the end: NumPy pads it."""

    def __init__(self, file: BinaryIO):
        self._file = file
        self._count = 0
        self._row: np.ndarray | None = None

    def append(self, row: np.ndarray) -> None:
        """Appends a (1, ...) array."""
        if self._row is None:
            self._row = row
            self._write_header(row)
        self._file.write(np.ascontiguousarray(row).tobytes())
        self._count += 1

    def finish(self) -> None:
        """Writes the number of rows into the header."""
        if self._row is not None:
            self._file.seek(0)
            self._write_header(self._row)
            self._file.flush()

    def _write_header(self, row: np.ndarray) -> None:
        header = {
            "descr": np.lib.format.dtype_to_descr(row.dtype),
            "fortran_order": False,
            "shape": (self._count, *row.shape[1:]),
        }
        np.lib.format.write_array_header_1_0(self._file, header)

"""What goes into a network and what comes out of it, image by image, as ``.npy`` files: to hold another runtime, or a board, against."""

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
from ..inference import Model


@dataclass(frozen=True)
class Tensors:
    """What was written.

    Attributes:
        paths: the ``.npy`` files, the inputs' first.
        images: the image of each row, in both files.
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
    """Writes a network's inputs and raw first outputs for the images that :func:`poseutils.evaluate` measures it on, in their order.

    Inputs are as the network takes them, N×H×W×C (N×C×H×W if it has its channels first): pixels 0…255 for ``uint8``, less 128 for
    ``int8``, rescaled for ``float32``. Outputs have the network's own type, quantized ones are not made real. Rows are written as
    they come, so that memory does not grow with their number.

    Args:
        model: one that looks at whole images.
        dataset: of the images; of one that several people may be on, only a model that finds several sees more than those of one person.
        run_dir: where to write.
        inputs, outputs: which of the two files to write.
        input_name, output_name: of the files, ``.npy`` is added if it is not there (default: ``inputs.npy`` and ``outputs.npy``).
        progress: shows a progress bar.

    Raises:
        PoseError: if a name is a path, or that of the other file; if the model has a detector; if no image can be read; if the files
            cannot be written.
    """
    from tqdm.auto import tqdm

    wanted = [_file_name(input_name, "inputs")] * inputs + [_file_name(output_name, "outputs")] * outputs
    if not wanted:
        return Tensors()
    if len(set(wanted)) < len(wanted):
        raise PoseError(f"inputs and outputs cannot both go to {wanted[0]}: give them different names")
    if model.detector is not None:
        raise PoseError(f"{model.label} looks at what its detector finds, as often as that is: its inputs have no row for each image")
    chosen = dataset if model.finds_several else dataset.single()
    result = Tensors([Path(run_dir) / name for name in wanted])
    with ExitStack() as stack:
        files = [_Rows(stack.enter_context(stack.enter_context(atomic_path(path)).open("wb"))) for path in result.paths]
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
            raise PoseError(f"{dataset.source}: no image to write the tensors of{reason}")
        for file in files:
            file.finish()
    return result


def _file_name(given: str | None, usual: str) -> str:
    name = given or usual
    if Path(name).name != name:
        raise PoseError(f"{name}: expected the name of a file in the run folder, without folders")
    return name if name.endswith(".npy") else f"{name}.npy"


def _rows(model: Model, pixels: np.ndarray, inputs: bool, outputs: bool) -> list[np.ndarray]:
    """One image's row of each file that is wanted, (1, ...)."""
    tensor = model.network.prepare(pixels[None])
    rows = [tensor] if inputs else []
    if outputs:
        batch = np.repeat(tensor, model.network.input.shape[0] or 1, axis=0)  # a file may be made for batches
        rows.append(model.network.invoke(batch)[0][:1])
    return rows


class _Rows:
    """A .npy file that grows by rows. How many there are is known at the end only; NumPy's header leaves room for that number."""

    def __init__(self, file: BinaryIO):
        self._file = file
        self._count = 0
        self._of_one: np.ndarray | None = None

    def append(self, row: np.ndarray) -> None:
        """Adds a (1, ...) array."""
        if self._of_one is None:
            self._of_one = row
            self._write_header()
        self._file.write(np.ascontiguousarray(row).tobytes())
        self._count += 1

    def finish(self) -> None:
        """Puts the number of rows into the header."""
        self._file.seek(0)
        self._write_header()
        self._file.flush()

    def _write_header(self) -> None:
        shape = (self._count, *self._of_one.shape[1:])
        header = {"descr": np.lib.format.dtype_to_descr(self._of_one.dtype), "fortran_order": False, "shape": shape}
        np.lib.format.write_array_header_1_0(self._file, header)

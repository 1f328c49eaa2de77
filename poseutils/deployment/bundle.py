"""A bundle: one folder with all that a network needs to go onto an STM32 board."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

from .. import __version__
from ..compiler.emit.c_text import c_array_header, c_array_source
from ..compiler.graph import Tensor
from ..errors import PoseError
from ..files import given_path
from ..keypoints import KeypointLayout
from .file_headers import headed
from .linux.bundle import linux_files
from .output_folder import MAKER, MANIFEST, replaced_folder
from .readme_bundle import purposes, readme_text
from .spec import SUFFIXES, AppSettings, Spec, make_spec, settings_from_config
from .st.app_config import app_config_text, why_not


@dataclass(frozen=True)
class Bundle:
    """A bundle that was written: its folder, and its manifest as a dictionary."""

    path: Path
    manifest: dict

    @property
    def files(self) -> dict[str, dict]:
        """bytes and sha256 of each file by its name, the manifest itself not among them."""
        return self.manifest["files"]

    @property
    def model_path(self) -> Path:
        """The network's own file in the bundle."""
        return self.path / next(name for name in self.files if name.endswith(SUFFIXES))

    def file_rows(self) -> list[dict]:
        """The files for a table: name, bytes, the beginning of the hash."""
        return [
            {"file": name, "bytes": entry["bytes"], "sha256": entry["sha256"][:12] + "…"}
            for name, entry in self.files.items()
        ]

    def tensor_rows(self) -> list[dict]:
        """Inputs and outputs for a table; scale and zero point are empty where values are
        floats."""
        return [
            {
                "": side.removesuffix("s"),
                "shape": " × ".join(map(str, tensor["shape"])),
                "type": tensor["dtype"],
                "scale": str(tensor.get("scale", "")),
                "zero point": str(tensor.get("zero_point", "")),
            }
            for side in ("inputs", "outputs")
            for tensor in self.manifest[side]
        ]


def package(
    model_path: str | Path,
    out_dir: str | Path,
    *,
    model_type: str,
    layout: KeypointLayout,
    board: str = "STM32N6570-DK",
    name: str | None = None,
    config=None,
) -> Bundle:
    """Writes a folder with the network's file, a .tflite also as a C array, ST's app_config.h,
    labels, a README and a manifest.

    The same input gives the same bytes. For a board that runs Linux there is a program in Python in
    place of the C code; for a network that ST's application cannot decode there is no app_config.h,
    and the README says why.

    Args:
        model_path: a full-integer .tflite, or a QDQ .onnx.
        out_dir: the folder to write; one that an earlier call wrote is replaced, if no file in it
            was added or changed since.
        model_type: what the outputs are, see :mod:`poseutils.decoders`.
        layout: its keypoints.
        board: one of :data:`poseutils.deployment.BOARDS`.
        name: what files and C symbols are called (default: the model's file name, see
            :func:`poseutils.deployment.default_name`).
        config: a configuration whose preprocessing, postprocessing, tools and deployment sections
            fill app_config.h and the README; the defaults of :class:`AppSettings` without.

    Raises:
        PoseError: if the model is not a full-integer .tflite or QDQ .onnx, is of another type or
            layout, the board is not known, or ``out_dir`` is a folder with other or changed files,
            or cannot be written. Nothing is written then.
    """
    settings = settings_from_config(config) if config is not None else AppSettings()
    model_path = given_path(model_path, "model_path", "the path of a .tflite or .onnx file")
    spec = make_spec(model_path, model_type, layout, board, name, settings)
    if spec.board.linux and not spec.is_tflite:
        raise PoseError(
            f"{spec.source}: {spec.board.name} runs Linux and LiteRT, which takes a .tflite. Quantize with TFlite_converter."
        )
    files = _files(spec)
    manifest = _manifest(spec, files)
    files[MANIFEST] = (json.dumps(manifest, indent=1, allow_nan=False) + "\n").encode()
    with replaced_folder(out_dir) as folder:
        for file_name, data in files.items():
            (folder / file_name).parent.mkdir(parents=True, exist_ok=True)
            (folder / file_name).write_bytes(data)
    return Bundle(Path(out_dir), manifest)


def _files(spec: Spec) -> dict[str, bytes]:
    """All files but the manifest, by name."""
    digest = hashlib.sha256(spec.data).hexdigest()
    texts = {}
    if spec.is_tflite and not spec.board.linux:
        texts[f"{spec.symbol}.c"] = c_array_source(spec.data, spec.symbol)
        texts[f"{spec.symbol}.h"] = c_array_header(spec.symbol)
    if not spec.board.linux and why_not(spec) is None:
        texts["app_config.h"] = app_config_text(spec)
    texts["labels.txt"] = spec.settings.label_file or "".join(
        f"{label}\n" for label in spec.layout.names
    )
    if spec.board.linux:
        texts |= linux_files(spec, digest)
    names = [spec.file_name, *texts, "README.md", MANIFEST]
    texts["README.md"] = readme_text(spec, names, digest)
    texts = headed(
        texts, purposes(spec), (f"{spec.symbol}.c", f"{spec.symbol}.h"), digest, spec.source
    )
    return {spec.file_name: spec.data, **{name: text.encode() for name, text in texts.items()}}


def _manifest(spec: Spec, files: dict[str, bytes]) -> dict:
    tensors = spec.graph.tensors
    return {
        "made_by": MAKER,
        "versions": {"manifest": 1, MAKER: __version__, **spec.format_version()},
        "model": {"source": spec.source, "model_type": spec.model_type, **spec.cost()},
        "layout": layout_record(spec.layout),
        "board": spec.board.name,
        "inputs": [tensor_record(tensors[i]) for i in spec.graph.inputs],
        "outputs": [tensor_record(tensors[i]) for i in spec.graph.outputs],
        "files": file_records(files),
    }


def layout_record(layout: KeypointLayout) -> dict:
    """A layout for a manifest."""
    return {
        "name": layout.name,
        "keypoints": list(layout.names),
        "limbs": [list(limb) for limb in layout.limbs],
    }


def file_records(files: dict[str, bytes]) -> dict[str, dict]:
    """Size and hash of each file by its name, for a manifest."""
    return {
        name: {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
        for name, data in files.items()
    }


def tensor_record(tensor: Tensor) -> dict:
    record = {"name": tensor.name, "shape": list(tensor.shape), "dtype": tensor.dtype}
    if tensor.quantization is None:
        return record
    return {
        **record,
        "scale": float(tensor.quantization.scales[0]),
        "zero_point": int(tensor.quantization.zero_points[0]),
    }

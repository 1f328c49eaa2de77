"""What goes to a board that runs Linux besides network and labels: the decoders, a program around
them, and a script that copies all."""

from __future__ import annotations

import ast
import json
import re
import shlex
from pathlib import Path

from ...errors import PoseError
from ...models import Model, load_model
from ...models.zoo import ZOO
from ..spec import Spec
from .runtime import COLOR_MODES, INTERPOLATIONS

PACKAGE = "poseutils"
FOLDER = "pose_estimation"
"""On the board, in the home folder, where no other is named."""

_ROOT = Path(__file__).resolve().parents[2]
_ADDRESS = re.compile(r"(?:[A-Za-z0-9_][A-Za-z0-9_.-]*@)?[A-Za-z0-9:][A-Za-z0-9.:-]*")

_INIT = '"""The part of poseutils that a board needs: NumPy and LiteRT are enough."""\n'
_PROGRAM = '''"""Finds keypoints in images: python3 predict.py street.jpg --out keypoints.json"""

import sys
from pathlib import Path

from poseutils.deployment.linux.runtime import main

sys.exit(main(Path(__file__).resolve().parent, sys.argv[1:]))
'''


def linux_files(spec: Spec, digest: str) -> dict[str, str]:
    """The files by their names in the bundle; the same network and settings give the same.

    Args:
        digest: the sha256 of the .tflite, by which a published one is known.

    Raises:
        PoseError: if the address cannot be one, or the board's program does not read images as the
            configuration says.
    """
    return {
        "predict.py": _PROGRAM,
        "settings.json": json.dumps(_settings(spec, _model(spec, digest)), indent=1) + "\n",
        "copy_to_board.sh": copy_script(spec.settings.ip_address, spec.settings.board_deploy_path),
        **_package(),
    }


def _package() -> dict[str, str]:
    """The program's modules and all that they import, by their names in the folder. Packages of
    which only a module is imported get an empty ``__init__``."""
    modules = _imported_by(_ROOT / "deployment/linux/runtime.py")
    texts = {path.relative_to(_ROOT): path.read_text(encoding="utf-8") for path in modules}
    packages = {parent / "__init__.py" for path in texts for parent in path.parents}
    texts = {path: "" for path in packages - texts.keys()} | texts | {Path("__init__.py"): _INIT}
    return {f"{PACKAGE}/{path.as_posix()}": texts[path] for path in sorted(texts)}


def _imported_by(path: Path) -> set[Path]:
    """A module and those that it imports when it is loaded, directly or not."""
    found, waiting = set(), [path]
    while waiting:
        module = waiting.pop()
        if module not in found:
            found.add(module)
            for statement in ast.parse(module.read_text(encoding="utf-8")).body:
                if isinstance(statement, ast.ImportFrom) and statement.level:
                    waiting += _targets(module, statement)
    return found


def _targets(module: Path, statement: ast.ImportFrom) -> list[Path]:
    """The files of a relative import: submodules that are named, or else the module itself."""
    place = module.parents[statement.level - 1].joinpath(*(statement.module or "").split("."))
    submodules = [place / f"{alias.name}.py" for alias in statement.names]
    files = [*submodules, place.with_suffix(".py"), place / "__init__.py"]
    return [file for file in files if file.exists() and file != _ROOT / "__init__.py"]


def _model(spec: Spec, digest: str) -> Model:
    settings = spec.settings
    published = any(entry.sha256 == digest for entry in ZOO.values())
    for attribute, given, known in (
        ("resizing.interpolation", settings.interpolation, INTERPOLATIONS),
        ("color_mode", settings.color_mode, COLOR_MODES),
    ):
        if given not in known:
            raise PoseError(
                f"preprocessing.{attribute}: {given} given; what runs on the {spec.board.name} takes {' or '.join(known)}"
            )
    return load_model(
        spec.path,
        spec.model_type,
        layout=spec.layout,
        rescaling=None if published else settings.rescaling,
        aspect_ratio=settings.aspect_ratio,
        interpolation=settings.interpolation,
        color_mode=settings.color_mode,
    )


def _settings(spec: Spec, model: Model) -> dict:
    layout, given = spec.layout, spec.settings
    return {
        "model": f"{spec.name}.tflite",
        "model_type": model.model_type,
        "layout": {
            "name": layout.name,
            "names": list(layout.names),
            "limbs": [list(limb) for limb in layout.limbs],
        },
        "aspect_ratio": model.aspect_ratio,
        "interpolation": model.interpolation,
        "color_mode": model.color_mode,
        "normalized": model.normalized,
        "rescaling": model.network.rescaling,
        "thresholds": {
            "confidence": given.confidence_thresh,
            "nms_iou": given.nms_thresh,
            "nms_measure": given.nms_measure,
            "max_detections": given.max_detection_boxes,
            "refine": given.refine,
        },
    }


def copy_script(address: str | None, folder: str | None) -> str:
    """A shell script that copies its own folder to the board by ssh.

    Raises:
        PoseError: if the address is not that of a host.
    """
    if address is not None and not _ADDRESS.fullmatch(address):
        raise PoseError(
            f"deployment.hardware_setup.ip_address: {address!r}; expected an address or a host name, such as 192.168.1.7"
        )
    if folder is not None and any(ord(letter) < 32 for letter in folder):
        raise PoseError(
            f"deployment.board_deploy_path: {folder!r}; expected a path without control characters"
        )
    host = "" if address is None else address if "@" in address else f"root@{address}"
    place = shlex.quote(folder or FOLDER)
    remote = shlex.quote(f"mkdir -p -- {place} && tar -xzf - -C {place}")
    given = (
        f"${{1:-{host}}}"
        if host
        else "${1:?give the address of the board, such as root@192.168.1.7}"
    )
    return f"""#!/bin/sh
# Copies this folder to the board by ssh: sh copy_to_board.sh [USER@ADDRESS]
set -eu
board="{given}"
cd "$(dirname "$0")"
tar -czf - . | ssh -- "$board" {remote}
echo "Copied. On the board: cd "{shlex.quote(place)}" && python3 predict.py IMAGE"
"""

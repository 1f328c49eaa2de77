"""The files for a board that runs Linux: a program in Python, the decoders that it imports, and a
script that copies the folder."""

from __future__ import annotations

import ast
import json
import re
import shlex
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ...errors import PoseError
from ...models import Model, load_model
from ...models.zoo import entry_with
from ..recognition import PoseType
from ..spec import DeploymentSpec
from ..templates import filled
from .runtime import COLOR_MODES, INTERPOLATIONS

PACKAGE = "poseutils"
FOLDER = "pose_estimation"
"""The default folder on the board, in the home folder."""

_ROOT = Path(__file__).resolve().parents[2]
_ADDRESS = re.compile(r"(?:[A-Za-z0-9_][A-Za-z0-9_.-]*@)?[A-Za-z0-9:][A-Za-z0-9.:-]*")

_INIT = '"""The part of poseutils that a board needs: NumPy and LiteRT are enough."""\n'


def takes(spec: DeploymentSpec) -> bool:
    """Whether the program can run the network: a pose network as a .tflite, on a board that runs
    Linux."""
    return spec.board.linux and spec.is_tflite and spec.pose is not None


def linux_files(spec: DeploymentSpec, model: Model | None) -> dict[str, str]:
    """The files by name; none if the program does not take the network. The same network and
    settings give the same files.

    Args:
        model: the loaded model, if there is one: its preprocessing is used, else that of the
            configuration.

    Raises:
        PoseError: if the address is invalid, or the program does not support the interpolation or
            the color mode.
    """
    if not takes(spec) or spec.pose is None:
        return {}
    deployment = spec.config.deployment
    script = copy_script(deployment.hardware_setup.ip_address, deployment.board_deploy_path)
    settings = _settings(spec, spec.pose, model or _load(spec, spec.pose))
    return {
        "predict.py": filled("linux/predict.py", {}),
        "settings.json": json.dumps(settings, indent=1) + "\n",
        "copy_to_board.sh": script,
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


def _load(spec: DeploymentSpec, pose: PoseType) -> Model:
    """The model with the preprocessing of the configuration."""
    preprocessing = spec.config.preprocessing
    published = entry_with(spec.sha256) is not None
    rescaling = preprocessing.rescaling
    configured = "rescaling" in preprocessing.model_fields_set
    _check_preprocessing(spec, preprocessing.resizing.interpolation, preprocessing.color_mode)
    return load_model(
        spec.path,
        pose.model_type,
        layout=pose.layout,
        rescaling=(rescaling.scale, rescaling.offset) if configured and not published else None,
        aspect_ratio=preprocessing.resizing.aspect_ratio,
        interpolation=preprocessing.resizing.interpolation,
        color_mode=preprocessing.color_mode,
    )


def _check_preprocessing(spec: DeploymentSpec, interpolation: str, color_mode: str) -> None:
    for attribute, given, known in (
        ("resizing.interpolation", interpolation, INTERPOLATIONS),
        ("color_mode", color_mode, COLOR_MODES),
    ):
        if given not in known:
            raise PoseError(
                f"preprocessing.{attribute}: {given} given; the program for the {spec.board.name} "
                f"supports {' or '.join(known)}"
            )


def _settings(spec: DeploymentSpec, pose: PoseType, model: Model) -> dict[str, Any]:
    _check_preprocessing(spec, model.interpolation, model.color_mode)
    layout = pose.layout
    return {
        "model": spec.file_name,
        "model_type": pose.model_type,
        "layout": {
            "name": layout.name,
            "names": list(layout.names),
            "limbs": [list(limb) for limb in layout.limbs],
        },
        "aspect_ratio": model.aspect_ratio,
        "interpolation": model.interpolation,
        "color_mode": model.color_mode,
        "normalized": pose.normalized,
        "world_first": pose.spec.world_first,
        "head": asdict(pose.spec.head) if pose.spec.head else None,
        "rescaling": model.network.rescaling,
        "thresholds": asdict(spec.thresholds),
    }


def copy_script(address: str | None, folder: str | None) -> str:
    """A shell script that copies its own folder to the board by ssh.

    Raises:
        PoseError: if the address is not that of a host.
    """
    if address is not None and not _ADDRESS.fullmatch(address):
        raise PoseError(
            f"deployment.hardware_setup.ip_address: {address!r}; expected an address or a host "
            "name, such as 192.168.1.7"
        )
    if folder is not None and any(ord(letter) < 32 for letter in folder):
        raise PoseError(
            f"deployment.board_deploy_path: {folder!r}; expected a path without control characters"
        )
    host = "" if address is None else address if "@" in address else f"root@{address}"
    place = shlex.quote(folder or FOLDER)
    remote = shlex.quote(f"mkdir -p -- {place} && tar -xzf - -C {place}")
    given = "${1:?give the address of the board, such as root@192.168.1.7}"
    if host:
        given = f"${{1:-{host}}}"
    values = {"board": given, "remote": remote, "place": shlex.quote(place)}
    return filled("linux/copy_to_board.sh", values)

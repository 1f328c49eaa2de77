"""ST's compiled network in place of LiteRT: a model whose network is what ``stedgeai`` makes of its
file, on this computer or on an STM32N6.

It goes as the scripts of ST's model zoo do, which take the outputs in the order of the file, and
was never run with ST's tools, which are not available for automatic tests.
"""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
import weakref
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ...errors import PoseError
from ...files import write_text
from ...models import Model
from ...models.networks.network import Network
from ...models.networks.runtimes import TensorSpec
from ..verify.exported_model import ExportedNetwork
from .program import Installation, find_installation, run_program
from .report import version_in
from .runner import Runner
from .stedgeai import (
    N6_TENSORS,
    OUTPUT,
    WORKSPACE,
    compiled,
    print_lines,
    tensor_options,
    wrong_version,
)

if TYPE_CHECKING:
    from ...config import Config
    from ...config.sections import OnTarget

ON_HOST, ON_N6 = "stedgeai_host", "stedgeai_n6"
ADVICE = {
    ON_HOST: "Is its stm_ai_runner of the same version as stedgeai?",
    ON_N6: "Is the board connected by its ST-LINK, powered, switched to development boot, and its "
    "port free of other programs?",
}
"""What to do where the connection fails."""

LOADING = 900.0
"""Seconds to build the firmware, to write the weights to flash and to start it."""

_BAUD = 921600
_API = ["--c-api", "st-ai"]  # the default from release 3.0 on; 2.2 has another


def on_st(
    model: Model, target: str, config: Config, asked: OnTarget, run_dir: str | Path | None
) -> Model | None:
    """The same model, with ST's compiled network in place of its own; None, and why is printed, if
    ST's tools are not installed.

    Args:
        target: ``stedgeai_host`` runs it on this computer, as a library; ``stedgeai_n6`` on an
            STM32N6, in ST's validation firmware, whose project in ST's installation is changed.
        config: ``tools.stedgeai`` names the programs; ``deployment.hardware_setup`` the board and,
            if the runner shall not search it, its serial port.
        asked: ``evaluation`` or ``prediction``: types and channel order of the tensors, profile.
        run_dir: the folder of ST's output and logs; if it is not given, a temporary one, which is
            deleted with the network, but stays with its logs after an error.

    Raises:
        PoseError: if a program fails or does not end in time, the runner cannot connect, or the
            network does not have the tensors of the file.
    """
    installation, lines = find_installation(config)
    if installation and target == ON_N6 and installation.loader is None:
        lines.append(f"{installation.program}: there is no n6_loader.py in its installation.")
        installation = None
    print_lines(lines)
    if installation is None:
        return None
    folder = Path(run_dir or tempfile.mkdtemp(prefix="pose-")).absolute()
    network = _made(model, target, installation, config, asked, folder)
    if not run_dir:
        weakref.finalize(network.invoke, shutil.rmtree, folder, ignore_errors=True)
    where = "on an STM32N6" if target == ON_N6 else "compiled by stedgeai"
    return replace(model, network=network, name=f"{model.label} {where}")


def _made(
    model: Model,
    target: str,
    installation: Installation,
    config: Config,
    asked: OnTarget,
    folder: Path,
) -> Network:
    if target == ON_N6:
        profile = [f"{asked.profile}@{_profiles(installation)}"] if asked.profile else []
        tensors = tensor_options(asked, N6_TENSORS)
        where = ["--target", "stm32n6", "--st-neural-art", *profile]
    else:
        tensors = tensor_options(asked, {})
        where = ["--target", "stm32", "--dll"]
    options = [*where, "--name", "network", *_API, *tensors]
    log = compiled("generate", installation.program, model.path, options, folder)
    version = version_in(log)
    print_lines(wrong_version(config, installation.program, version))
    description = str(folder / WORKSPACE)
    if target == ON_N6:
        _load(installation, config, folder)
        port = config.deployment.hardware_setup.serial_port
        description = ":".join(["serial", *([port] if port else []), str(_BAUD)])
    runtime = " ".join([target, version or "", *tensors])
    connection = _Connection(target, installation.runner, description, runtime)
    return _connected(model, connection, folder)


def _profiles(installation: Installation) -> Path:
    """ST's own profiles of the accelerator, beside the loader."""
    assert installation.loader
    return installation.loader.with_name("user_neuralart.json")


def _load(installation: Installation, config: Config, folder: Path) -> None:
    """Builds ST's validation firmware with the network, and starts it on the board."""
    assert installation.loader
    nucleo = config.deployment.hardware_setup.board == "NUCLEO-N657X0-Q"
    settings = {
        "network.c": str(folder / OUTPUT / "network.c"),
        "project_build_conf": "N6-Nucleo" if nucleo else "N6-DK",
    }
    path = write_text(folder / "config_n6l.json", json.dumps(settings, indent=1) + "\n")
    loader = installation.loader.absolute()
    command = [sys.executable, str(loader), "--n6-loader-config", str(path)]
    run_program(command, folder / "n6_loader.log", LOADING, loader.name, loader.parent)


# ---------------------------------------------------------------- the network


@dataclass(frozen=True)
class _Connection:
    """What a runner connects to, and the ``runtime`` of the network."""

    target: str
    runner: Path
    description: str
    runtime: str


def _connected(model: Model, connection: _Connection, folder: Path) -> Network:
    log = folder / "ai_runner.log"
    advice = ADVICE[connection.target]
    runner = Runner(connection.runner, connection.description, log, advice)
    own = model.network
    _check(own, runner)
    taken = _input(own.input, runner.inputs[0])

    def run(array: np.ndarray) -> list[np.ndarray]:
        given = runner.run([array])
        return [
            _in_shape(output, spec.shape) for output, spec in zip(given, own.outputs, strict=True)
        ]

    outputs = tuple(
        replace(theirs, name=spec.name, shape=spec.shape)
        for spec, theirs in zip(own.outputs, runner.outputs, strict=True)
    )
    return ExportedNetwork(
        own.path,
        connection.runtime,
        taken,
        outputs,
        run,
        _rescaling(own, taken),
        1,
        1,
        again=(_connected, (model, connection, folder)),
    )


def _check(own: Network, runner: Runner) -> None:
    """Raises if the compiled network does not have the tensors of the file, in its order."""
    try:
        for ours, theirs in (([own.input], runner.inputs), (own.outputs, runner.outputs)):
            for spec, other in zip(ours, theirs, strict=True):
                _move(_dimensions(other.shape), _dimensions(spec.shape))
    except ValueError:
        made = [spec.shape for spec in (*runner.inputs, *runner.outputs)]
        expected = [spec.shape for spec in (own.input, *own.outputs)]
        raise PoseError(
            f"{own.path.name}: the network that stedgeai made of it has inputs and outputs of "
            f"{made}; expected are those of the file, {expected}, in any order of channels."
        ) from None


def _dimensions(shape: Sequence[int | None]) -> tuple[int | None, ...]:
    """Those of one image, without those of 1, which ST adds and leaves out."""
    return tuple(n for n in shape[1:] if n != 1)


def _move(given: tuple, own: tuple) -> tuple[int, int] | None:
    """The axis of the channels in the given dimensions and in those of the file; None if both have
    the same order.

    Raises:
        ValueError: if they differ in more than the place of the channels.
    """
    if given == own or None in own:
        return None
    if (given[-1:] + given[:-1]) == own:
        return -1, 0
    if (given[1:] + given[:1]) == own:
        return 0, -1
    raise ValueError


def _in_shape(output: np.ndarray, shape: Sequence[int | None]) -> np.ndarray:
    """An output in the shape and channel order of the file."""
    dimensions, own = _dimensions(output.shape), _dimensions(shape)
    move = _move(dimensions, own)
    if move:
        output = np.moveaxis(output.reshape(dimensions), *move)
    return output if None in own else output.reshape(1, *shape[1:])


def _input(own: TensorSpec, theirs: TensorSpec) -> TensorSpec:
    """The input that ST's network takes, with the dimensions of an image and its channels."""
    dimensions = _dimensions(theirs.shape)
    shape = own.shape if _move(dimensions, _dimensions(own.shape)) is None else (1, *dimensions)
    return replace(theirs, shape=shape)


def _rescaling(own: Network, taken: TensorSpec) -> tuple[float, float] | None:
    """From pixels to the values of ST's input: those of the file's, also where a quantized input,
    which takes pixels, became a float one."""
    if own.rescaling or not own.input.scale or np.dtype(taken.dtype).kind != "f":
        return own.rescaling
    least = np.iinfo(own.input.dtype).min
    return own.input.scale, own.input.scale * (least - own.input.zero_point)

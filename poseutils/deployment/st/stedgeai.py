"""ST's compiler, ST Edge AI Core (``stedgeai``), if it is installed: analyzes a network, or makes C
of it.

It is not available for automatic tests and was never run to write or test this module: the command
lines are those of ST's projects, and the report is parsed in the formats that its users publish.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from ...errors import PoseError
from ..boards import Board
from .program import PROGRAM, find_stedgeai, run_program
from .report import StReport, read_report

if TYPE_CHECKING:
    from ...config import Config
    from ...config.sections import OnTarget

TIME_LIMIT = 1800.0
"""Seconds. Compiling for the accelerator of an STM32N6 takes minutes."""

WORKSPACE, OUTPUT = "st_ai_ws", "st_ai_output"
"""Its folders, called as it calls them itself."""

N6_TENSORS = {"input_type": "uint8", "output_type": "float32"}
"""Types of the tensors on an STM32N6 where none are asked for: those of ST's applications."""


def run_stedgeai(
    command: str,
    model_path: str | Path,
    board: Board,
    run_dir: str | Path,
    config: Config,
) -> StReport | None:
    """Runs ``stedgeai analyze`` or ``generate`` with a progress bar if it is installed; otherwise
    prints why not and returns None.

    Its output goes to ``st_ai_output``, its log to ``stedgeai-<command>.log``, both in ``run_dir``.

    Args:
        command: ``analyze`` or ``generate``.
        model_path: the network.
        board: the board to compile for.
        config: ``tools.stedgeai`` and ``deployment`` choose the program and its options.

    Raises:
        PoseError: if it cannot be started, fails, or does not end in time, or its report cannot be
            read: with its messages, what to do, and the path of the log.
    """
    program, lines = find_stedgeai(config)
    if board.target is None:
        lines.append(
            f"{board.name} runs Linux: its runtime takes the .tflite as it is, without {PROGRAM}, "
            "which has no target stm32mp from release 3.0 on"
        )
    print_lines(lines)
    if program is None or board.target is None:
        return None
    options = ["--target", board.target, "--name", "network", *_options(command, board, config)]
    log = compiled(command, program, model_path, options, Path(run_dir).absolute())
    report = read_report(log, board.target, log.parent / OUTPUT)
    print_lines(wrong_version(config, program, report.version))
    return report


def print_lines(lines: list[str]) -> None:
    print(*lines, sep="\n", end="\n" if lines else "")


def compiled(
    command: str,
    program: Path,
    model_path: str | Path,
    options: list[str],
    folder: Path,
) -> Path:
    """Runs a command of ``stedgeai`` on a network, into :data:`WORKSPACE` and :data:`OUTPUT` of a
    folder; returns the log there.

    Raises:
        PoseError: as :func:`poseutils.deployment.st.program.run_program`.
    """
    model = str(Path(model_path).absolute())
    places = ["--workspace", str(folder / WORKSPACE), "--output", str(folder / OUTPUT)]
    log = folder / f"{PROGRAM}-{command}.log"
    arguments = [str(program), command, "--model", model, *options, *places]
    run_program(arguments, log, TIME_LIMIT, f"{PROGRAM} {command}")
    return log


def wrong_version(config: Config, program: Path, version: str | None) -> list[str]:
    """A message if the configuration asks for another version than this."""
    wanted = config.tools.stedgeai.version
    if wanted and version and not version.startswith(wanted):
        return [f"tools.stedgeai.version asks for {wanted}; {program} is {version}"]
    return []


def _options(command: str, board: Board, config: Config) -> list[str]:
    if command not in ("analyze", "generate"):
        raise PoseError(f"command={command!r}: expected analyze or generate")
    generates = command == "generate"
    verbosity = ["--verbosity", str(config.deployment.verbosity)]
    if board.npu:
        tensors = tensor_options(config.evaluation, N6_TENSORS)
        accelerator = ["--st-neural-art", *_profile(config)]
        return [*verbosity, *accelerator, *(tensors if generates else [])]
    buffers = ["--allocate-inputs", "--allocate-outputs", *tensor_options(config.evaluation, {})]
    optimization = ["--optimization", config.tools.stedgeai.optimization]
    return [*verbosity, *optimization, *(buffers if generates else [])]


def tensor_options(asked: OnTarget, usual: dict[str, str]) -> list[str]:
    """Types and channel order of the tensors on the target: as asked, or the usual ones; what is
    neither is left to the compiler."""
    options = {
        "--input-data-type": asked.input_type or usual.get("input_type"),
        "--output-data-type": asked.output_type or usual.get("output_type"),
        "--inputs-ch-position": asked.input_chpos,
        "--outputs-ch-position": asked.output_chpos,
    }
    return [word for name, value in options.items() if value for word in (name, value)]


def _profile(config: Config) -> list[str]:
    """The memory profile of ST's application if its project is found; otherwise none, which is
    the compiler's default."""
    if not config.deployment.c_project_path:
        return []
    try:
        project = config.resolve(config.deployment.c_project_path)
    except PoseError:
        return []
    name = config.evaluation.profile or "profile"
    return [f"{name}@{path}" for path in sorted(project.rglob("user_neuralart*.json"))[:1]]

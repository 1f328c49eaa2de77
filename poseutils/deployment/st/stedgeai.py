"""ST's compiler, ST Edge AI Core (``stedgeai``), if it is installed: runs it and reads its report.

It is not available for automatic tests and was never run to write or test this module: the command
lines are those of ST's projects, and the report is parsed in the format that they publish.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import signal
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from ...errors import PoseError
from ...files import cannot_write
from ..boards import Board

if TYPE_CHECKING:
    from ...config import Config

PROGRAM = "stedgeai"
NOT_ALLOWED = (
    "is a program of the configuration's choice, which would run with all your rights, and is not "
    "run. Put its folder on the PATH, or allow it with allow_custom_code=true on the command line "
    "or among the notebook's parameters."
)
TIME_LIMIT = 1800.0
"""Seconds. Compiling for the accelerator of an STM32N6 takes minutes."""

_POLL = 0.2
_WHERE = (
    "It is free to download from st.com; install it and set tools.stedgeai.path_to_stedgeai, or "
    "put it on the PATH."
)
_OWN_C = "The network as plain C, which the deploy notebook writes, does not need it."
_HINTS = (
    (
        "NOT IMPLEMENTED",
        f"It does not support an operator of the network. A newer version may. {_OWN_C}",
    ),
    (
        "InvalidModel",
        "It cannot read the model. Copy or convert the model again, to a quantized .tflite or a "
        "QDQ .onnx.",
    ),
    ("unrecognized arguments", "Another version is expected: use a newer one."),
    ("license", "Start it once by hand and accept its license."),
    ("consent", "Start it once by hand and answer its question."),
)
_COMPLAINT = re.compile(
    r"^\W*(?:E\d{3}\b|[A-Z][A-Z ]*ERROR\b|NOT IMPLEMENTED\b|error:|\S+: error:"
    r"|\w*(?:Error|Exception):)",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class StReport:
    """The report of ``stedgeai`` on a network; None for what it does not contain.

    Attributes:
        version: of the compiler.
        target: the family of boards, such as ``stm32h7``.
        macs: multiply-accumulates per inference; 0 if the accelerator does them.
        weight_bytes, activation_bytes: of the network alone.
        flash_bytes, ram_bytes: in total, with ST's runtime library.
        output: the folder of its output files.
        log: its printed output.
    """

    version: str | None
    target: str
    macs: int | None
    weight_bytes: int | None
    activation_bytes: int | None
    flash_bytes: int | None
    ram_bytes: int | None
    output: Path
    log: Path

    @property
    def row(self) -> dict:
        """The report for a table, sizes in KiB."""
        sizes = {
            "RAM, KiB": self.ram_bytes or self.activation_bytes,
            "flash, KiB": self.flash_bytes or self.weight_bytes,
        }
        compiler = f"ST Edge AI Core {self.version or ''}".strip()
        return {"compiler": compiler, "target": self.target} | {
            name: "" if size is None else f"{size / 1024:,.0f}" for name, size in sizes.items()
        }


def find_stedgeai(config: Config) -> tuple[Path | None, list[str]]:
    """The program that a configuration names, if custom code is allowed, or the one on the PATH;
    and messages about it."""
    given, lines = config.tools.stedgeai, []
    if given.on_cloud:
        lines.append(
            "tools.stedgeai.on_cloud: ST's Developer Cloud needs an account at st.com and is not "
            f"used from here; nothing is uploaded. {PROGRAM} on this computer is used if it is "
            "installed."
        )
    found, named = None, given.path_to_stedgeai
    on_path = shutil.which(PROGRAM)
    if named:
        found = _program_at(config, named)
        if found is None:
            lines.append(f"tools.stedgeai.path_to_stedgeai: there is no {PROGRAM} at {named}")
        elif not (config.allow_custom_code or (on_path and found.samefile(on_path))):
            lines.append(f"tools.stedgeai.path_to_stedgeai: {named} {NOT_ALLOWED}")
            found = None
    if found is None and on_path:
        found = Path(on_path)
    if found is None and not any(NOT_ALLOWED in line for line in lines):
        lines.append(
            f"ST's compiler {PROGRAM} (ST Edge AI Core) is not installed here and was not run. "
            f"{_WHERE}"
        )
    return found, lines


def _program_at(config: Config, path: str) -> Path | None:
    """The program at a path, or in the folder of that path."""
    try:
        place = config.resolve(path)
    except PoseError:
        return None
    candidates = (place, place / PROGRAM, place / f"{PROGRAM}.exe")
    return next((path for path in candidates if path.is_file()), None)


def run_stedgeai(
    command: str,
    model_path: str | Path,
    board: Board,
    run_dir: str | Path,
    config: Config,
    *,
    time_limit: float = TIME_LIMIT,
) -> StReport | None:
    """Runs ``stedgeai analyze`` or ``generate`` with a progress bar if it is installed; otherwise
    prints why not and returns None.

    Its output goes to ``st_ai_output``, its log to ``stedgeai-<command>.log``, both in ``run_dir``.

    Args:
        command: ``analyze`` or ``generate``.
        model_path: the network.
        board: the board to compile for.
        config: ``tools.stedgeai`` and ``deployment`` choose the program and its options.
        time_limit: seconds after which it is stopped.

    Raises:
        PoseError: if it cannot be started, fails, or does not end in time, or its report cannot be
            read: with its messages, what to do, and the path of the log.
    """
    program, lines = find_stedgeai(config)
    if board.target is None:
        lines.append(
            f"{board.name} runs Linux: its runtime takes the .tflite as it is, without {PROGRAM}"
        )
    print(*lines, sep="\n", end="\n" if lines else "")
    if program is None or board.target is None:
        return None
    folder = Path(run_dir).absolute()
    model = Path(model_path).absolute()
    options = _options(command, board, config)
    places = ["--workspace", str(folder / "st_ai_ws"), "--output", str(folder / "st_ai_output")]
    source = [command, "--model", str(model), "--target", board.target, "--name", "network"]
    log = folder / f"{PROGRAM}-{command}.log"
    _run([str(program), *source, *options, *places], log, time_limit)
    report = read_report(log, board.target, folder / "st_ai_output")
    wanted = config.tools.stedgeai.version
    if wanted and report.version and not report.version.startswith(wanted):
        print(f"tools.stedgeai.version asks for {wanted}; {program} is {report.version}")
    return report


def _options(command: str, board: Board, config: Config) -> list[str]:
    if command not in ("analyze", "generate"):
        raise PoseError(f"command={command!r}: expected analyze or generate")
    generates = command == "generate"
    verbosity = ["--verbosity", str(config.deployment.verbosity)]
    if board.npu:
        tensors = _tensors(config, {"input_type": "uint8", "output_type": "float32"})
        accelerator = ["--st-neural-art", *_profile(config)]
        return [*verbosity, *accelerator, *(tensors if generates else [])]
    buffers = ["--allocate-inputs", "--allocate-outputs", *_tensors(config, {})]
    optimization = ["--optimization", config.tools.stedgeai.optimization]
    return [*verbosity, *optimization, *(buffers if generates else [])]


def _tensors(config: Config, usual: dict[str, str]) -> list[str]:
    """Types and channel order of the tensors on the target: those of ``evaluation``, or the usual
    ones; what is neither is left to the compiler."""
    asked = config.evaluation
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


# ---------------------------------------------------------------- running it


def _run(arguments: list[str], log: Path, time_limit: float) -> None:
    try:
        log.parent.mkdir(parents=True, exist_ok=True)
        output = log.open("wb")
    except OSError as error:
        raise cannot_write(log, error) from error
    with output:
        output.write((shlex.join(arguments) + "\n").encode())
        output.flush()
        process = _started(arguments, output, log)
        try:
            finished = _watched(process, log, time_limit, f"{PROGRAM} {arguments[1]}")
        finally:
            _end(process)
    if not finished:
        raise PoseError(
            f"{PROGRAM} {arguments[1]} did not end in {time_limit:.0f} s and was stopped. Its "
            f"first run may wait for an answer: start it once by hand.\n{_ending(log)}"
        )
    if process.returncode != 0:
        raise PoseError(
            f"{PROGRAM} {arguments[1]} ended with code {process.returncode}.\n{_ending(log)}"
        )


def _started(arguments: list[str], output: BinaryIO, log: Path) -> subprocess.Popen[bytes]:
    try:
        return subprocess.Popen(
            arguments,
            cwd=log.parent,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    except OSError as error:
        raise PoseError(
            f"{arguments[0]} cannot be started: {error.strerror or error}. Is it ST's {PROGRAM} "
            "for this system?"
        ) from error


def _watched(process: subprocess.Popen[bytes], log: Path, time_limit: float, what: str) -> bool:
    """Shows its last line while it runs; False if it did not end in time."""
    from tqdm.auto import tqdm

    deadline = time.monotonic() + time_limit
    with tqdm(desc=what, bar_format="{desc} {elapsed} {postfix}") as bar:
        while time.monotonic() < deadline:
            try:
                process.wait(timeout=min(_POLL, max(0.0, deadline - time.monotonic())))
                return True
            except subprocess.TimeoutExpired:
                bar.set_postfix_str(_last_line(log), refresh=True)
    return process.poll() is not None


def _end(process: subprocess.Popen[bytes]) -> None:
    """Stops it, and its child processes, if it still runs."""
    if process.poll() is None:
        with_group = hasattr(os, "killpg")
        os.killpg(process.pid, signal.SIGKILL) if with_group else process.kill()
        process.wait()


def _last_line(log: Path) -> str:
    with log.open("rb") as file:
        file.seek(max(0, log.stat().st_size - 1000))
        lines = file.read().decode(errors="replace").strip().splitlines()
    return lines[-1].strip()[:80] if lines else ""


def _text(log: Path) -> str:
    return log.read_text(encoding="utf-8", errors="replace")


def _ending(log: Path) -> str:
    """Its errors, or else its last lines; what to do; the path of the log."""
    lines = [line.strip() for line in _text(log).splitlines()[1:] if line.strip()]
    said = [line for line in lines if _COMPLAINT.match(line)][:5] or lines[-5:]
    words = "\n".join(line[:300] for line in said) or "It printed nothing."
    advice = next(
        (hint for sign, hint in _HINTS if sign.lower() in words.lower()),
        f"A newer version may do it. {_OWN_C}",
    )
    return f"{words}\n{advice}\nIts log: {log}"


# ---------------------------------------------------------------- reading its report

_SIZE = r"([\d,]+) B\b"
_SUMMARY = re.compile(
    r'Summary - "[^"]*" target.*?^\W*TOTAL\s+([\d,]+)\s+([\d,]+)', re.DOTALL | re.MULTILINE
)


def read_report(log: Path, target: str, output: Path) -> StReport:
    """The sizes in the output of ``stedgeai``.

    Raises:
        PoseError: if it contains neither weights nor activations.
    """
    text = _text(log)
    weights = _number(rf"weights \(ro\)\s*:\s*{_SIZE}", text)
    activations = _number(rf"activations \(rw\)\s*:\s*{_SIZE}", text)
    if weights is None and activations is None:
        raise PoseError(
            f"{PROGRAM} succeeded, but its report has no sizes in a known format.\n{_ending(log)}"
        )
    flash = ram = None
    if totals := _SUMMARY.search(text):
        flash, ram = (int(number.replace(",", "")) for number in totals.groups())
    version = re.search(r"(?:ST Edge AI Core|stedgeai)\D*(\d+(?:\.\d+)+)", text.partition("\n")[2])
    macs = _number(r"^\W*macc\s*:\s*([\d,]+)", text)
    return StReport(
        version[1] if version else None, target, macs, weights, activations, flash, ram, output, log
    )


def _number(pattern: str, text: str) -> int | None:
    found = re.search(pattern, text, re.MULTILINE)
    return int(found[1].replace(",", "")) if found else None

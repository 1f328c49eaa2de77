"""ST's own compiler, ST Edge AI Core (``stedgeai``), where it is installed: it is started, watched,
and its report is read.

It cannot be had for automatic tests, and was never run to make or to test this module: its command
lines are those that ST's projects use, its report is read as they publish it.
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
from typing import TYPE_CHECKING

from ...errors import PoseError
from ...files import cannot_write
from ..boards import Board

if TYPE_CHECKING:
    from ...config import Config

PROGRAM = "stedgeai"
TIME_LIMIT = 1800.0
"""Seconds; compiling for the accelerator of an STM32N6 takes minutes."""

_POLL = 0.2
_WHERE = "It is free to download from st.com; install it and set tools.stedgeai.path_to_stedgeai, or put it on the PATH."
_OWN_C = "The network as plain C, which the deploy notebook writes, needs no compiler of ST's."
_HINTS = (
    (
        "NOT IMPLEMENTED",
        f"Its compiler does not know an operator of the network. A newer version may. {_OWN_C}",
    ),
    (
        "InvalidModel",
        "It cannot read the model. Copy or convert the model again, and give a quantized .tflite or QDQ .onnx.",
    ),
    (
        "unrecognized arguments",
        "Another version of it is expected: use a newer one, or leave out what it does not know.",
    ),
    ("license", "Start it once by hand and accept its license."),
    ("consent", "Start it once by hand and answer its question."),
)
_COMPLAINT = re.compile(
    r"^\W*(?:E\d{3}\b|[A-Z][A-Z ]*ERROR\b|NOT IMPLEMENTED\b|error:|\S+: error:|\w*(?:Error|Exception):)",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class StReport:
    """What ``stedgeai`` says of a network on a family of boards; None where its report does not say
    it.

    Attributes:
        version: of the compiler.
        target: the family, such as ``stm32h7``.
        macs: multiply-accumulates of one inference; 0 where the accelerator does them.
        weight_bytes, activation_bytes: of the network alone.
        flash_bytes, ram_bytes: in all, with ST's runtime library.
        output: the folder of what it wrote.
        log: all that it printed.
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
        return {
            "compiler": f"ST Edge AI Core {self.version or ''}".strip(),
            "target": self.target,
        } | {name: "" if size is None else f"{size / 1024:,.0f}" for name, size in sizes.items()}


def find_stedgeai(config: Config) -> tuple[Path | None, list[str]]:
    """The program that a configuration names, or the one on the PATH; and what there is to say
    about it, a line each."""
    given, lines = config.tools.stedgeai, []
    if given.on_cloud:
        lines.append(
            "tools.stedgeai.on_cloud: ST's Developer Cloud wants an account at st.com and is not used from here; nothing is uploaded. "
            f"{PROGRAM} on this computer is used where it is installed."
        )
    named = _named(config) if given.path_to_stedgeai else None
    if given.path_to_stedgeai and named is None:
        lines.append(
            f"tools.stedgeai.path_to_stedgeai: there is no {PROGRAM} at {given.path_to_stedgeai}"
        )
    found = named or (Path(on_path) if (on_path := shutil.which(PROGRAM)) else None)
    if found is None:
        lines.append(
            f"ST's compiler {PROGRAM} (ST Edge AI Core) is not installed here and was not run. {_WHERE}"
        )
    return found, lines


def _named(config: Config) -> Path | None:
    """The program at the path that a configuration names, or in the folder."""
    try:
        place = config.resolve(config.tools.stedgeai.path_to_stedgeai)
    except PoseError:
        return None
    return next(
        (path for path in (place, place / PROGRAM, place / f"{PROGRAM}.exe") if path.is_file()),
        None,
    )


def run_stedgeai(
    command: str,
    model_path: str | Path,
    board: Board,
    run_dir: str | Path,
    config: Config,
    *,
    time_limit: float = TIME_LIMIT,
) -> StReport | None:
    """Runs ``stedgeai analyze`` or ``generate`` where it is installed, with progress; else says why
    not, and gives None.

    Its output goes to ``st_ai_output``, its log to ``stedgeai-<command>.log``, both in ``run_dir``.

    Args:
        command: ``analyze`` or ``generate``.
        model_path: the network.
        board: for whose family it is compiled.
        config: ``tools.stedgeai`` and ``deployment`` say which program, and how.
        time_limit: seconds after which it is stopped.

    Raises:
        PoseError: if it cannot be started, fails, or does not end in time, or its report cannot be
            read: with its own words, what to do, and where the log is.
    """
    program, lines = find_stedgeai(config)
    if board.linux:
        program, lines = (
            None,
            [
                *lines,
                f"{board.name} runs Linux: its runtime takes the .tflite as it is, without {PROGRAM}",
            ],
        )
    print(*lines, sep="\n", end="\n" if lines else "")
    if program is None:
        return None
    folder = Path(run_dir).absolute()
    arguments = [
        str(program),
        *_arguments(command, Path(model_path).absolute(), board, folder, config),
    ]
    log = folder / f"{PROGRAM}-{command}.log"
    _run(arguments, log, time_limit)
    report = read_report(log, board.target, folder / "st_ai_output")
    wanted = config.tools.stedgeai.version
    if wanted and report.version and not report.version.startswith(wanted):
        print(f"tools.stedgeai.version asks for {wanted}; {program} is {report.version}")
    return report


def _arguments(command: str, model: Path, board: Board, folder: Path, config: Config) -> list[str]:
    if command not in ("analyze", "generate"):
        raise PoseError(f"command={command!r}: expected analyze or generate")
    places = ["--workspace", str(folder / "st_ai_ws"), "--output", str(folder / "st_ai_output")]
    common = [
        command,
        "--model",
        str(model),
        "--target",
        board.target,
        "--name",
        "network",
        "--verbosity",
        str(config.deployment.verbosity),
    ]
    if board.npu:
        accelerator = ["--st-neural-art", *_profile(config)]
        types = (
            ["--input-data-type", "uint8", "--output-data-type", "float32"]
            if command == "generate"
            else []
        )
        return [*common, *accelerator, *types, *places]
    aim = ["--optimization", config.tools.stedgeai.optimization]
    return [
        *common,
        *aim,
        *(["--allocate-inputs", "--allocate-outputs"] if command == "generate" else []),
        *places,
    ]


def _profile(config: Config) -> list[str]:
    """The memory profile of ST's application where its project is named and there; the compiler's
    own default else."""
    try:
        project = (
            config.resolve(config.deployment.c_project_path)
            if config.deployment.c_project_path
            else None
        )
    except PoseError:
        return []
    return (
        [f"profile@{path}" for path in sorted(project.rglob("user_neuralart*.json"))[:1]]
        if project
        else []
    )


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
            f"{PROGRAM} {arguments[1]} did not end in {time_limit:.0f} s and was stopped. Its first run may wait for an answer: start it "
            f"once by hand.\n{_ending(log)}"
        )
    if process.returncode != 0:
        raise PoseError(
            f"{PROGRAM} {arguments[1]} ended with code {process.returncode}.\n{_ending(log)}"
        )


def _started(arguments: list[str], output, log: Path) -> subprocess.Popen:
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
            f"{arguments[0]} cannot be started: {error.strerror or error}. Is it ST's {PROGRAM} for this system?"
        ) from error


def _watched(process: subprocess.Popen, log: Path, time_limit: float, what: str) -> bool:
    """Shows its last words while it runs; False if it did not end in time."""
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


def _end(process: subprocess.Popen) -> None:
    """Stops it, and what it has started, if it still runs."""
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
    """Its complaints, or else its last lines; what to do; where the log is."""
    lines = [line.strip() for line in _text(log).splitlines()[1:] if line.strip()]
    said = [line for line in lines if _COMPLAINT.match(line)][:5] or lines[-5:]
    words = "\n".join(line[:300] for line in said) or "It said nothing."
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
    """The sizes in what ``stedgeai`` printed.

    Raises:
        PoseError: if neither weights nor activations are in it.
    """
    text = _text(log)
    weights, activations = (
        _number(rf"weights \(ro\)\s*:\s*{_SIZE}", text),
        _number(rf"activations \(rw\)\s*:\s*{_SIZE}", text),
    )
    if weights is None and activations is None:
        raise PoseError(
            f"{PROGRAM} ended well, but its report has no sizes that are known here.\n{_ending(log)}"
        )
    totals = _SUMMARY.search(text)
    flash, ram = (
        (int(number.replace(",", "")) for number in totals.groups()) if totals else (None, None)
    )
    version = re.search(r"(?:ST Edge AI Core|stedgeai)\D*(\d+(?:\.\d+)+)", text.partition("\n")[2])
    macs = _number(r"^\W*macc\s*:\s*([\d,]+)", text)
    return StReport(
        version[1] if version else None, target, macs, weights, activations, flash, ram, output, log
    )


def _number(pattern: str, text: str) -> int | None:
    found = re.search(pattern, text, re.MULTILINE)
    return int(found[1].replace(",", "")) if found else None

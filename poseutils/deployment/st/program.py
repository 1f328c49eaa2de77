"""The programs of ST's installation: finds ``stedgeai`` and what is beside it, runs them, and says
how they failed."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import signal
import subprocess
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from ...errors import PoseError
from ...files import cannot_write

if TYPE_CHECKING:
    from ...config import Config

PROGRAM = "stedgeai"
ROOT = "STEDGEAI_CORE_DIR"
"""The variable of the environment for ST's installation, as ST documents it."""
RUNNER, LOADER = Path("scripts/ai_runner"), Path("scripts/N6_scripts/n6_loader.py")
"""Where an installation has the folder of ``stm_ai_runner`` and the loader of an STM32N6."""
NOT_ALLOWED = (
    "is a program of the configuration's choice, which would run with all your rights, and is not "
    "run. Put its folder on the PATH, or allow it with allow_custom_code=true on the command line "
    "or among the notebook's parameters."
)
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
class Installation:
    """What ST's targets need.

    Attributes:
        program: ``stedgeai``.
        runner: the folder of the Python package ``stm_ai_runner``.
        loader: the script that builds and starts ST's validation firmware on an STM32N6; None if
            it is not there.
    """

    program: Path
    runner: Path
    loader: Path | None


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


def find_installation(config: Config) -> tuple[Installation | None, list[str]]:
    """What ST's targets need: ``stedgeai`` as :func:`find_stedgeai` finds it, and what its
    installation, or that of ``STEDGEAI_CORE_DIR``, has beside it; and messages about it."""
    program, lines = find_stedgeai(config)
    if program is None:
        return None, lines
    roots = [*program.resolve().parents[2:3], *map(Path, filter(None, [os.environ.get(ROOT)]))]
    runners = (root / RUNNER for root in roots)
    runner = next((folder for folder in runners if (folder / "stm_ai_runner").is_dir()), None)
    if runner is None:
        lines.append(
            f"{program}: there is no {RUNNER}/stm_ai_runner in its installation. Set the variable "
            f"{ROOT} of the environment to the folder of ST Edge AI Core."
        )
        return None, lines
    beside = next((root / LOADER for root in roots if (root / LOADER).is_file()), None)
    loader, messages = _loader(config, beside)
    return Installation(program, runner, loader), [*lines, *messages]


def _loader(config: Config, beside: Path | None) -> tuple[Path | None, list[str]]:
    """The loader that a configuration names, if custom code is allowed, or that of the
    installation; and a message about it."""
    named = config.tools.stedgeai.path_to_loader
    if not named:
        return beside, []
    try:
        found = config.resolve(named)
    except PoseError:
        return beside, [f"tools.stedgeai.path_to_loader: there is no file at {named}"]
    if config.allow_custom_code or (beside and found.samefile(beside)):
        return found, []
    return beside, [f"tools.stedgeai.path_to_loader: {named} {NOT_ALLOWED}"]


# ---------------------------------------------------------------- running them


def run_program(
    arguments: list[str], log: Path, time_limit: float, what: str, folder: Path | None = None
) -> None:
    """Runs a program with a progress bar, its output in a log.

    Args:
        what: its name in messages.
        folder: where it runs (default: that of the log).

    Raises:
        PoseError: if it cannot be started, fails, or does not end in time: with its messages, what
            to do, and the path of the log.
    """
    with started(arguments, log, what, folder) as process:
        try:
            finished = _watched(process, log, time_limit, what)
        finally:
            end(process)
    if not finished:
        raise PoseError(
            f"{what} did not end in {time_limit:.0f} s and was stopped. Its first run may wait for "
            f"an answer: start it once by hand.\n{ending(log)}"
        )
    if process.returncode != 0:
        raise PoseError(f"{what} ended with code {process.returncode}.\n{ending(log)}")


def started(
    arguments: list[str], log: Path, what: str, folder: Path | None = None, *, asked: bool = False
) -> subprocess.Popen[bytes]:
    """A program that was started, its messages in a log.

    Args:
        asked: whether its standard input and output are pipes; else it has no input, and its
            output is in the log, too.
    """
    output = _opened(arguments, log)
    with output:
        try:
            return subprocess.Popen(
                arguments,
                cwd=folder or log.parent,
                stdin=subprocess.PIPE if asked else subprocess.DEVNULL,
                stdout=subprocess.PIPE if asked else output,
                stderr=output if asked else subprocess.STDOUT,
                start_new_session=True,
            )
        except OSError as error:
            raise PoseError(
                f"{arguments[0]} cannot be started: {error.strerror or error}. Is it ST's {what} "
                "for this system?"
            ) from error


def _opened(arguments: list[str], log: Path) -> BinaryIO:
    """A log that begins with the command."""
    try:
        log.parent.mkdir(parents=True, exist_ok=True)
        output = log.open("wb")
    except OSError as error:
        raise cannot_write(log, error) from error
    output.write((shlex.join(arguments) + "\n").encode())
    output.flush()
    return output


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


def end(process: subprocess.Popen[bytes]) -> None:
    """Stops it, and its child processes, if it still runs."""
    if process.poll() is None:
        with_group = hasattr(os, "killpg")
        with suppress(ProcessLookupError):  # another thread stopped it
            os.killpg(process.pid, signal.SIGKILL) if with_group else process.kill()
        process.wait()


def _last_line(log: Path) -> str:
    with log.open("rb") as file:
        file.seek(max(0, log.stat().st_size - 1000))
        lines = file.read().decode(errors="replace").strip().splitlines()
    return lines[-1].strip()[:80] if lines else ""


def text_of(log: Path) -> str:
    return log.read_text(encoding="utf-8", errors="replace")


def ending(log: Path, advice: str = f"A newer version may do it. {_OWN_C}") -> str:
    """Its errors, or else its last lines; what to do; the path of the log."""
    lines = [line.strip() for line in text_of(log).splitlines()[1:] if line.strip()]
    said = [line for line in lines if _COMPLAINT.match(line)][:5] or lines[-5:]
    words = "\n".join(line[:300] for line in said) or "It printed nothing."
    advice = next((hint for sign, hint in _HINTS if sign.lower() in words.lower()), advice)
    return f"{words}\n{advice}\nIts log: {log}"

"""ST's ``stm_ai_runner``, in a process of its own, connected to a network: the library for this
computer that ``stedgeai`` made, or ST's validation firmware on a board."""

from __future__ import annotations

import subprocess
import sys
import threading
import weakref
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ...errors import PoseError
from ...models.networks.runtimes import TensorSpec
from . import runner_process
from .program import end, ending, started

CONNECTING, RUNNING = 60.0, 120.0
"""Seconds to connect, and to run an image; ST's firmware itself gives up an inference after 50."""

_NAME = "ST's ai_runner"


class Runner:
    """A connected ``stm_ai_runner``.

    Attributes:
        inputs, outputs: as it describes them.
    """

    def __init__(self, folder: Path, description: str, log: Path, advice: str):
        """Starts the process and connects.

        Args:
            folder: that of ``stm_ai_runner``.
            description: a folder with a library, or a serial line, as its ``connect`` takes it.
            log: what it prints.
            advice: what to do if it fails, for error messages.

        Raises:
            PoseError: if it cannot connect, or not in time.
        """
        self._log, self._advice = log, advice
        self._requirements = folder / "requirements.txt"
        self._failed = ""
        command = [sys.executable, runner_process.__file__, str(folder), description]
        self._process = started(command, log, _NAME, asked=True)
        weakref.finalize(self, _end, self._process)
        facts, _ = self._answer(None)
        self.inputs, self.outputs = (
            [_spec(tensor) for tensor in facts[side]] for side in ("inputs", "outputs")
        )

    def run(self, arrays: Sequence[np.ndarray]) -> list[np.ndarray]:
        """The outputs for one array an input, all with a first dimension of 1.

        Raises:
            PoseError: if it fails or does not answer in time; it has ended then, and each further
                call fails alike.
        """
        return self._answer(arrays)[1]

    def _answer(self, arrays: Sequence[np.ndarray] | None) -> runner_process.Message:
        """The answer to arrays, or what it says first."""
        if self._failed:
            raise PoseError(self._failed)
        limit = CONNECTING if arrays is None else RUNNING
        late = threading.Event()

        def stop() -> None:
            late.set()
            end(self._process)  # the answer ends then

        timer = threading.Timer(limit, stop)
        timer.start()
        try:
            answer = self._exchanged(arrays)
        finally:
            timer.cancel()
        if answer is None or "error" in answer[0]:
            self._failed = self._failure(answer, f"{limit:.0f} s" if late.is_set() else "")
            end(self._process)
            raise PoseError(self._failed)
        return answer

    def _exchanged(self, arrays: Sequence[np.ndarray] | None) -> runner_process.Message | None:
        assert self._process.stdin and self._process.stdout
        try:
            if arrays is not None:
                runner_process.send(self._process.stdin, {}, arrays)
            return runner_process.receive(self._process.stdout)
        except (OSError, ValueError):  # it has ended, or writes something else
            return None

    def _failure(self, answer: runner_process.Message | None, too_long: str) -> str:
        """What happened, what to do, and where the log is."""
        error = answer[0]["error"] if answer else ""
        if error.startswith(("ModuleNotFoundError", "ImportError")):
            advice = f"Install what it needs: pip install -r {self._requirements}"
            return f"{_NAME} cannot be started here: {error}.\n{advice}\nIts log: {self._log}"
        if error:
            return f"{_NAME}: {error}\n{self._advice}\nIts log: {self._log}"
        if too_long:
            return f"{_NAME} did not answer in {too_long} and was stopped.\n{self._ending()}"
        return f"{_NAME} ended with code {self._process.wait()}.\n{self._ending()}"

    def _ending(self) -> str:
        return ending(self._log, self._advice)


def _end(process: subprocess.Popen[bytes]) -> None:
    end(process)
    for stream in (process.stdin, process.stdout):
        if stream:
            stream.close()


def _spec(tensor: dict) -> TensorSpec:
    return TensorSpec(**tensor | {"shape": tuple(tensor["shape"])})

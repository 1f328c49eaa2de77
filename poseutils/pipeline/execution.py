"""Executes a notebook with papermill, in the running Python, and saves it after every cell."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

import papermill
from ipykernel.kernelspec import get_kernel_dict
from jupyter_client.kernelspec import KernelSpec
from jupyter_client.manager import AsyncKernelManager
from nbformat import ValidationError
from nbformat.reader import NotJSONError
from papermill.exceptions import PapermillExecutionError
from papermill.iorw import LocalHandler, papermill_io

from ..config.document.environment import Environment
from ..errors import PoseError
from ..files import write_text
from .steps import Step

LONGEST_FOLDER = 70
"""Path length of a folder for sockets, whose whole paths are limited to about a hundred
characters."""
_ROOT = Path(__file__).resolve().parent.parent.parent


class ThisPython(AsyncKernelManager):
    """Starts kernels with the running interpreter and this package, isolated from all other
    kernels.

    A kernel found by name could be another Python: a ``python3`` installed for the user or in
    JUPYTER_PATH comes first. A TCP port that is free when it is chosen may be taken when the kernel
    opens it; hence sockets in a temporary folder, except on Windows, which has none. The folder is
    also the IPython folder, so that no history or startup file is shared.
    """

    def __init__(self, **keywords: Any):
        is_long = len(tempfile.gettempdir()) > LONGEST_FOLDER and os.name == "posix"
        self._own = Path(tempfile.mkdtemp(prefix="pose-", dir="/tmp" if is_long else None))
        sockets = (
            {"transport": "ipc", "ip": str(self._own / "kernel")} if os.name == "posix" else {}
        )
        super().__init__(**keywords, **sockets, connection_file=str(self._own / "kernel.json"))

    @property
    def kernel_spec(self) -> KernelSpec:
        """The command and environment that start the kernel."""
        environment = {
            "PYTHONPATH": os.pathsep.join(
                [str(_ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
            ),
            "MPLBACKEND": "module://matplotlib_inline.backend_inline",
            "PYDEVD_DISABLE_FILE_VALIDATION": "1",  # suppresses a warning of the debugger
            "IPYTHONDIR": str(self._own),
        }
        return KernelSpec(
            **get_kernel_dict(["--log-level=CRITICAL", "--HistoryManager.enabled=False"]),
            env=environment,
        )

    async def cleanup_resources(  # type: ignore[override]  # async, as in AsyncKernelManager
        self, restart: bool = False
    ) -> None:
        """Called when the kernel has ended."""
        await super().cleanup_resources(restart)
        shutil.rmtree(self._own, ignore_errors=True)


class AtomicHandler(LocalHandler):
    """Writes notebooks atomically, so that an interrupted run or a full disk leaves the last
    complete one, and without values of the environment."""

    def __init__(self, environment: Environment):
        self._environment = environment

    def write(self, buf: str, path: str) -> None:
        """Called by papermill after every cell."""
        write_text(path, _without(self._environment, buf) if self._environment.values else buf)


def _without(environment: Environment, notebook: str) -> str:
    """A notebook in which no source, output or parameter has a value of the environment."""
    document = json.loads(notebook)
    outputs = [output for cell in document["cells"] for output in cell.get("outputs", ())]
    for part in (document["metadata"], *document["cells"], *outputs):
        for name in ("papermill", "source", "text", "data", "traceback", "evalue"):
            if name in part:
                part[name] = environment.hidden_in(part[name])
    return json.dumps(document, indent=1, ensure_ascii=False)


def execute(
    notebook: Path, step: Step, parameters: dict[str, Any], environment: Environment
) -> None:
    """Executes a notebook and writes it to ``step.notebook``, up to the cell at which it ends.

    Args:
        environment: whose values are not written.

    Raises:
        PoseError: if a cell fails, Python stops, the file is not a notebook, or the disk is full.
    """
    papermill_io.register(str(step.notebook), AtomicHandler(environment))
    try:
        papermill.execute_notebook(
            _literal(notebook),
            _literal(step.notebook),
            parameters,
            kernel_name="python3",
            language="python",
            progress_bar=False,
            cwd=notebook.parent,
            kernel_manager_class=ThisPython,
        )
    except PapermillExecutionError as error:
        raise PoseError(_brief(step, error)) from None
    except (NotJSONError, ValidationError) as error:
        raise PoseError(
            f"{notebook}: not a notebook ({type(error).__name__}). Restore it from the repository."
        ) from None
    except RuntimeError as error:  # raised by nbclient if a kernel died or did not start
        raise PoseError(
            f"{step.notebook.name}: the Python that ran it stopped ({error}); a frequent cause is "
            "too little memory."
        ) from None


def _literal(path: Path) -> str:
    """A path escaped for papermill, which substitutes {names}."""
    return str(path).replace("{", "{{").replace("}", "}}")


def _brief(step: Step, error: PapermillExecutionError) -> str:
    """The error of a notebook in two lines: the cell, and the message."""
    what = error.evalue if error.ename == "PoseError" else f"{error.ename}: {error.evalue}"
    lines = [line.strip() for line in error.source.splitlines()]
    code = next((line for line in lines if line and not line.startswith("#")), "")
    where = f"{step.notebook.name} failed in cell [{error.exec_count}] ({code[:80]})"
    return f"{where}\n{what[:2000]}"

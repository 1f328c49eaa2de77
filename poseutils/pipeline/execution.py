"""Executes one notebook with papermill, in this very Python, and saves it after every cell."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

import papermill
from ipykernel.kernelspec import get_kernel_dict
from jupyter_client.kernelspec import KernelSpec
from jupyter_client.manager import AsyncKernelManager
from nbformat import ValidationError
from nbformat.reader import NotJSONError
from papermill.exceptions import PapermillExecutionError
from papermill.iorw import LocalHandler, papermill_io

from ..errors import PoseError
from ..files import write_text
from .steps import Step

LONGEST_FOLDER = 70
"""A socket's path has room for about a hundred characters, its name included."""
_ROOT = Path(__file__).resolve().parent.parent.parent


class ThisPython(AsyncKernelManager):
    """Starts this very interpreter, with this very package, apart from all other kernels.

    A kernel found by name could be another Python: a ``python3`` installed for the user, or named by JUPYTER_PATH, may come first.
    Ports that are free when they are chosen may be taken when the kernel opens them; so it listens on sockets in a folder of its own,
    which is its IPython folder, too: no history or startup file is shared.
    """

    def __init__(self, **keywords):
        is_long = len(tempfile.gettempdir()) > LONGEST_FOLDER
        self._own = Path(tempfile.mkdtemp(prefix="pose-", dir="/tmp" if is_long else None))
        super().__init__(**keywords, transport="ipc", connection_file=str(self._own / "kernel.json"), ip=str(self._own / "kernel"))

    @property
    def kernel_spec(self) -> KernelSpec:
        """What starts the kernel."""
        environment = {
            "PYTHONPATH": os.pathsep.join([str(_ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]),
            "MPLBACKEND": "module://matplotlib_inline.backend_inline",
            "PYDEVD_DISABLE_FILE_VALIDATION": "1",  # no warning of the debugger in front of every run
            "IPYTHONDIR": str(self._own),
        }
        return KernelSpec(**get_kernel_dict(["--log-level=CRITICAL", "--HistoryManager.enabled=False"]), env=environment)

    async def cleanup_resources(self, restart: bool = False) -> None:
        """Called when the kernel has ended."""
        await super().cleanup_resources(restart)
        shutil.rmtree(self._own, ignore_errors=True)


class WholeFiles(LocalHandler):
    """Writes a notebook in one step, so that an interrupted run or a full disk leaves the last whole one."""

    def write(self, buf: str, path: str) -> None:
        """Called by papermill after every cell."""
        write_text(path, buf)


def execute(notebook: Path, step: Step, parameters: dict[str, str]) -> None:
    """Executes a notebook into a step's. However it ends, what ran of it is saved.

    Raises:
        PoseError: if a cell fails, Python stops, the file is not a notebook, or the disk is full.
    """
    papermill_io.register(str(step.notebook), WholeFiles())
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
        raise PoseError(f"{notebook}: not a notebook ({type(error).__name__}). Get it again from the repository.") from None
    except RuntimeError as error:  # nbclient's word for a kernel that died or did not start
        raise PoseError(f"{step.notebook.name}: the Python that ran it stopped ({error}); often the memory was not enough.") from None


def _literal(path: Path) -> str:
    """A path that papermill, which fills in {names}, leaves as it is."""
    return str(path).replace("{", "{{").replace("}", "}}")


def _brief(step: Step, error: PapermillExecutionError) -> str:
    """The error of a notebook in two lines: what, and in which cell."""
    what = error.evalue if error.ename == "PoseError" else f"{error.ename}: {error.evalue}"
    code = [line for line in error.source.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    return f"{step.notebook.name} failed in cell [{error.exec_count}] ({code[0].strip()[:80] if code else ''})\n{what[:2000]}"

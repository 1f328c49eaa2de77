"""JupyterLab in a browser: starts it on a copy of the repository, opens and runs notebooks as a
person would."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

_LEFT_OUT = shutil.ignore_patterns(".git", ".venv", "runs", "build", "*.egg-info", "__pycache__")
_SETTINGS = {
    # Cells outside the window are on the page, too
    "@jupyterlab/notebook-extension/tracker": {"windowingMode": "none", "scrollPastEnd": False},
    # No question about news, whose box would lie over the notebook
    "@jupyterlab/apputils-extension/notification": {
        "fetchNews": "false",
        "checkForUpdates": False,
    },
}
_PATIENCE_S = 120
_LONGEST_S = 600

_ERRORS = (
    '[data-mime-type="application/vnd.jupyter.stderr"]',  # tracebacks, too
    ".jp-Dialog",
    ".jupyter-widgets-error-widget",
    ".jupyter-widgets.jupyter-error",
    "text=Error displaying widget",
)
"""What a reader would see if something went wrong."""


@dataclass(frozen=True)
class Lab:
    """A running JupyterLab.

    Attributes:
        url: without the token.
        token: of its login.
        root: the folder that it shows, a copy of the repository.
    """

    url: str
    token: str
    root: Path

    def ask(self, path: str, method: str = "GET") -> Any:
        """The answer of the server's REST API."""
        headers = {"Authorization": f"token {self.token}"}
        request = urllib.request.Request(f"{self.url}/api/{path}", method=method, headers=headers)
        with urllib.request.urlopen(request, timeout=_PATIENCE_S) as answer:
            text = answer.read()
        return json.loads(text) if text else None

    def end_kernels(self) -> None:
        """Ends every kernel, whose memory the next test needs."""
        for session in self.ask("sessions"):
            self.ask(f"sessions/{session['id']}", "DELETE")


@contextmanager
def running_lab(repository: Path, folder: Path) -> Iterator[Lab]:
    """JupyterLab on a copy of the repository in ``folder``, with settings of its own, until the end
    of the block."""
    root = folder / "repository"
    shutil.copytree(repository, root, ignore=_LEFT_OUT)
    for name, values in _SETTINGS.items():
        path = folder / "settings" / f"{name}.jupyterlab-settings"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(values))
    lab = Lab(f"http://127.0.0.1:{_free_port()}", secrets.token_hex(16), root)
    with (folder / "lab.log").open("w") as log:
        process = subprocess.Popen(
            _command(lab), cwd=root, env=_environment(folder, root), stdout=log, stderr=log
        )
        try:
            _wait_until_up(lab, process, folder / "lab.log")
            yield lab
            lab.end_kernels()
        finally:
            process.terminate()
            process.wait(_PATIENCE_S)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _command(lab: Lab) -> list[str]:
    options = {
        "ServerApp.port": lab.url.rpartition(":")[2],
        "ServerApp.port_retries": "0",
        "ServerApp.root_dir": str(lab.root),
        "ServerApp.allow_root": "True",
        "IdentityProvider.token": lab.token,
        "LabApp.expose_app_in_browser": "True",
    }
    given = [f"--{name}={value}" for name, value in options.items()]
    return [sys.executable, "-m", "jupyterlab", "--no-browser", *given]


def _environment(folder: Path, root: Path) -> dict[str, str]:
    """Nothing of the user's JupyterLab; notebooks import the copy."""
    own = {
        "JUPYTER_CONFIG_DIR": folder / "config",
        "JUPYTER_DATA_DIR": folder / "data",
        "JUPYTER_RUNTIME_DIR": folder / "runtime",
        "JUPYTERLAB_SETTINGS_DIR": folder / "settings",
        "JUPYTERLAB_WORKSPACES_DIR": folder / "workspaces",
        "PYTHONPATH": root,
    }
    return os.environ | {name: str(value) for name, value in own.items()}


def _wait_until_up(lab: Lab, process: subprocess.Popen, log: Path) -> None:
    end = time.monotonic() + _PATIENCE_S
    while time.monotonic() < end and process.poll() is None:
        try:
            lab.ask("status")
            return
        except OSError:
            time.sleep(0.2)
    raise RuntimeError(f"JupyterLab does not answer:\n{log.read_text()[-4000:]}")


@dataclass
class Notebook:
    """A notebook in a page of the browser.

    Attributes:
        page: of Playwright.
        screenshots: where screenshots go.
        faults: what the page's own scripts raised.
    """

    page: Any
    lab: Lab
    screenshots: Path
    faults: list[str] = field(default_factory=list)

    def open(self, path: str) -> Notebook:
        """Opens a notebook by its path in the copy, and waits for its kernel."""
        self.page.on("pageerror", lambda error: self.faults.append(str(error)))
        self.page.goto(f"{self.lab.url}/lab/tree/{path}?reset&token={self.lab.token}")
        self.page.locator(".jp-Notebook .jp-CodeCell").first.wait_for()
        self.page.get_by_role("button", name="Python 3").first.wait_for()
        self._wait("status => status === 'idle'")
        return self

    def set_parameters(self, path: str, **values: Any) -> None:
        """Writes other parameters into a notebook of the copy."""
        from papermill.iorw import load_notebook_node, write_ipynb
        from papermill.parameterize import parameterize_notebook

        file = str(self.lab.root / path)
        write_ipynb(parameterize_notebook(load_notebook_node(file), values), file)

    def new(self, *sources: str, name: str = "scratch.ipynb") -> Notebook:
        """Writes a notebook of these code cells into ``notebooks/`` of the copy, and opens it."""
        import nbformat

        book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(s) for s in sources])
        book.metadata["kernelspec"] = {
            "name": "python3",
            "display_name": "Python 3 (ipykernel)",
            "language": "python",
        }
        nbformat.write(book, self.lab.root / "notebooks" / name)
        return self.open(f"notebooks/{name}")

    def run_all(self) -> Notebook:
        """Runs all cells by the menu, and waits until the last one has run, or one has failed."""
        self.page.get_by_role("menuitem", name="Run", exact=True).click()
        self.page.get_by_text("Run All Cells", exact=True).click()
        self.wait_until_idle()
        return self

    def run_cell(self, index: int) -> Notebook:
        """Runs one code cell by Ctrl+Enter."""
        self.code(index).locator(".cm-content").click()
        self.page.keyboard.press("Control+Enter")
        self.wait_until_idle()
        return self

    def wait_until_idle(self) -> None:
        """Waits until no cell waits and the kernel has nothing to do."""
        self.page.wait_for_timeout(200)  # until the first cell is said to wait
        self._wait(
            "status => status === 'idle' && ![...document.querySelectorAll('.jp-InputPrompt')]"
            ".some(one => one.textContent.includes('*'))",
        )

    def _wait(self, condition: str) -> None:
        self.page.wait_for_function(
            f"""() => ({condition})(document.querySelector(
                '.jp-Notebook-ExecutionIndicator')?.dataset.status)""",
            timeout=_LONGEST_S * 1000,
        )

    def eventually(self, check: Callable[[], Any]) -> Any:
        """What ``check`` gives once it is true; a page on a busy machine takes its time."""
        end = time.monotonic() + _PATIENCE_S
        while not (found := check()):
            assert time.monotonic() < end, f"not true after {_PATIENCE_S} seconds"
            self.page.wait_for_timeout(100)
        return found

    def code(self, index: int) -> Any:
        """A code cell, with its output."""
        return self.page.locator(".jp-Notebook .jp-CodeCell").nth(index)

    def move_sliders(self) -> int:
        """Moves the first slider of every live figure to both ends, and waits until the figure is
        another one. Returns how many figures there are."""
        count = 0
        for output in self.page.locator(".jp-OutputArea-output:has(.noUi-handle)").all():
            image = output.locator(".widget-image").last
            if not image.count():
                continue
            before = image.get_attribute("src")
            for key in ("Home", "End"):
                output.locator(".noUi-handle").first.press(key)
                self.wait_until_idle()
            self.page.wait_for_function(
                "([image, before]) => image.src !== before",
                arg=[image.element_handle(), before],
                timeout=_PATIENCE_S * 1000,
            )
            count += 1
        return count

    def errors(self) -> list[str]:
        """The text of every error box, and what the page's scripts raised."""
        seen = [
            box.inner_text()[:2000] for what in _ERRORS for box in self.page.locator(what).all()
        ]
        return seen + self.faults

    def figures(self) -> int:
        """The number of images among the outputs that the browser could read."""
        images = self.page.locator(".jp-RenderedImage img")
        return images.evaluate_all("all => all.filter(image => image.naturalWidth > 0).length")

    def not_run(self) -> int:
        """The number of code cells with content that have not run."""
        prompts = self.page.locator(".jp-Notebook .jp-CodeCell .jp-InputPrompt").all()
        return sum("[ ]" in prompt.inner_text() for prompt in prompts)

    def screenshot(self, name: str, part: Any = None) -> Path:
        """A screenshot of the page, or of a part of it, among the artifacts."""
        path = self.screenshots / f"{name.replace('/', '-')}.png"
        (part or self.page).screenshot(path=path)
        return path

    def screenshot_of_all(self, name: str) -> Path:
        """A screenshot of the whole notebook, in a window as high as it is."""
        notebook = self.page.locator(".jp-WindowedPanel-outer").first
        size = self.page.viewport_size
        height = notebook.evaluate("panel => panel.scrollHeight") + 150
        self.page.set_viewport_size({"width": size["width"], "height": min(height, 16_000)})
        self.page.wait_for_timeout(500)
        path = self.screenshot(name)
        self.page.set_viewport_size(size)
        return path

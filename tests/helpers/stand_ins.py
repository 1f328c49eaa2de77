"""Small notebooks in place of the real ones, for tests whose subject is the pipeline itself."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

import nbformat

REPOSITORY = Path(__file__).resolve().parents[2]
INT8 = REPOSITORY / "data/models/st_movenet_lightning_heatmaps_a035_192_int8.tflite"

PARAMETERS = 'config = "../user_config.yaml"\nrun_dir = "../runs/x"\nmodel = ""\ncompare_with = ""'
WRITE = """
import json, pathlib, shutil
folder = pathlib.Path(run_dir)
given = {"model": model, "compare_with": compare_with, "config": config}
(folder / "given.json").write_text(json.dumps(given))
"""
PICTURE = (
    "import matplotlib.pyplot as plt\nplt.figure(figsize=(1, 1)); plt.plot([0, 1]); plt.show()"
)
WAIT = """
import os, pathlib, time
(pathlib.Path(run_dir) / "half.txt").write_text("half")
(pathlib.Path(run_dir) / "journal.partial").write_text("half")
(pathlib.Path(run_dir) / "pid").write_text(str(os.getpid()))
time.sleep(60)
"""


def write_notebook(
    folder: Path, service: str, *cells: str, tags: dict[int, list[str]] | None = None
) -> Path:
    """A notebook of a parameters cell and these; ``tags`` of the cells, by their place."""
    parameters = nbformat.v4.new_code_cell(PARAMETERS, metadata={"tags": ["parameters"]})
    code = [
        nbformat.v4.new_code_cell(cell, metadata={"tags": (tags or {}).get(i, [])})
        for i, cell in enumerate(cells)
    ]
    notebook = nbformat.v4.new_notebook(
        cells=[nbformat.v4.new_markdown_cell(f"# {service}"), parameters, *code]
    )
    folder.mkdir(exist_ok=True)
    nbformat.write(notebook, folder / f"{service}.ipynb")
    return folder / f"{service}.ipynb"


def leaves(**metrics) -> str:
    """A cell that writes what it was given, and these metrics."""
    return WRITE + f"(folder / 'metrics.json').write_text(json.dumps({metrics!r}))"


def evaluates(oks: str) -> str:
    """A cell that writes metrics as the evaluate notebook does; ``oks`` is an expression, which may
    ask for ``model``."""
    compared = (
        f"json.dumps({{'oks': {oks}, 'images': 3.0}} | "
        f"({{'compared.oks': 0.75, 'compared.images': 3.0}} if compare_with else {{}}))"
    )
    return WRITE + f"(folder / 'metrics.json').write_text({compared})"


def write_chain(folder: Path) -> Path:
    """Train, quantize and evaluate; what they leave can be told to be float and quantized."""
    write_notebook(
        folder,
        "train",
        PICTURE,
        leaves(oks=0.5, loss=0.25) + "\n(folder / 'model.keras').write_text('float')",
    )
    write_notebook(
        folder,
        "quantize",
        leaves(size_kib=700.5) + f"\nshutil.copy({str(INT8)!r}, folder / 'quantized.tflite')",
    )
    write_notebook(folder, "evaluate", evaluates("0.625 if model.endswith('.tflite') else 0.75"))
    return folder


def write_config(folder: Path) -> Path:
    """A configuration with ``operation_mode: chain_eqe``, and the model it starts from."""
    (folder / "data").mkdir()
    (folder / "start.keras").touch()
    path = folder / "user_config.yaml"
    path.write_text(
        "operation_mode: chain_eqe\ngeneral: {project_name: my "
        "project}\nmodel: {model_type: spe, model_path: start.keras}\n"
        "dataset: {test_path: data}\n"
    )
    return path


def command(notebooks: Path, *arguments) -> list[str]:
    """``python -m poseutils`` with these notebooks; it can be interrupted even where a shell has
    put the tests in its background."""
    code = (
        "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        f"import sys, pathlib; from poseutils.pipeline import runner; "
        f"runner.NOTEBOOKS = pathlib.Path({str(notebooks)!r})\n"
        "from poseutils.__main__ import main; sys.exit(main(sys.argv[1:]))"
    )
    return [sys.executable, "-c", code, *map(str, arguments)]


def start(notebooks: Path, *arguments) -> subprocess.Popen:
    """The same as a process of its own, begun."""
    return subprocess.Popen(
        command(notebooks, *arguments),
        cwd=REPOSITORY,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        bufsize=1,
    )


def wait_for(found, seconds: float = 60):
    """What ``found()`` gives, once it is something."""
    for _ in range(int(seconds * 10)):
        result = found()
        if result:
            return result
        time.sleep(0.1)
    raise AssertionError("it did not happen")


def execute_here(notebook: str, output: str, parameters: dict, **_) -> None:
    """In place of papermill's: executes a notebook in this process, without a kernel's start."""
    document, names = nbformat.read(notebook, as_version=4), {}
    for cell in document.cells:
        if cell.cell_type == "code":
            exec(cell.source, names)
            names |= parameters if "parameters" in cell.metadata.tags else {}
    nbformat.write(document, output)


def given(folder: Path, step: str) -> dict:
    """What a stand-in was given."""
    return json.loads((folder / step / "given.json").read_text())


def one_run(tmp_path: Path) -> Path:
    """The only run folder."""
    [folder] = (tmp_path / "runs").iterdir()
    return folder

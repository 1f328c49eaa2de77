"""Run folders in which files were edited, damaged or put in the way."""

from __future__ import annotations

import json
import shutil

import pytest

from poseutils import pipeline
from poseutils.errors import PoseError
from tests.helpers.stand_ins import write_notebook

DAMAGED_IMAGE = {
    "nbformat": 4,
    "nbformat_minor": 5,
    "metadata": {},
    "cells": [
        {
            "cell_type": "code",
            "id": "a",
            "metadata": {},
            "source": "",
            "execution_count": 1,
            "outputs": [
                {"output_type": "display_data", "metadata": {}, "data": {"image/png": "AAAA"}}
            ],
        }
    ],
}


@pytest.mark.parametrize(
    "text", ["", "{}", '{"cells": 3}', "[" * 99_999, json.dumps(DAMAGED_IMAGE)]
)
@pytest.mark.parametrize("has_page", [True, False])
def test_a_notebook_that_was_damaged_is_named_and_its_step_stays_done(
    run, notebooks, no_kernels, text, has_page
):
    folder = run("operation_mode=evaluation")
    (folder / "index.html").unlink()
    if not has_page:
        (folder / "01-evaluate.html").unlink()
    (folder / "01-evaluate.ipynb").write_text(text)
    with pytest.raises(PoseError, match=r"01-evaluate.ipynb: damaged or edited.*out of the run"):
        pipeline.resume(folder, notebooks)
    (folder / "01-evaluate.ipynb").unlink()
    pipeline.resume(folder, notebooks)
    assert (folder / "index.html").exists() and not (folder / "01-evaluate.ipynb").exists()


@pytest.mark.parametrize("name", ["01-evaluate", "01-evaluate.ipynb", "01-evaluate.html"])
def test_what_is_in_the_way_of_a_step_is_named(run, notebooks, no_kernels, name):
    write_notebook(notebooks, "evaluate", "raise ValueError('stop')")
    with pytest.raises(Exception, match="stop"):
        run("operation_mode=evaluation")
    [folder] = (notebooks.parent / "runs").iterdir()
    path = folder / name
    shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
    path.touch() if name == "01-evaluate" else path.mkdir()
    with pytest.raises(PoseError, match=f"{name}: .*Move it out of the run folder and resume"):
        pipeline.resume(folder, notebooks)

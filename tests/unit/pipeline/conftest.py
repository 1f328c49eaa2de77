"""A chain of small notebooks and a configuration that runs them."""

import pytest

from poseutils import pipeline
from tests.helpers.stand_ins import execute_here, write_chain, write_config


@pytest.fixture
def no_kernels(monkeypatch):
    """Notebooks are executed in this process, for tests of what goes from one to the next."""
    monkeypatch.setattr("papermill.execute_notebook", execute_here)


@pytest.fixture
def notebooks(tmp_path):
    return write_chain(tmp_path / "notebooks")


@pytest.fixture
def config(tmp_path):
    return write_config(tmp_path)


@pytest.fixture
def run(config, notebooks, tmp_path):
    """Runs the configuration with overrides; gives the run folder."""
    return lambda *overrides: pipeline.run(config, overrides, tmp_path / "runs", notebooks)

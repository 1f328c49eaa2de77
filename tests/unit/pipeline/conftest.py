"""A chain of small notebooks and a configuration that runs them."""

import pytest

from tests.helpers.stand_ins import write_chain, write_config


@pytest.fixture
def notebooks(tmp_path):
    return write_chain(tmp_path / "notebooks")


@pytest.fixture
def config(tmp_path):
    return write_config(tmp_path)

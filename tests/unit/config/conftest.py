"""Where a configuration is written."""

import pytest


@pytest.fixture
def path(tmp_path):
    return tmp_path / "user_config.yaml"

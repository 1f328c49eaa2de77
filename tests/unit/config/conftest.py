"""Where a configuration is written, and the files of ST's users."""

from pathlib import Path

import pytest

from poseutils.config import load_config


@pytest.fixture
def path(tmp_path):
    return tmp_path / "user_config.yaml"


@pytest.fixture
def st_file(repository, monkeypatch):
    """Loads one of the files."""
    monkeypatch.setenv("POSE_DATA", "/big/data")
    return lambda name, *overrides: load_config(
        Path(__file__).parent / "files" / f"{name}.yaml", overrides
    )

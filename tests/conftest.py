"""Shared fixtures: where the real models and images are."""

from __future__ import annotations

import dataclasses
import os
import pickle
import sys
from functools import partial
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from nbval.plugin import IPyNbCell

import poseutils as pu
from poseutils.config import load_config
from poseutils.errors import PoseError
from tests.helpers import shared
from tests.helpers.running import compiler_cache
from tests.helpers.tolerance import compare_within_tolerance

REPOSITORY = Path(__file__).resolve().parent.parent
QUICK = {f"{name}.ipynb" for name in ("index", "dataset", "benchmark", "deploy", "predict")}
"""Notebooks that `make test` runs."""
MISSING = "is not in the cache folder"
NO_BROWSER = "Chromium (apt-get install chromium) and playwright (pip) are needed to run this test"


# A property holds on a busy machine, too: no example has a deadline
settings.register_profile(
    "untimed",
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
settings.load_profile("untimed")


def pytest_configure():
    """The folder that all workers share, and the compilers' cache in it, are made before the
    workers."""
    if not shared.made() and os.name == "posix":
        compiler_cache.install(shared.folder() / "compilers")
    compare_within_tolerance(IPyNbCell)


def pytest_collection_modifyitems(items):
    """Marks what needs downloaded models, what runs on emulated cores, and the notebooks that take
    long; notebooks go first, so that no worker is left alone with one."""
    items.sort(key=lambda item: ("notebooks" not in item.path.parts, item.path.name in QUICK))
    for item in items:
        if item.path.suffix == ".ipynb" and item.path.name not in QUICK:
            item.add_marker("slow")
        if {"asset", "zoo_model"} & set(getattr(item, "fixturenames", ())):
            item.add_marker("assets")
        if (REPOSITORY / "tests/emulated") in item.path.parents:
            item.add_marker("emulated")


def pytest_terminal_summary(terminalreporter):
    """Says aloud how much was not tested because models, or a browser, are missing."""
    skipped = [str(report.longrepr) for report in terminalreporter.stats.get("skipped", ())]
    fetch = "Fetch the models (python -m poseutils fetch) and set POSEUTILS_CACHE to their folder."
    for sign, missing, advice in [
        (MISSING, "THEIR MODELS OR IMAGES ARE MISSING", fetch),
        (NO_BROWSER, "THERE IS NO BROWSER", NO_BROWSER),
    ]:
        if count := sum(sign in reason for reason in skipped):
            terminalreporter.section(f"{count} TESTS SKIPPED: {missing}", "!")
            terminalreporter.write_line(advice)


@pytest.fixture(autouse=True)
def closed_figures():
    """A test that counts the open figures sees its own alone."""
    yield
    if "matplotlib.pyplot" in sys.modules:
        sys.modules["matplotlib.pyplot"].close("all")


@pytest.fixture(scope="session")
def repository() -> Path:
    """The root of the repository."""
    return REPOSITORY


@pytest.fixture(scope="session")
def asset():
    """``asset("models/x.tflite")``: the path of a real file in the cache; without it the test is
    skipped, or fails in CI."""
    cache = os.environ.get("POSEUTILS_CACHE")

    def find(name: str) -> Path:
        if cache and (Path(cache) / name).exists():
            return Path(cache) / name
        reason = (
            f"{name} {MISSING} (POSEUTILS_CACHE={cache or 'not set'}); fetch it to run this test"
        )
        if cache and os.environ.get("POSEUTILS_REQUIRE_ASSETS"):
            pytest.fail(reason)
        pytest.skip(reason)

    return find


@pytest.fixture(scope="session")
def exported():
    """``exported(path)``: a model file as C, exported once in a run of the tests; a test that
    changes the folder exports for itself."""

    def make(path: Path, folder: Path) -> None:
        bundle = pu.export(path, folder / "out")
        (folder / "bundle").write_bytes(pickle.dumps(bundle))

    def bundle_of(path: Path):
        folder = shared.shared(f"exported-{path.stem}", partial(make, path))
        bundle = pickle.loads((folder / "bundle").read_bytes())
        return dataclasses.replace(bundle, path=folder / "out")

    return bundle_of


@pytest.fixture
def load(tmp_path):
    """Loads a configuration from its text."""

    def from_text(text: str, *overrides: str):
        path = tmp_path / "user_config.yaml"
        path.write_text(text)
        return load_config(path, overrides)

    return from_text


@pytest.fixture
def refusal(load):
    """The message with which a configuration is refused."""

    def of(text: str, *overrides: str) -> str:
        with pytest.raises(PoseError) as caught:
            load(text, *overrides)
        return str(caught.value)

    return of


@pytest.fixture(scope="session")
def zoo_model(asset):
    """``zoo_model("yolov8n_pose_256")``: the published model, loaded once; without its file the
    test is skipped, or fails in CI."""
    models = {}

    def load(name: str) -> pu.Model:
        asset(f"models/{pu.ZOO[name].file}")
        if name not in models:
            models[name] = pu.load_model(name, num_threads=1)
        return models[name]

    return load

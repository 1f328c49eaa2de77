"""JupyterLab in Debian's Chromium, driven by Playwright; without them these tests are skipped."""

from __future__ import annotations

import os
import shutil

import pytest

from tests.conftest import NO_BROWSER
from tests.helpers.browser.fake_camera import write_camera_file
from tests.helpers.browser.lab import Notebook, running_lab

PATIENCE_MS = 120_000
"""How long a page may take on a machine where everything is tested at once."""
SIZE = {"width": 1400, "height": 1000}


def pytest_collection_modifyitems(items):
    for item in items:
        if "browser" in item.path.parts:
            item.add_marker("slow")


@pytest.fixture(scope="session")
def chromium(repository, tmp_path_factory):
    """The browser, with a camera that shows a rendered person."""
    program = shutil.which("chromium")
    try:
        from playwright.sync_api import sync_playwright
    except ModuleNotFoundError:
        program = None
    if program is None:
        needed = pytest.fail if os.environ.get("POSEUTILS_REQUIRE_BROWSER") else pytest.skip
        needed(NO_BROWSER)
    camera = write_camera_file(
        repository / "data/synthetic-people/val/000001.jpg",
        tmp_path_factory.mktemp("camera") / "camera.mjpeg",
    )
    arguments = [
        "--no-sandbox",
        "--use-fake-device-for-media-stream",
        "--use-fake-ui-for-media-stream",
        f"--use-file-for-fake-video-capture={camera}",
    ]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=arguments)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def lab(chromium, repository, tmp_path_factory):
    """JupyterLab on a copy of the repository."""
    with running_lab(repository, tmp_path_factory.mktemp("lab")) as running:
        yield running


@pytest.fixture(scope="session")
def screenshots(repository):
    """Where screenshots go: artifacts of continuous integration."""
    folder = repository / "build/screenshots"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@pytest.fixture
def notebook(chromium, lab, screenshots):
    """A fresh page for one notebook."""
    page = chromium.new_page(viewport=SIZE)
    page.set_default_timeout(PATIENCE_MS)
    yield Notebook(page, lab, screenshots)
    page.close()
    lab.end_kernels()

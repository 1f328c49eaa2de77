"""A configuration, a stand-in for training, and workers in this process."""

import pytest
from distributed import LocalCluster

from poseutils import sweeps
from tests.helpers.sweeping import write_config, write_train


@pytest.fixture(scope="package")
def scheduler():
    """The address of a scheduler with two workers; points run in processes all the same."""
    with LocalCluster(
        n_workers=2, threads_per_worker=1, processes=False, dashboard_address="127.0.0.1:0"
    ) as cluster:
        yield cluster.scheduler_address


@pytest.fixture
def config(tmp_path):
    return write_config(tmp_path)


@pytest.fixture
def notebooks(tmp_path):
    return write_train(tmp_path / "notebooks")


@pytest.fixture
def sweep(config, notebooks, tmp_path, scheduler):
    """Sweeps the configuration; gives the folder."""

    def of(*attributes, **options):
        options = {"scheduler": scheduler, "notebooks_dir": notebooks, **options}
        return sweeps.sweep(config, attributes, tmp_path / "runs", **options)

    return of

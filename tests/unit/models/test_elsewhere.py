"""Evaluating and predicting on the workers of a Dask cluster."""

import os
from pathlib import Path

import numpy as np
import pytest
from distributed import Client, LocalCluster

import poseutils as pu
from poseutils.datasets.conversion import convert
from poseutils.datasets.lazy import LazySample


@pytest.fixture(params=[1, 3])
def client(request):
    """One worker, or three."""
    with LocalCluster(None, request.param, 1, False, dashboard_address="127.0.0.1:0") as cluster:
        with Client(cluster) as client:
            yield client


@pytest.fixture
def people(repository):
    return pu.load_dataset(repository / "data/synthetic-people/val")


@pytest.fixture
def model(repository):
    name = "data/models/st_movenet_lightning_heatmaps_a035_192_int8.tflite"
    return pu.load_model(repository / name, num_threads=1)


def test_a_report_is_the_same_to_the_bit(client, model, people):
    alone = pu.evaluate(model, people, progress=False)
    together = pu.evaluate(model, people, client=client, progress=False)
    assert together.metrics == alone.metrics and together.per_keypoint == alone.per_keypoint
    assert [i.sample.path for i in together.per_image] == [i.sample.path for i in alone.per_image]
    for a, b in zip(together.per_image, alone.per_image, strict=True):
        np.testing.assert_array_equal(a.poses.keypoints, b.poses.keypoints)
        np.testing.assert_array_equal(a.poses.scores, b.poses.scores)


def test_text_labels_are_in_pixels_of_images_that_workers_open(client, model, people, tmp_path):
    (text,) = convert(people.source, tmp_path / "text", progress=False)
    written = pu.load_dataset(text.folder)
    assert isinstance(written[0], LazySample)
    together = pu.evaluate(model, written, client=client, progress=False)
    assert "keypoints" not in vars(together.per_image[0].sample)
    assert together.metrics == pu.evaluate(model, written, progress=False).metrics


def test_files_are_the_same_to_the_bit(client, model, people, tmp_path):
    (tmp_path / "broken.jpg").write_bytes(b"none")
    paths = [tmp_path / "broken.jpg", *(sample.path for sample in people)]
    alone = pu.predict_images(model, paths, tmp_path / "alone", progress=False)
    together = pu.predict_images(model, paths, tmp_path / "all", client=client, progress=False)
    assert together.errors == alone.errors and len(alone.errors) == 1
    assert together.metrics == alone.metrics and list(together.poses) == list(alone.poses)

    def files(folder):
        return {p.relative_to(folder): p.read_bytes() for p in folder.rglob("*.*") if p.is_file()}

    assert files(tmp_path / "all") == files(tmp_path / "alone")
    assert len(files(tmp_path / "all")) == len(people) + 1


def test_relative_paths_are_those_of_the_client(repository, tmp_path, monkeypatch):
    """Workers started by SSH, say, are in the user's home folder."""
    monkeypatch.chdir(repository)
    model = pu.load_model("data/models/st_movenet_lightning_heatmaps_a035_192_int8.tflite")
    people = pu.load_dataset("data/synthetic-people/val")[:4]
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data").symlink_to(repository / "data")
    paths = [sample.path for sample in people]
    (tmp_path / "broken.jpg").write_bytes(b"none")
    broken = [*paths, Path("broken.jpg")]
    assert not any(path.is_absolute() for path in [model.path, *paths])
    with LocalCluster(None, 1, 1, True, dashboard_address="127.0.0.1:0") as cluster:
        with Client(cluster) as client:
            client.run(os.chdir, "/")
            report = pu.evaluate(model, people, client=client, progress=False)
            found = pu.predict_images(model, broken, "out", client=client, progress=False)
    alone = pu.predict_images(model, broken, "alone", progress=False)
    assert not report.errors and found.errors == alone.errors and len(found.errors) == 1
    assert report.metrics["oks"] > 0.3 and list(found.poses) == paths
    assert len(list((tmp_path / "out/annotated").iterdir())) == 4

"""Evaluating and predicting on the workers of a Dask cluster."""

import os
import pickle
from pathlib import Path

import numpy as np
import pytest
from distributed import Client, LocalCluster
from PIL import Image

import poseutils as pu
from poseutils import executors
from poseutils.datasets import lazy
from poseutils.datasets.conversion import convert
from poseutils.datasets.lazy import LazySample
from poseutils.errors import PoseError
from poseutils.models.elsewhere import _call


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


def test_annotations_that_are_scaled_are_warned_of_here(
    client, model, people, tmp_path, monkeypatch
):
    monkeypatch.setattr(lazy, "_COMPARED", 1)
    (text,) = convert(people.source, tmp_path / "text", progress=False)
    convert(text.folder, tmp_path / "coco", progress=False)
    (labels,) = (tmp_path / "coco/annotations").glob("*.json")
    small = sorted((tmp_path / "coco").glob("*/*.jpg"))[-1]
    Image.open(small).resize((128, 128)).save(small)
    for given in (None, client):
        with pytest.warns(UserWarning) as caught:
            pu.evaluate(model, pu.load_dataset(labels), client=given, progress=False)
        texts = [str(warning.message) for warning in caught if "scaled" in str(warning.message)]
        assert texts == [
            f"{small.name} is 128 × 128 as shown, annotated as 256 × 256: annotations are scaled "
            "to it"
        ]


def test_an_unreadable_image_is_an_error_of_its_own(client, model, people, tmp_path):
    (text,) = convert(people.source, tmp_path / "text", progress=False)
    dataset = pu.load_dataset(text.folder)
    dataset[1].path.write_bytes(b"none")
    for given in (None, client):
        report = pu.evaluate(model, dataset, from_boxes=True, client=given, progress=False)
        assert len(report.errors) == 1 and dataset[1].path.name in report.errors[0]
        assert report.metrics["images"] == len(people) - 1


def test_a_model_file_that_is_replaced_is_opened_again(client, model, people, tmp_path):
    path, some = tmp_path / "network.tflite", people[:8]
    content = bytearray(model.path.read_bytes())

    def oks():
        path.write_bytes(content)
        replaced = pu.load_model(path, model_type="heatmaps_spe", num_threads=1)
        together = pu.evaluate(replaced, some, client=client, progress=False).metrics["oks"]
        assert together == pu.evaluate(replaced, some, progress=False).metrics["oks"]
        return together

    before, half = oks(), len(content) // 2
    content[half : half + 5000] = bytes(5000)  # some of its weights
    assert oks() != before
    content[:] = model.path.read_bytes()
    assert oks() == before


def test_a_worker_with_another_model_file(model):
    key = pickle.dumps(model), ["0"]
    with pytest.raises(PoseError, match="another file on"):
        _call(list, key, (), [])


def test_a_model_file_that_is_gone(model, people, tmp_path):
    path = tmp_path / "network.tflite"
    path.write_bytes(model.path.read_bytes())
    moved = pu.load_model(path, model_type="heatmaps_spe")
    path.unlink()
    with pytest.raises(PoseError, match="cannot be read any more"):
        pu.evaluate(moved, people, run_dir=tmp_path, progress=False)
    with pytest.raises(PoseError, match="cannot be read any more"):
        pu.evaluate(moved, people, workers=1, progress=False)


def test_a_cluster_without_workers(model, people, monkeypatch):
    monkeypatch.setattr(executors, "SECONDS", 1)
    with LocalCluster(None, 0, 1, False, dashboard_address="127.0.0.1:0") as cluster:
        with (
            Client(cluster) as client,
            pytest.raises(PoseError, match="no workers after 1 seconds"),
        ):
            pu.evaluate(model, people, client=client, progress=False)


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"workers": -1}, "workers is -1; expected a number of processes"),
        ({"workers": "2"}, "workers is '2'"),
        ({"client": "tcp://a:1"}, "client is 'tcp://a:1'; expected a dask.distributed.Client"),
    ],
)
def test_what_is_neither_processes_nor_a_cluster(model, people, given, says):
    with pytest.raises(PoseError, match=says):
        pu.evaluate(model, people, progress=False, **given)


def test_files_are_the_same_to_the_bit(client, model, people, tmp_path):
    (tmp_path / "broken.jpg").write_bytes(b"none")
    paths = [str(tmp_path / "broken.jpg"), *(sample.path for sample in people)]
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

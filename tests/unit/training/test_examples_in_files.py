"""A training on more examples than fit in memory: examples and batches do not depend on where they
are kept, on workers, hosts or interruptions."""

from dataclasses import replace
from functools import partial

import numpy as np
import pytest

import poseutils as pu
from poseutils.datasets import shards
from poseutils.datasets.shards import WINDOW, Shards
from poseutils.training import load_examples, training_batches
from poseutils.training.examples import LazyArray
from poseutils.training.hosts import Share
from tests.helpers.small_training import AUGMENTATION, small_fit, spots


@pytest.fixture
def examples(repository, tmp_path, monkeypatch):
    """Loads the embedded images, three in a shard, into the cache folder of a name."""
    monkeypatch.setattr(shards, "BYTES", 3 * 32 * 33 * 3)
    dataset = pu.load_dataset(repository / "data/synthetic-people/val")[:40]

    def load(name, **arguments):
        monkeypatch.setenv("POSEUTILS_CACHE", str(tmp_path / name))
        return load_examples(dataset, (32, 32), **{"memory": 0, **arguments})

    return load


def test_examples_in_files_are_those_in_memory(examples):
    kept, stored = examples("a", memory=2**30), examples("a")
    place = [stored.names.index(name) for name in kept.names]
    assert place != list(range(40))
    for name in ("images", "keypoints", "areas"):
        np.testing.assert_array_equal(getattr(stored, name)[place], getattr(kept, name)[:])


def test_other_arguments_and_other_images_are_other_files(examples, tmp_path):
    for arguments in ({}, {"aspect_ratio": "padding"}, {"crop_margin": (1.2, 1.2)}, {}):
        assert len(examples("a", **arguments).images[:2]) == 2
    assert len(list((tmp_path / "a/examples").iterdir())) == 3


def drawn(examples, epochs=2, **options):
    """The bytes of the batches of some epochs."""
    batches = training_batches(examples, 6, AUGMENTATION, seed=3, **options)
    return [[(i.numpy(), k.numpy()) for i, k in batches] for _ in range(epochs)]


def test_one_worker_and_two_make_the_same_batches_and_files(examples, tmp_path, monkeypatch):
    found = {}
    for name, cores in (("one", 2), ("two", 4)):
        monkeypatch.setattr("os.cpu_count", lambda cores=cores: cores)
        found[name] = drawn(examples(name))
    for a, b in zip(found["one"], found["two"], strict=True):
        for (images, keypoints), (others, those) in zip(a, b, strict=True):
            assert np.array_equal(images, others) and np.array_equal(keypoints, those)
    one, two = (
        {path.name: path.read_bytes() for path in (tmp_path / name).rglob("*.*")}
        for name in ("one", "two")
    )
    assert one == two and len(one) > 2 * 2 * WINDOW


def test_an_epoch_does_not_depend_on_those_before_it_nor_on_the_number_of_hosts(examples):
    stored = examples("a")
    expected = drawn(stored)[1]
    parts = []
    for host in range(2):
        batches = training_batches(stored, 6, AUGMENTATION, seed=3, share=Share(host, 2, 2))
        batches.epoch = 1  # as a training does that resumes
        parts.append(list(batches))
    for whole, *halves in zip(expected, *parts, strict=True):
        for place in range(2):
            joined = np.concatenate([half[place] for half in halves])
            np.testing.assert_allclose(joined, whole[place], atol=1e-6)


@pytest.mark.slow
def test_a_training_on_files_that_was_stopped_ends_as_if_it_had_not_been(tmp_path, monkeypatch):
    kept = spots(32)
    dtype = np.dtype([("images", "u1", (32, 32, 3)), ("keypoints", "<f4", (2, 3))])
    monkeypatch.setattr(shards, "BYTES", 3 * dtype.itemsize)

    def make(rows):
        records = np.empty(len(rows), dtype)
        records["images"], records["keypoints"] = kept.images[rows], kept.keypoints[rows]
        return records

    def trained(run, files, **options):
        stored = Shards(tmp_path / files, make, 32, dtype)
        images, keypoints = (
            LazyArray(partial(stored.read, name), values.shape, values.dtype)
            for name, values in (("images", kept.images), ("keypoints", kept.keypoints))
        )
        train = replace(kept, images=images, keypoints=keypoints, order=stored.shuffled)
        return small_fit(tmp_path / run, train=train, **options).history

    def stop(epoch, history):
        if epoch == 2:
            raise KeyboardInterrupt

    whole = trained("whole", "a")
    with pytest.raises(KeyboardInterrupt):
        trained("stopped", "b", on_epoch=stop)
    (tmp_path / "b/00004.npy").unlink()
    (tmp_path / "b/00005.npy").write_bytes(b"damaged")
    assert trained("stopped", "b") == whole

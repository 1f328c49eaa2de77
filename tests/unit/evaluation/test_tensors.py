"""A network's inputs and outputs as .npy files."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest

import poseutils as pu
from poseutils.errors import PoseError
from poseutils.evaluation.tensors import save_tensors

INT8 = "data/models/st_movenet_lightning_heatmaps_a035_192_int8.tflite"


@pytest.fixture(scope="module")
def model(repository):
    return pu.load_model(repository / INT8, num_threads=1)


@pytest.fixture(scope="module")
def people(repository):
    return pu.load_dataset(repository / "data/synthetic-people/val")


def test_rows_are_what_the_network_takes_and_gives(model, people, tmp_path):
    saved = save_tensors(model, people[:12], tmp_path, progress=False)
    assert [path.name for path in saved.paths] == ["inputs.npy", "outputs.npy"] and sorted(
        tmp_path.iterdir()
    ) == saved.paths
    inputs, outputs = (np.load(path) for path in saved.paths)
    assert (
        saved.images == [sample.path for sample in people[:12].single()]
        and 0 < len(saved.images) < 12
    )
    assert (
        inputs.shape == (len(saved.images), 192, 192, 3)
        and inputs.dtype == np.uint8
        and inputs.max() > 200
    )
    assert outputs.shape == (len(saved.images), 48, 48, 17) and outputs.dtype == np.float32
    for row, path in enumerate(saved.images):
        pixels, _ = model.preprocess(pu.read_image(path))
        assert np.array_equal(inputs[row], np.rint(pixels))
        assert np.array_equal(outputs[row], model.run(pixels[None])["heatmaps"][0])


def test_a_model_that_finds_several_sees_every_image(asset, people, tmp_path):
    asset("models/yolov8n_256_quant_pc_uf_pose_coco-st.tflite")
    several = pu.load_model("yolov8n_pose_256", num_threads=1)
    saved = save_tensors(
        several, people[:6], tmp_path, inputs=False, output_name="candidates", progress=False
    )
    assert [path.name for path in saved.paths] == ["candidates.npy"] and np.load(
        saved.paths[0]
    ).shape == (6, 56, 1344)


def test_outputs_stay_quantized(asset, people, tmp_path):
    head = pu.load_model(asset("models/face_landmarks_v1_192_int8_pc.onnx"), num_threads=1)
    images = people[:2].subset([sample for sample in people if len(sample) == 1][:2])
    saved = save_tensors(head, images, tmp_path, progress=False)
    inputs, outputs = (np.load(path) for path in saved.paths)
    assert (
        inputs.shape == (2, *head.network.input.shape[1:])
        and inputs.dtype == head.network.input.dtype
    )
    assert np.array_equal(outputs[1:], head.network.invoke(inputs[1:])[0])


def test_names(model, people, tmp_path):
    saved = save_tensors(
        model, people[:3], tmp_path, input_name="in", output_name="out.npy", progress=False
    )
    assert [path.name for path in saved.paths] == ["in.npy", "out.npy"]
    with pytest.raises(PoseError, match="without folders"):
        save_tensors(model, people, tmp_path, input_name="../in")
    with pytest.raises(PoseError, match="different names"):
        save_tensors(model, people, tmp_path, input_name="a", output_name="a.npy")
    assert save_tensors(model, people, tmp_path, inputs=False, outputs=False).paths == []


def test_an_unreadable_image_has_no_row(model, people, tmp_path):
    from dataclasses import replace

    broken = tmp_path / "broken.jpg"
    broken.write_bytes(b"no image")
    samples = list(people.single()[:3])
    samples[1] = replace(samples[1], path=broken)
    saved = save_tensors(model, people.subset(samples), tmp_path / "run", progress=False)
    assert len(saved.errors) == 1 and "broken.jpg" in saved.errors[0]
    assert saved.images == [samples[0].path, samples[2].path] and all(
        len(np.load(path)) == 2 for path in saved.paths
    )
    with pytest.raises(PoseError, match=r"no tensors to write; the first: .*broken.jpg"):
        save_tensors(model, people.subset([samples[1]]), tmp_path / "none", progress=False)
    assert list((tmp_path / "none").iterdir()) == []


def test_an_interruption_leaves_no_file(model, people, tmp_path, monkeypatch):
    def stop(path):
        raise KeyboardInterrupt

    monkeypatch.setattr("poseutils.evaluation.tensors.read_image", stop)
    with pytest.raises(KeyboardInterrupt):
        save_tensors(model, people, tmp_path, progress=False)
    assert list(tmp_path.iterdir()) == []


def test_memory_does_not_grow_with_the_dataset(model, people, tmp_path):
    one = people.single()[0]
    peaks = []
    for count in (20, 200):
        tracemalloc.start()
        saved = save_tensors(
            model,
            people.subset([one.renumbered(i) for i in range(count)]),
            tmp_path,
            progress=False,
        )
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
        assert len(np.load(saved.paths[1], mmap_mode="r")) == count
    assert peaks[1] < peaks[0] + 1_000_000  # 180 more rows of outputs are 28 MB

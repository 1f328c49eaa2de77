"""ImageNet weights: found, downloaded once, mapped layer by layer; and what is said without a
network."""

import http.server
import threading
from functools import cache

import h5py
import keras
import numpy as np
import pytest

from poseutils.errors import PoseError
from poseutils.training import build_model, configured_network
from poseutils.training.networks import pretrained
from poseutils.training.networks.pretrained import PUBLISHED, check_pretrained, find_weights

NAME = "st_movenet_lightning_heatmaps"
CLOSED = "http://127.0.0.1:9"


def file_name(alpha, size):
    return f"mobilenet_v2_weights_tf_dim_ordering_tf_kernels_{alpha}_{size}_no_top.h5"


@cache
def backbone(alpha):
    return keras.applications.MobileNetV2(
        input_shape=(96, 96, 3), alpha=alpha, include_top=False, weights=None
    )


def stand_in(path, alpha=0.35, leave_out=None):
    """A file as Keras publishes them, each layer's weights drawn from its name."""
    path.parent.mkdir(parents=True, exist_ok=True)
    layers = [layer for layer in backbone(alpha).layers if layer.name != leave_out]
    with h5py.File(path, "w") as file:
        file.attrs["layer_names"] = [layer.name.encode() for layer in layers]
        file.attrs["backend"], file.attrs["keras_version"] = b"tensorflow", b"2.2.4"
        for layer in layers:
            group = file.create_group(layer.name)
            names = [f"{layer.name}/{weight.name}:0" for weight in layer.weights]
            group.attrs["weight_names"] = [name.encode() for name in names]
            for name, value in zip(names, weights_of(layer)):
                group[name] = value
    return path


def weights_of(layer):
    rng = np.random.default_rng(list(layer.name.encode()))
    return [rng.uniform(0.1, 1, weight.shape).astype(np.float32) for weight in layer.weights]


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("POSEUTILS_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    monkeypatch.setattr(pretrained, "ADDRESS", CLOSED)
    return tmp_path / "cache"


@pytest.mark.slow
def test_every_layer_of_the_backbone_has_its_weights_and_no_other(cache):
    stand_in(cache / "models" / file_name(0.35, 96))
    fresh, network = (
        build_model(NAME, (96, 96, 3), 3, 0.35, pretrained=given) for given in (False, True)
    )
    names = {layer.name for layer in backbone(0.35).layers}
    for layer, other in zip(network.layers, fresh.layers, strict=True):
        expected = weights_of(layer) if layer.name in names else other.get_weights()
        assert all(
            np.array_equal(found, wanted)
            for found, wanted in zip(layer.get_weights(), expected, strict=True)
        ), layer.name


CONFIG = (
    "model: {model_type: heatmaps_spe, alpha: 0.35, pretrained: "
    "true, input_shape: '(64, 64, 3)'}\ndataset: {keypoints: 2}"
)


def test_a_configuration_asks_for_them(cache, load):
    stand_in(cache / "anywhere" / file_name(0.35, 224))
    config = load(CONFIG)
    assert config.ignored == []
    layer = configured_network(config, 2).get_layer("Conv1")
    np.testing.assert_array_equal(layer.get_weights()[0], weights_of(layer)[0])


@pytest.mark.parametrize(
    ("alpha", "size", "found"),
    [
        (0.35, (96, 96), 96),
        (1.0, (192, 192), 192),
        (0.5, (256, 256), 224),
        (0.75, (96, 128), 224),
        (1.4, (96, 96), 224),
        (1.3, (224, 224), 224),
    ],
)
def test_the_weights_trained_on_images_of_that_size_where_there_are_some(cache, alpha, size, found):
    assert find_weights_offline(cache, alpha, size) == cache / "models" / file_name(alpha, found)


def find_weights_offline(cache, alpha, size):
    for known in PUBLISHED[alpha]:
        (cache / "models").mkdir(parents=True, exist_ok=True)
        (cache / "models" / file_name(alpha, known)).touch()
    return find_weights(alpha, size)


def test_keras_own_cache_is_looked_into(cache, tmp_path):
    path = tmp_path / "keras" / "models" / file_name(0.35, 96)
    path.parent.mkdir(parents=True)
    path.touch()
    assert find_weights(0.35, (96, 96)) == path


def test_they_are_downloaded_once(cache, tmp_path, monkeypatch):
    served = stand_in(tmp_path / "served" / file_name(0.35, 96))
    asked = []

    class Handler(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *arguments):
            super().__init__(*arguments, directory=served.parent)

        def log_message(self, *arguments):
            asked.append(self.path)

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setattr(pretrained, "ADDRESS", f"http://127.0.0.1:{server.server_port}")
    try:
        paths = [find_weights(0.35, (96, 96)) for _ in range(2)]
    finally:
        server.shutdown()
        server.server_close()
    assert paths == [cache / "models" / served.name] * 2 and asked == [f"/{served.name}"]
    assert paths[0].read_bytes() == served.read_bytes() and [
        path.name for path in paths[0].parent.iterdir()
    ] == [served.name]


def test_without_a_network_it_says_what_to_do(cache):
    with pytest.raises(PoseError) as caught:
        build_model(NAME, (96, 96, 3), 3, 0.35, pretrained=True)
    name = file_name(0.35, 96)
    first, second = str(caught.value).split("\n")
    assert first.startswith(
        f"cannot download Keras's ImageNet weights: URL fetch failure on {CLOSED}/{name}: "
    )
    assert second == (
        f"Get {CLOSED}/{name} by other means and put it at {cache / 'models' / name}, or set "
        "POSEUTILS_CACHE to a folder that has it; or train without them: model.pretrained: false"
    )
    assert list((cache / "models").iterdir()) == []


@pytest.mark.parametrize("damage", ["truncated", "another width", "a layer less"])
def test_a_file_of_another_network_or_damaged_is_refused(cache, damage):
    path = cache / "models" / file_name(0.35, 96)
    stand_in(
        path,
        0.5 if damage == "another width" else 0.35,
        "block_3_expand" if damage == "a layer less" else None,
    )
    if damage == "truncated":
        path.write_bytes(path.read_bytes()[:5000])
    with pytest.raises(
        PoseError,
        match="no_top.h5 does not hold the weights of MobileNetV2 at alpha 0.35.*Delete it",
    ):
        build_model(NAME, (96, 96, 3), 3, 0.35, pretrained=True)


@pytest.mark.parametrize("alpha", [0.42, 1.75])
def test_a_width_without_weights_names_those_that_have_some(cache, alpha, load):
    with pytest.raises(
        PoseError,
        match=f"alpha {alpha}, for which Keras has no ImageNet "
        f"weights; choose alpha 0.35, 0.5, 0.75, 1, 1.3, 1.4",
    ):
        build_model(NAME, (96, 96, 3), 3, alpha, pretrained=True)
    check_pretrained(1.4)

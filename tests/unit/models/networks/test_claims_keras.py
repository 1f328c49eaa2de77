"""What a .keras or .h5 claims is checked before Keras takes memory for it."""

import json
import resource
import zipfile

import h5py
import keras
import pytest

from poseutils.errors import PoseError
from poseutils.models.networks.claims import keras as claims
from poseutils.models.networks.keras_files import _traced, load_keras

layers = keras.layers


def saved(path, *stack, shape=(8, 8, 3)):
    keras.Sequential([keras.Input(shape), *stack]).save(path)
    return path


def rewritten(path, change):
    """The file with another configuration, and the weights that it had."""
    if path.suffix == ".h5":
        with h5py.File(path, "a") as file:
            config = json.loads(file.attrs["model_config"])
            change(config["config"]["layers"])
            file.attrs["model_config"] = json.dumps(config)
        return path
    with zipfile.ZipFile(path) as archive:
        parts = {part: archive.read(part) for part in archive.namelist()}
    config = json.loads(parts["config.json"])
    change(config["config"]["layers"])
    with zipfile.ZipFile(path, "w") as archive:
        for part, data in (parts | {"config.json": json.dumps(config)}).items():
            archive.writestr(part, data)
    return path


def grown() -> int:
    """The most bytes that this process has had."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss << 10


def dense(units):
    return lambda found: found[-1]["config"].update(units=units)


def convolution(filters):
    return lambda found: found[-1]["config"].update(filters=filters)


def wide(found):
    """An image of another size, which makes the weights of a layer of all pixels many."""
    for layer in found:
        for name in ("batch_shape", "batch_input_shape"):
            if name in layer["config"]:
                layer["config"][name] = [None, 4000, 4000, 3]
        layer.pop("build_config", None)


SMALL = {
    "a dense layer": (lambda: [layers.Dense(2)], dense(10**9)),
    "filters": (lambda: [layers.Conv2D(2, 3)], convolution(10**6)),
    "filters, transposed": (lambda: [layers.Conv2DTranspose(2, 3)], convolution(10**7)),
    "all pixels": (lambda: [layers.Flatten(), layers.Dense(40)], wide),
}


@pytest.mark.parametrize("suffix", [".keras", ".h5"])
@pytest.mark.parametrize("kind", SMALL)
def test_weights_that_are_not_in_the_file_take_no_memory(tmp_path, kind, suffix):
    """The file is of some kilobytes; what it claims is up to 12 GB."""
    stack, change = SMALL[kind]
    path = rewritten(saved(tmp_path / f"model{suffix}", *stack()), change)
    before = grown()
    with pytest.raises(PoseError, match="[Ss]hape"):
        load_keras(path)
    assert grown() - before < 1 << 28


def nested(size):
    """Tiny images, enlarged within a network of its own whose input is of any size."""
    image = keras.Input((None, None, 3))
    made = layers.GlobalAveragePooling2D()(layers.UpSampling2D(size)(image))
    return keras.Model(image, made)


CLAIMS = {
    "enlarged": (lambda: [layers.UpSampling2D(100_000)], "bytes of memory"),
    "margins": (lambda: [layers.ZeroPadding2D(100_000)], "bytes of memory"),
    "repeated": (lambda: [layers.Flatten(), layers.RepeatVector(10**9)], "bytes of memory"),
    "nested": (lambda: [nested(20_000)], "bytes of memory"),
    "work": (
        lambda: [layers.UpSampling2D(512), layers.Conv2D(16, 64, padding="same")],
        "multiply-accumulates",
    ),
    "loop": (lambda: [layers.Reshape((64, 3)), layers.LSTM(2)], "loops or branches"),
}


@pytest.mark.parametrize("suffix", [".keras", ".h5"])
@pytest.mark.parametrize("kind", CLAIMS)
def test_a_network_that_would_take_more_than_any_is_refused(tmp_path, kind, suffix):
    stack, message = CLAIMS[kind]
    path = saved(tmp_path / f"model{suffix}", *stack())
    before = grown()
    with pytest.raises(PoseError, match=message):
        load_keras(path)
    assert grown() - before < 1 << 28


def test_an_input_larger_than_any_image_is_refused(tmp_path):
    path = saved(tmp_path / "model.keras", layers.ReLU(), shape=(10**6, 10**6, 3))
    with pytest.raises(PoseError, match="takes an input of shape .*; up to 67,108,864 values"):
        load_keras(path)


def test_more_layers_than_any_network_has_are_refused(tmp_path):
    def repeat(found):
        found += [
            json.loads(json.dumps(found[-1]).replace('"last"', f'"last_{n}"'))
            for n in range(claims.MOST_LAYERS)
        ]

    path = rewritten(saved(tmp_path / "model.keras", layers.ReLU(name="last")), repeat)
    with pytest.raises(PoseError, match=r"claims 4,098 layers; up to 4,096"):
        load_keras(path)


def test_networks_nested_deeper_than_any_are_refused(tmp_path):
    def bury(found):
        for _ in range(2000):
            found[-1] = {"class_name": "Sequential", "config": {"name": "s", "layers": [found[-1]]}}

    path = saved(tmp_path / "model.keras", layers.ReLU())
    with pytest.raises((PoseError, RecursionError)):
        load_keras(rewritten(path, bury))


def test_layers_without_an_input_are_refused(tmp_path):
    keras.Sequential([layers.ReLU()]).save(tmp_path / "model.keras")
    with pytest.raises(PoseError, match="no defined inputs yet"):
        load_keras(tmp_path / "model.keras")


# ---------------------------------------------------------------- work


@pytest.mark.parametrize(
    ("layer", "wanted"),
    [
        (lambda: layers.Conv2D(5, (3, 2)), 5 * 6 * 7 * 3 * 3 * 2),
        (lambda: layers.DepthwiseConv2D((3, 2)), 3 * 6 * 7 * 3 * 2),
        (lambda: layers.Conv2DTranspose(5, (3, 2)), 8 * 8 * 3 * 5 * 3 * 2),
        (lambda: layers.MaxPooling2D((2, 4)), 3 * 4 * 2 * 8),
        (lambda: layers.EinsumDense("bhwc,cd->bhwd", (8, 8, 5)), 8 * 8 * 3 * 5),
        (lambda: layers.Dense(5), 8 * 8 * 3 * 5),
    ],
)
def test_multiply_accumulates_follow_from_shapes(layer, wanted):
    model = keras.Sequential([keras.Input((8, 8, 3)), layer()])
    counted = [
        claims._WORK[each.type](each, claims._shapes(each.inputs), claims._shapes(each.outputs))
        for each in _traced(model).get_operations()
        if each.type in claims._WORK
    ]
    assert counted == [wanted]

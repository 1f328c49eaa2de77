"""Keras files: those of Keras 2 are read, and none runs code."""

import json
import sys
import zipfile
from pathlib import Path

import h5py
import keras
import numpy as np
import pytest

from poseutils.errors import PoseError
from poseutils.models.networks.keras_files import load_keras, load_tensorflow

# The folder keras2 holds one small network, saved by TF-Keras 2.21 in both of its formats; this is
# what it gave there for these pixels.
PIXELS = np.linspace(-1, 1, 192, dtype=np.float32).reshape(1, 8, 8, 3)
GAVE = [
    0.6275375,
    0.8395703,
    0.6334084,
    0.8443773,
    0.6211964,
    0.8341678,
    0.6261421,
    0.8350390,
    0.6234713,
]
GAVE += [
    0.8308367,
    0.5945534,
    0.8056309,
    0.5005240,
    0.7277904,
    0.4693313,
    0.7026967,
    0.4505119,
    0.6905039,
]


@pytest.mark.parametrize("name", ["network.h5", "network.keras"])
def test_a_file_of_keras_2_gives_what_it_gave_there(repository, tmp_path, name):
    model = load_keras(Path(__file__).parent / "keras2" / name)
    np.testing.assert_allclose(model(PIXELS).numpy()[0, ::3, ::3].ravel(), GAVE, atol=1e-6)
    assert model.input_shape == (None, 8, 8, 3) and model.output_shape == (None, 8, 8, 2)
    assert all(type(layer).__module__.startswith("keras.") for layer in model.layers)
    model.save(tmp_path / "newer.keras")
    np.testing.assert_array_equal(load_keras(tmp_path / "newer.keras")(PIXELS), model(PIXELS))


# ---------------------------------------------------------------- code


def network(layer):
    image = keras.Input((8, 8, 3))
    return keras.Model(image, layer(keras.layers.Conv2D(2, 3, padding="same")(image)))


@pytest.fixture
def trap(tmp_path):
    """A function that leaves a trace, and the trace."""
    trace = tmp_path / "it.ran"
    return eval(f"lambda x: (open({str(trace)!r}, 'w').close(), x * 2)[1]"), trace


@pytest.mark.parametrize("suffix", [".keras", ".h5"])
def test_a_lambda_layer_is_refused_and_does_not_run(tmp_path, trap, suffix):
    function, trace = trap
    network(keras.layers.Lambda(function)).save(tmp_path / f"model{suffix}")
    trace.unlink()
    with pytest.raises(
        PoseError,
        match=f"model{suffix}: refused, as it contains a Lambda "
        f"layer, which contains Python code.*custom_model_path",
    ):
        load_keras(tmp_path / f"model{suffix}")
    assert not trace.exists()


@keras.saving.register_keras_serializable("somebody")
class Doubled(keras.layers.Layer):
    """What a file may name, and only its author has."""

    def call(self, x):
        return x * 2


@keras.saving.register_keras_serializable("somebody")
def twice(x):
    return x * 2


@pytest.mark.parametrize("suffix", [".keras", ".h5"])
@pytest.mark.parametrize(
    ("layer", "named"),
    [(lambda: Doubled(), "Doubled"), (lambda: keras.layers.Activation(twice), "function|twice")],
)
def test_a_class_or_function_of_somebodys_own_is_refused(tmp_path, suffix, layer, named):
    network(layer()).save(tmp_path / f"model{suffix}")
    with pytest.raises(
        PoseError, match=f"refused, as it contains .*({named}).*, which may read other files or run"
    ):
        load_keras(tmp_path / f"model{suffix}")


def rewritten(source, target, change):
    """A copy of a .keras file in which the configuration of the last layer is changed."""
    with zipfile.ZipFile(source) as archive:
        parts = {part: archive.read(part) for part in archive.namelist()}
    config = json.loads(parts["config.json"])
    change(config["config"]["layers"][-1])
    with zipfile.ZipFile(target, "w") as archive:
        for part, data in (parts | {"config.json": json.dumps(config)}).items():
            archive.writestr(part, data)
    return target


@pytest.mark.parametrize(
    ("module", "name"),
    [
        ("os", "system"),
        ("keras.utils", "get_file"),
        ("keras.src.utils.file_utils", "get_file"),
        ("keras.layers", "TFSMLayer"),
        ("keras.layers", "TorchModuleWrapper"),
        ("keras.layers", "FlaxLayer"),
        ("keras.layers", "JaxLayer"),
        ("keras.layers", "StringLookup"),
        ("keras.layers", "TextVectorization"),
        ("keras.layers", "deserialize"),
        ("keras.src.ops.core", "Map"),
        ("keras.src.ops.linalg", "JVP"),
        ("os", "ReLU"),
        ("keras.layers", ["ReLU"]),
        ("keras.layers", "somebody>ReLU"),
    ],
)
def test_a_class_that_does_not_only_compute_is_refused(tmp_path, module, name):
    network(keras.layers.ReLU()).save(tmp_path / "model.keras")
    other = {"module": module, "class_name": name, "registered_name": None, "config": {}}
    path = rewritten(
        tmp_path / "model.keras", tmp_path / "changed.keras", lambda layer: layer.update(other)
    )
    with pytest.raises(PoseError, match="refused, as it contains .*may read other files"):
        load_keras(path)


def test_a_class_in_an_hdf5_file_that_names_no_module_is_refused(tmp_path):
    network(keras.layers.ReLU()).save(tmp_path / "model.h5")
    with h5py.File(tmp_path / "model.h5", "a") as file:
        config = json.loads(file.attrs["model_config"])
        config["config"]["layers"][-1] |= {"class_name": "StringLookup", "config": {}}
        config["config"]["layers"][-1].pop("module", None)
        file.attrs["model_config"] = json.dumps(config)
    with pytest.raises(PoseError, match="refused, as it contains StringLookup"):
        load_keras(tmp_path / "model.h5")


@pytest.mark.parametrize("suffix", [".keras", ".h5"])
def test_a_file_that_unpacks_to_a_thousand_times_its_size_is_refused(tmp_path, suffix):
    path = tmp_path / f"model{suffix}"
    network(keras.layers.ReLU()).save(path)
    bomb = path if suffix == ".h5" else tmp_path / "model.weights.h5"
    with h5py.File(bomb, "a") as file:
        file.create_dataset("zeros", (1 << 30,), "float32", chunks=(1 << 20,), compression="gzip")
    if suffix == ".keras":
        with zipfile.ZipFile(path) as archive:
            config = archive.read("config.json")
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("config.json", config)
            archive.write(bomb, "model.weights.h5")
    assert path.stat().st_size < 100_000
    with pytest.raises(PoseError, match=r"refused, as its .* claim to unpack to 4,294,9"):
        load_keras(path)


def test_an_archive_that_unpacks_to_a_thousand_times_its_size_is_refused(tmp_path):
    with zipfile.ZipFile(tmp_path / "model.keras", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("config.json", bytes(100 << 20))
    with pytest.raises(PoseError, match="refused, as its .* claim to unpack to 104,857,600"):
        load_keras(tmp_path / "model.keras")


def test_weights_that_lie_in_another_file_are_refused(tmp_path):
    network(keras.layers.ReLU()).save(tmp_path / "model.h5")
    with h5py.File(tmp_path / "model.h5", "a") as file:
        file["model_weights"]["away"] = h5py.ExternalLink("/etc/passwd", "/")
    with pytest.raises(PoseError, match="leads to another file"):
        load_keras(tmp_path / "model.h5")


def test_what_keras_itself_has_is_loaded(tmp_path):
    image = keras.Input((8, 8, 3))
    x = keras.layers.Conv2D(
        4,
        3,
        activation="silu",
        kernel_regularizer=keras.regularizers.L2(0.1),
        bias_constraint="non_neg",
    )(image)
    x = keras.ops.sum(keras.ops.relu(x + 1), axis=-1, keepdims=True)
    inner = keras.Sequential(
        [keras.Input((6, 6, 1)), keras.layers.PReLU(), keras.layers.Rescaling(2.0)]
    )
    model = keras.Model(image, inner(x))
    model.compile("adam", loss=twice)
    model.save(tmp_path / "model.keras")
    np.testing.assert_allclose(
        load_keras(tmp_path / "model.keras")(PIXELS), model(PIXELS), atol=1e-6
    )


@pytest.mark.parametrize("kind", ["Conv2DTranspose", "SeparableConv2D", "DepthwiseConv2D"])
def test_layers_that_had_groups_in_keras_2_are_loaded(tmp_path, kind):
    first = (3,) if kind == "DepthwiseConv2D" else (2, 3)
    model = network(getattr(keras.layers, kind)(*first))
    model.save(tmp_path / "model.h5")
    with h5py.File(tmp_path / "model.h5", "a") as file:
        config = json.loads(file.attrs["model_config"])
        config["config"]["layers"][-1]["config"]["groups"] = 1
        file.attrs["model_config"] = json.dumps(config)
    np.testing.assert_allclose(load_keras(tmp_path / "model.h5")(PIXELS), model(PIXELS), atol=1e-6)


def test_weights_alone_are_told_apart(tmp_path):
    network(keras.layers.ReLU()).save(tmp_path / "model.h5")
    with h5py.File(tmp_path / "model.h5", "a") as file:
        del file.attrs["model_config"]
    with pytest.raises(PoseError, match="has weights only.*save the whole model"):
        load_keras(tmp_path / "model.h5")


def test_operations_that_keras_2_recorded_are_not_said_to_be_code(tmp_path):
    network(keras.layers.ReLU()).save(tmp_path / "model.h5")
    with h5py.File(tmp_path / "model.h5", "a") as file:
        config = json.loads(file.attrs["model_config"])
        config["config"]["layers"][-1] |= {"class_name": "TFOpLambda"}
        file.attrs["model_config"] = json.dumps(config)
    with pytest.raises(PoseError, match="TFOpLambda: operations of TensorFlow.*Keras 2"):
        load_keras(tmp_path / "model.h5")


@pytest.mark.parametrize("suffix", [".tflite", ".onnx"])
def test_a_file_of_another_kind_is_told_by_its_name(tmp_path, suffix):
    with pytest.raises(PoseError, match="expected a float network that Keras saved, .keras or .h5"):
        load_keras(tmp_path / f"model{suffix}")


@pytest.mark.parametrize("suffix", [".keras", ".h5"])
@pytest.mark.parametrize(
    "damage", [lambda data: data[:300], lambda data: b"", lambda data: b"not a model" * 99]
)
def test_a_damaged_file_says_so(tmp_path, suffix, damage):
    path = tmp_path / f"model{suffix}"
    network(keras.layers.ReLU()).save(path)
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(
        PoseError, match=f"model{suffix} is not a Keras model that can be loaded safely"
    ) as caught:
        load_keras(path)
    assert len(str(caught.value)) < 600


def test_without_tensorflow_it_is_said_what_installs_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorflow", None)
    with pytest.raises(
        PoseError, match=r"tensorflow is not installed.*pip install -e '.\[training"
    ):
        load_tensorflow()

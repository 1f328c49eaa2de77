"""Loading of .keras and .h5 files of Keras 2 and 3, which are inspected first, so that none runs
code."""

from __future__ import annotations

import contextlib
import io
import json
import os
import sys
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

from ...errors import PoseError, missing_package
from ...streams import silent_stderr
from .claims import check_input
from .claims.keras import check_layers, check_traced
from .claims.keras_classes import ALLOWED, MODELS
from .claims.unpacked import check_hdf5, check_zip

SUFFIXES = (".keras", ".h5")
LAMBDAS = ("Lambda", "__lambda__")
"""Classes that contain Python bytecode."""
RECORDED = ("TFOpLambda", "SlicingOpLambda", "TensorFlowOpLayer", "ClassMethod")
"""Classes of Keras 2 for single operations of TensorFlow."""
WITHOUT_GROUPS = (
    "DepthwiseConv1D",
    "DepthwiseConv2D",
    "SeparableConv1D",
    "SeparableConv2D",
    "Conv1DTranspose",
    "Conv2DTranspose",
    "Conv3DTranspose",
)
"""Layers that had an argument groups, always 1, in Keras 2."""
WEIGHTS = "model.weights.h5"
USUAL_SIZE = 256
"""Pixels of a side that is open."""
LONGEST = 300
"""Maximum length of Keras's messages, which include whole configurations, in errors."""


def load_keras(path: str | Path):
    """Loads a keras.Model from a .keras or .h5 file of Keras 2 or 3, without its optimizer, in
    Keras's safe mode.

    Raises:
        PoseError: if the file is not a Keras model, or contains code: a Lambda layer, or a class
            that is not Keras's own.
    """
    path = Path(path)
    if path.suffix.lower() not in SUFFIXES:
        raise PoseError(
            f"{path} given; expected a float network that Keras saved, {' or '.join(SUFFIXES)}. Of "
            "a .tflite or .onnx, give the one that it was made of."
        )
    keras = keras_library()
    try:
        config = _config_of(path)
        _refuse_code(config, path)
        check_layers(config, path)
        is_hdf5 = path.suffix.lower() == ".h5"
        load = partial(_load_hdf5, path) if is_hdf5 else partial(_load_archive, path, config)
        with ThreadPoolExecutor(1) as apart:  # Keras keeps what it builds by thread
            apart.submit(_check_claims, load, path).result()
        model = load()
    except PoseError:
        raise
    except Exception as error:  # zipfile, h5py, json and keras each raise their own
        raise PoseError(
            f"{path} is not a Keras model that can be loaded safely: {_shortened(error)}"
        ) from error
    functional = not isinstance(model, keras.Sequential)
    # As Keras 2 has them
    if (
        functional
        and isinstance(model.input, list)
        and len(model.inputs) == len(model.outputs) == 1
    ):
        return keras.Model(model.inputs[0], model.outputs[0], name=model.name)
    return model


def _check_claims(load: Callable[[], Any], path: Path) -> None:
    """Builds the model without memory for its weights, whose shapes must be those in the file, and
    checks what a run would take.

    Raises:
        PoseError: if it is too much.
        ValueError: of Keras, if shapes differ.
    """
    import keras

    with keras.StatelessScope(initialize_variables=False):
        model = load()
        for tensor in model.inputs:
            check_input(tensor.shape, path)
        if keras.backend.backend() == "tensorflow":
            check_traced(_traced(model), path)


def _traced(model):
    """The tf.Graph of a run on one image; of the usual size, where the file leaves it open."""
    keras, tf = keras_library(), load_tensorflow()
    shapes = [(1, *(size or USUAL_SIZE for size in tensor.shape[1:])) for tensor in model.inputs]
    given = [tf.TensorSpec(shape, t.dtype) for shape, t in zip(shapes, model.inputs)]

    def run(*images):
        sequential = isinstance(model, keras.Sequential)
        ordered = images[0] if sequential else keras.tree.pack_sequence_as(model.input, images)
        return model(ordered, training=False)

    return tf.function(run, autograph=False).get_concrete_function(*given).graph


def _load_hdf5(path: Path):
    import keras

    older = {name: _without_groups(name) for name in WITHOUT_GROUPS}
    return keras.models.load_model(path, compile=False, safe_mode=True, custom_objects=older)


def _load_archive(path: Path, config: dict):
    import keras

    if not config.get("module", "").startswith(("tf_keras", "keras.src.engine", "keras.engine")):
        return keras.models.load_model(path, compile=False, safe_mode=True)
    with tempfile.TemporaryDirectory() as folder, zipfile.ZipFile(path) as archive:
        newer = Path(folder) / "model.keras"
        with zipfile.ZipFile(newer, "w") as copy:
            for name in archive.namelist():
                copy.writestr(
                    name,
                    json.dumps(_migrated(config)) if name == "config.json" else archive.read(name),
                )
        return keras.models.load_model(newer, compile=False, safe_mode=True)


def _config_of(path: Path) -> dict:
    """The configuration of the model, without that of compilation."""
    import h5py

    if path.suffix.lower() == ".h5":
        with h5py.File(path) as file:
            check_hdf5(file, path.stat().st_size, path)
            if "model_config" not in file.attrs:
                raise PoseError(
                    f"{path} has weights only, not the layers that they are for (Keras's "
                    "save_weights): save the whole model, model.save('model.keras')"
                )
            text = file.attrs["model_config"]
    else:
        with zipfile.ZipFile(path) as archive:
            check_zip(archive, path)
            text = archive.read("config.json")
            weights = archive.read(WEIGHTS)
        with h5py.File(io.BytesIO(weights)) as file:
            check_hdf5(file, len(weights), path)
    config = json.loads(text)
    config.pop("compile_config", None)
    return config


# ---------------------------------------------------------------- files of Keras 2


def _migrated(value: Any) -> Any:
    """A part of a Keras 2 configuration, converted to Keras 3."""
    if isinstance(value, list):
        return [_migrated(part) for part in value]
    if not isinstance(value, dict):
        return value
    value = {name: _migrated(part) for name, part in value.items()}
    kind, arguments = value.get("class_name"), value.get("config")
    if kind in MODELS:
        value["module"] = (
            "keras.src.models.sequential" if kind == "Sequential" else "keras.src.models.functional"
        )
    if kind in WITHOUT_GROUPS:
        arguments.pop("groups", None)
    if kind == "BatchNormalization" and isinstance(arguments["axis"], list):
        (arguments["axis"],) = arguments["axis"]
    return value


def _without_groups(name: str) -> type:
    """A class that builds a layer of Keras from its arguments in Keras 2 or 3."""
    import keras

    layer = getattr(keras.layers, name)

    def from_config(cls, config):
        return layer.from_config({key: value for key, value in config.items() if key != "groups"})

    return type(name, (layer,), {"from_config": classmethod(from_config)})


# ---------------------------------------------------------------- code


def _refuse_code(config: dict, path: Path) -> None:
    """Refuses classes that are not among those that only compute with arrays: others could run code
    or read files on loading, whatever the version of Keras does.

    Raises:
        PoseError: the message names them.
    """
    foreign = list(dict.fromkeys(_foreign(config)))
    if not foreign:
        return
    if set(foreign) <= set(RECORDED):
        raise PoseError(
            f"{path} contains {', '.join(foreign)}: operations of TensorFlow, such as tf.add, that "
            "Keras 2 recorded between its layers and Keras 3 does not have. Build the network with "
            "layers in their place (Add, Rescaling, Reshape), or convert it to a .tflite with the "
            "Keras 2 that saved it"
        )
    what = (
        "a Lambda layer, which contains Python code: loading it would run that code"
        if any(name in LAMBDAS for name in foreign)
        else f"{', '.join(foreign)}, which may read other files or run code when it is loaded"
    )
    raise PoseError(
        f"{path}: refused, as it contains {what}. Expected a model of Keras's own layers that "
        "compute with arrays. Build the network in a Python file of your own, named by "
        "model.custom_model_path, or save it again without them."
    )


def _foreign(value: Any) -> Iterator[str]:
    """The classes and functions in a configuration that are not allowed."""
    if isinstance(value, dict):
        if "class_name" in value and not _is_allowed(value):
            yield str(value["class_name"])
        value = list(value.values())
    if isinstance(value, list):
        for part in value:
            yield from _foreign(part)


def _is_allowed(described: dict) -> bool:
    name = described["class_name"]
    package = str(described.get("module") or "").partition(".")[0]
    return (
        isinstance(name, str)
        and name in ALLOWED
        and package in ("keras", "tf_keras", "")
        and described.get("registered_name") in (None, name)
    )


def _shortened(error: Exception) -> str:
    text = " ".join(str(error).split())
    return text if len(text) <= LONGEST else text[:LONGEST] + "..."


# ---------------------------------------------------------------- the libraries


def keras_library():
    """The module keras (backend TensorFlow unless KERAS_BACKEND is set), imported without
    TensorFlow's log messages.

    Raises:
        PoseError: if Keras or its backend is not installed.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    try:
        with contextlib.nullcontext() if "keras" in sys.modules else silent_stderr():
            import keras
    except ModuleNotFoundError as error:
        raise missing_package(error, "training") from error
    return keras


def load_tensorflow():
    """The module tensorflow, imported without its log messages.

    Raises:
        PoseError: if it is not installed.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    try:
        with silent_stderr():
            import tensorflow
    except ModuleNotFoundError as error:
        raise missing_package(error, "training") from error
    return tensorflow

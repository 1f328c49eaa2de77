"""Keras, and the files it keeps models in: looked at before they are loaded, so that none runs
code; those of Keras 2 are read as well."""

from __future__ import annotations

import contextlib
import json
import os
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ..errors import PoseError

LAMBDAS = ("Lambda", "__lambda__")
"""Classes that hold Python code, as bytes."""
OWN_MODULES = (
    "activations",
    "constraints",
    "dtype_policies",
    "initializers",
    "layers",
    "models",
    "ops",
    "regularizers",
)
"""The parts of Keras whose objects a model is made of."""
MODELS = ("Functional", "Model", "Sequential")
POLICIES = ("DTypePolicy", "FloatDTypePolicy", "QuantizedDTypePolicy", "QuantizedFloat8DTypePolicy")
"""Which types of numbers a layer computes with; Keras keeps these at its top."""
LONGEST = 300
"""Characters of Keras's own messages, which hold whole configurations, that are passed on."""


def load_keras(path: str | Path):
    """A keras.Model from a .keras or .h5 file, of Keras 3 or of Keras 2, without its optimizer.
    Keras's safe mode stays on.

    Raises:
        PoseError: if the file is not a Keras model, or holds code: a Lambda layer, or a class that
            is not Keras's own.
    """
    path = Path(path)
    keras = keras_library()
    try:
        config = _config_of(path)
        _refuse_code(config, path)
        model = _load_hdf5(path) if path.suffix.lower() == ".h5" else _load_archive(path, config)
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


def _load_hdf5(path: Path):
    import keras

    return keras.models.load_model(
        path, compile=False, safe_mode=True, custom_objects={"DepthwiseConv2D": _older_depthwise()}
    )


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
                    json.dumps(_in_newer_words(config))
                    if name == "config.json"
                    else archive.read(name),
                )
        return keras.models.load_model(newer, compile=False, safe_mode=True)


def _config_of(path: Path) -> dict:
    """The description of a model's layers, without what it was compiled with."""
    if path.suffix.lower() == ".h5":
        import h5py

        with h5py.File(path) as file:
            text = file.attrs["model_config"]
    else:
        with zipfile.ZipFile(path) as archive:
            text = archive.read("config.json")
    config = json.loads(text)
    config.pop("compile_config", None)
    return config


# ---------------------------------------------------------------- files of Keras 2


def _in_newer_words(value: Any) -> Any:
    """A part of a configuration of Keras 2 as Keras 3 has it."""
    if isinstance(value, list):
        return [_in_newer_words(part) for part in value]
    if not isinstance(value, dict):
        return value
    value = {name: _in_newer_words(part) for name, part in value.items()}
    kind, arguments = value.get("class_name"), value.get("config")
    if kind in MODELS:
        value["module"] = (
            "keras.src.models.sequential" if kind == "Sequential" else "keras.src.models.functional"
        )
    if kind == "DepthwiseConv2D":
        arguments.pop("groups", None)
    if kind == "BatchNormalization" and isinstance(arguments["axis"], list):
        (arguments["axis"],) = arguments["axis"]
    return value


def _older_depthwise() -> type:
    """Makes Keras's own DepthwiseConv2D, from arguments of Keras 2 as well."""
    import keras

    class DepthwiseConv2D(keras.layers.DepthwiseConv2D):
        @classmethod
        def from_config(cls, config):
            return keras.layers.DepthwiseConv2D.from_config(
                {name: value for name, value in config.items() if name != "groups"}
            )

    return DepthwiseConv2D


# ---------------------------------------------------------------- code


def _refuse_code(config: dict, path: Path) -> None:
    """Whatever the version of Keras does: loading a Lambda layer runs what it holds, and so may a
    class from elsewhere.

    Raises:
        PoseError: naming what the file holds that is not Keras's own.
    """
    foreign = list(dict.fromkeys(_foreign(config)))
    if not foreign:
        return
    lambdas = [name for name in foreign if name in LAMBDAS]
    what = (
        "a Lambda layer, which holds Python code"
        if lambdas
        else f"{', '.join(foreign)}, which Keras itself does not have"
    )
    raise PoseError(
        f"{path}: refused, as it holds {what}: loading it would run that code. Expected a model "
        "of Keras's own layers. Build the network in a Python file of your own, named by "
        "model.custom_model_path, or save it again with Keras's own layers only."
    )


def _foreign(value: Any) -> Iterator[str]:
    """The classes and functions in a configuration that are not Keras's own."""
    if isinstance(value, dict):
        if "class_name" in value and not _is_own(value):
            yield str(value["class_name"])
        value = list(value.values())
    if isinstance(value, list):
        for part in value:
            yield from _foreign(part)


def _is_own(described: dict) -> bool:
    name = str(described["class_name"])
    package, *parts = str(described.get("module", "")).split(".")
    if (
        name in LAMBDAS
        or name == "function"
        or described.get("registered_name") not in (None, name)
    ):
        return False
    if package not in ("keras", "tf_keras", ""):
        return False
    # With two underscores: tensors, shapes and types
    if name.startswith("__") or name in MODELS + POLICIES:
        return True
    if not package:  # files of Keras 2 may leave it out
        return any(hasattr(getattr(keras_library(), part), name) for part in OWN_MODULES)
    return next((part for part in parts if part not in ("src", "engine")), "") in OWN_MODULES


def _shortened(error: Exception) -> str:
    text = " ".join(str(error).split())
    return text if len(text) <= LONGEST else text[:LONGEST] + "..."


# ---------------------------------------------------------------- the libraries


def keras_library():
    """The module keras, on TensorFlow unless KERAS_BACKEND names another; imported without the
    notes that TensorFlow prints."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    with contextlib.nullcontext() if "keras" in sys.modules else silent_stderr():
        import keras
    return keras


def load_tensorflow():
    """The module tensorflow, imported without the notes about the machine that it prints the first
    time."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    with silent_stderr():
        import tensorflow
    return tensorflow


@contextlib.contextmanager
def silent_stderr():
    """Hides what native libraries print while they start; Python's own errors are raised as
    always."""
    saved, null = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(null, 2)
        yield
    finally:
        os.dup2(saved, 2)
        os.close(saved)
        os.close(null)

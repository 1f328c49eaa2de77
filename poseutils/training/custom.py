"""Custom Python code: a network, or an augmentation, from a file named by a configuration.

The file runs with all rights of the user. A configuration alone cannot run it: whoever starts the
training has to allow it by ``allow_custom_code=true``, on the command line or as a parameter of the
notebook.
"""

from __future__ import annotations

import importlib.util
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import PoseError

if TYPE_CHECKING:
    from ..config import Config

MODEL_FUNCTION = "get_custom_model"


def custom_network(config: Config, keypoints: int):
    """The keras.Model returned by ``get_custom_model(input_shape, nb_keypoints)`` in
    ``model.custom_model_path``.

    Raises:
        PoseError: if custom code is not allowed, fails, or returns anything else.
    """
    import keras

    function = _function(
        config, "model.custom_model_path", config.model.custom_model_path, MODEL_FUNCTION
    )
    network = _guarded(function, f"{MODEL_FUNCTION} of {config.model.custom_model_path}")(
        input_shape=tuple(config.model.input_shape), nb_keypoints=keypoints
    )
    if not isinstance(network, keras.Model):
        raise PoseError(
            f"{MODEL_FUNCTION} of {config.model.custom_model_path} gave a "
            f"{type(network).__name__}; expected a keras.Model"
        )
    return network


def custom_augmentation(config: Config) -> Callable | None:
    """The function of ``custom_data_augmentation``; None if the configuration has none.

    Returns:
        ``augment(images, keypoints)``, which runs in a TensorFlow graph: it calls the custom
        function with (B, H, W, 3) float32 images 0…255, (B, K, 3) keypoints x, y, visibility and
        ``config``, which returns images and keypoints augmented.

    Raises:
        PoseError: if custom code is not allowed, or there is no such function.
    """
    section = config.custom_data_augmentation
    if section is None:
        return None
    function = _function(
        config, "custom_data_augmentation.path", section.path, section.function_name
    )
    guarded = _guarded(function, f"{section.function_name} of {section.path}")
    return lambda images, keypoints: guarded(images, keypoints, section.config)


def _function(config: Config, attribute: str, path: str | None, name: str) -> Callable:
    file = code_file(config, attribute, path)
    function = getattr(_guarded(_run, str(path))(file), name, None)
    if not callable(function):
        raise PoseError(f"{file} has no function {name}, which {attribute} needs")
    return function


def code_file(config: Config, attribute: str, path: str | None) -> Path:
    """The Python file that an attribute of a configuration names, which may be run.

    Raises:
        PoseError: if it is empty, not allowed, missing, or another kind of file.
    """
    if not path:
        raise PoseError(f"{attribute}: empty; give the path of the Python file")
    if not config.allow_custom_code:
        raise PoseError(
            f"{attribute}: {path} is Python code, which runs with all your rights. If you know "
            "its contents, allow it with allow_custom_code=true on the command line or among the "
            "notebook's parameters; a configuration cannot."
        )
    file = config.resolve(path)
    if file.suffix != ".py":
        raise PoseError(
            f"{attribute}: {path} given; expected a Python file, whose name ends in .py"
        )
    return file


def _run(file: Path):
    spec = importlib.util.spec_from_file_location(file.stem, file)
    assert spec is not None and spec.loader is not None  # as for any .py
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _guarded(function: Callable, what: str) -> Callable:
    """The function with its exceptions turned into a PoseError with the line of the file."""

    def call(*arguments, **named):
        try:
            return function(*arguments, **named)
        except (Exception, SystemExit) as error:
            raise PoseError(
                f"{what} failed{_where(error, what)}: {type(error).__name__}: {error}"
            ) from error

    return call


def _where(error: BaseException, what: str) -> str:
    """The line of the custom file at which the error occurred."""
    file = Path(what.rpartition(" of ")[2]).name
    lines = [
        frame.lineno
        for frame in traceback.extract_tb(error.__traceback__)
        if Path(frame.filename).name == file
    ]
    return f" at line {lines[-1]}" if lines else ""

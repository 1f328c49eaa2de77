"""A whole configuration: its sections together, where its paths lead, how it is written to a file."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Any

import yaml
from pydantic import AfterValidator, Field, PlainValidator, PrivateAttr, model_validator

from ..errors import PoseError
from ..files import atomic_path, write_text
from . import names
from .calls import Augmentations, in_the_order_written
from .consistency import inconsistencies
from .document import Dumper
from .section import Section, did_you_mean
from .sections import (
    Benchmarking,
    CustomDataAugmentation,
    DatasetSection,
    Deployment,
    Evaluation,
    General,
    Mlflow,
    Model,
    Postprocessing,
    Prediction,
    Preprocessing,
    Quantization,
    Tools,
    Training,
)
from .values import has_drive

NOT_YET_USED = (
    "postprocessing.plot_metrics",
    "quantization.onnx_extra_options",
    "quantization.export_dir",
    "evaluation.profile",
    "evaluation.input_type",
    "evaluation.output_type",
    "evaluation.input_chpos",
    "evaluation.output_chpos",
    "tools.path_to_cubeIDE",
    "deployment.IDE",
)
"""Attributes that are read and checked but change nothing; whoever sets one is told."""
NOT_NEEDED = ("ModelCheckpoint", "CSVLogger", "TensorBoard", "BackupAndRestore", "TerminateOnNaN")
"""Callbacks without effect: the best weights and the history are always kept, and a network that gives NaN always ends a training."""
PATHS = (
    "model.model_path",
    "model.custom_model_path",
    "dataset.training_path",
    "dataset.validation_path",
    "dataset.test_path",
    "dataset.quantization_path",
    "prediction.test_files_path",
    "training.resume_training_from",
    "tools.stedgeai.path_to_stedgeai",
    "deployment.c_project_path",
    "deployment.label_file_path",
)
"""Attributes that name files or folders to read."""


def services_of(operation_mode: str) -> list[str]:
    """The services that an operation mode runs, in order: ``chain_qe`` is quantize, then evaluate.

    Raises:
        ValueError: if the mode is neither a service nor ``chain_`` and letters of services.
    """
    letters = names.MODES.get(operation_mode) or operation_mode.removeprefix("chain_")
    if operation_mode not in names.MODES and (letters == operation_mode or not letters or set(letters) - set(names.SERVICES)):
        meaning = ", ".join(f"{letter} {service}" for letter, service in names.SERVICES.items())
        raise ValueError(
            f"one of {', '.join(names.MODES)}, or chain_ and letters of {meaning}, such as chain_tqe"
            f"{did_you_mean(operation_mode, tuple(names.MODES))}"
        )
    return [names.SERVICES[letter] for letter in letters]


def _known_mode(mode: str) -> str:
    services_of(mode)
    return mode


class Config(Section):
    """A whole configuration. Paths are kept as written; :meth:`resolve` finds them."""

    operation_mode: Annotated[str, AfterValidator(_known_mode)] | None = None
    general: General = General()
    model: Model = Field({}, validate_default=True)
    dataset: DatasetSection = DatasetSection()
    preprocessing: Preprocessing = Preprocessing()
    data_augmentation: Annotated[dict[str, dict], PlainValidator(in_the_order_written(Augmentations))] = {}
    custom_data_augmentation: CustomDataAugmentation | None = None
    training: Training = Training()
    mlflow: Mlflow = Mlflow()
    postprocessing: Postprocessing = Postprocessing()
    quantization: Quantization = Quantization()
    evaluation: Evaluation = Evaluation()
    prediction: Prediction = Prediction()
    tools: Tools = Tools()
    benchmarking: Benchmarking = Benchmarking()
    deployment: Deployment = Deployment()

    _folder: Path = PrivateAttr(default_factory=Path.cwd)
    _allow_custom_code: bool = PrivateAttr(default=False)
    _ignored: list[str] = PrivateAttr(default_factory=list)

    @model_validator(mode="after")
    def _usual_keypoints(self) -> Config:
        if self.dataset.keypoints is None:
            names_given = self.dataset.keypoint_names
            self.dataset.keypoints = len(names_given) if names_given else names.USUAL_KEYPOINTS[self.model.model_type]
        return self

    @property
    def ignored(self) -> list[str]:
        """What was given but is not used."""
        return self._ignored

    @property
    def allow_custom_code(self) -> bool:
        """Whether Python files that the configuration names may be run; whoever loaded it said so, never the file."""
        return self._allow_custom_code

    def inconsistencies(self) -> list[str]:
        """A line for each attribute that is right in itself, but not beside the others."""
        return inconsistencies(self)

    def resolve(self, path: str) -> Path:
        """An existing file or folder: looked for from the configuration file's folder, then from the current one.

        Raises:
            PoseError: if it is in neither; the message says where it was looked for.
        """
        tried = list(dict.fromkeys((folder / _expanded(path)).absolute() for folder in (self._folder, Path.cwd())))
        for candidate in tried:
            if _exists(candidate):
                return candidate
        foreign = (
            " It has a drive letter, as on Windows; write where it is on this computer." if has_drive(path) and os.name != "nt" else ""
        )
        raise PoseError(f"{path}: no such file or folder; looked for {' and '.join(map(str, tried))}.{foreign}")

    def quantized_model(self) -> str:
        """The file beside ``model.model_path`` of the same name and ``_int8.tflite``; ``model.model_path`` itself if there is none."""
        path = self.model.model_path or ""
        beside = Path(path).with_suffix("").as_posix() + "_int8.tflite"
        return beside if path and any(_exists(folder / beside) for folder in (self._folder, Path.cwd())) else path

    def run_folder(self, run_dir: str | Path, service: str) -> Path:
        """The folder that a service writes into, made if it is not there: ``run_dir``, or ``runs/<service>`` beside the file.

        Raises:
            PoseError: if it cannot be made or written to.
        """
        folder = (Path(run_dir).expanduser() if run_dir else self._folder / "runs" / service).absolute()
        with atomic_path(folder / ".writable"):
            pass
        (folder / ".writable").unlink()
        return folder

    def destination(self, path: str) -> Path:
        """Where a file that is to be written goes: from the configuration file's folder."""
        return (self._folder / _expanded(path)).absolute()

    def tracking_uri(self) -> str | None:
        """``mlflow.uri`` as MLflow takes it from any folder: an address, or a folder as ``file://``."""
        uri = self.mlflow.uri
        elsewhere = not uri or uri == "databricks" or (":" in uri and not has_drive(uri))
        return uri if elsewhere else self.destination(uri).as_uri()

    def without_effect(self) -> list[str]:
        """The attributes given a value other than the default that no service uses yet."""
        defaults = Config(model={"model_type": self.model.model_type})
        callbacks = [f"training.callbacks.{name}" for name in self.training.callbacks if name in NOT_NEEDED]
        return [name for name in NOT_YET_USED if _attribute(self, name) != _attribute(defaults, name)] + callbacks

    def save(self, path: str | Path) -> Path:
        """Writes the configuration as it is used: every default filled in, paths absolute, what has no effect left out."""
        values = self.model_dump(mode="json")
        for name in NOT_YET_USED:
            section, attribute = _parent(values, name)
            del section[attribute]
        for name in PATHS:
            section, attribute = _parent(values, name)
            section[attribute] = self._absolute(name, section[attribute])
        if self.training.trained_model_path:
            values["training"]["trained_model_path"] = str(self.destination(self.training.trained_model_path))
        values["mlflow"]["uri"] = self.tracking_uri()
        if self.custom_data_augmentation:
            values["custom_data_augmentation"]["path"] = self._absolute("", self.custom_data_augmentation.path)
        for name in NOT_NEEDED:
            values["training"]["callbacks"].pop(name, None)
        text = yaml.dump(values, Dumper=Dumper, sort_keys=False, default_flow_style=None, allow_unicode=True, width=140)
        return write_text(path, "# The configuration as it was used: overrides applied, every default filled in.\n" + text)

    def _absolute(self, name: str, path: str | None) -> str | None:
        """An absolute path, so that the saved file means the same from any folder; a model may also be a URL or a zoo name."""
        if path is None:
            return None
        try:
            return str(self.resolve(path))
        except PoseError:
            is_elsewhere = name == "model.model_path" and ("://" in path or "/" not in path)
            return path if is_elsewhere or has_drive(path) else str((self._folder / _expanded(path)).absolute())


def _expanded(path: str) -> Path:
    try:
        return Path(path).expanduser()
    except RuntimeError:  # no such user
        return Path(path)


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except (OSError, ValueError):  # too long for a name, or not to be looked into
        return False


def _attribute(value: Any, name: str) -> Any:
    for part in name.split("."):
        value = getattr(value, part)
    return value


def _parent(values: dict, name: str) -> tuple[dict, str]:
    *sections, attribute = name.split(".")
    for section in sections:
        values = values[section]
    return values, attribute

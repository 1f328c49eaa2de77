"""A whole configuration: its sections, the resolution of its paths, and saving it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from glob import escape
from itertools import chain, count
from pathlib import Path
from typing import Annotated

import yaml
from pydantic import AfterValidator, Field, PlainValidator, PrivateAttr, model_validator

from ..errors import PoseError
from ..files import METRICS, atomic_path, write_text
from . import names
from .calls import NOT_NEEDED, Augmentations, in_the_order_written
from .document.document import Dumper
from .document.environment import Environment
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
    "tools.stedgeai.path_to_loader",
    "deployment.c_project_path",
    "deployment.label_file_path",
)
"""Attributes that name files or folders to read."""


WHY_IGNORED = {
    "hydra": "a run's folder is named by general.project_name and the time",
    "model.framework": "all networks for poses are tf",
    "training.trainer_name": "there is one trainer",
    "postprocessing.plot_metrics": "the notebooks always show their figures",
    "quantization.export_dir": "files are in the run's folder",
    "tools.path_to_cubeIDE": "the exported folder has its own Makefile and CMakeLists.txt",
    "deployment.hardware_setup.serie": "the board tells it",
    "deployment.IDE": "the exported folder builds with any",
    "model.model_path": "an override asks for a new network, by its name, width or weights",
}
WHY_IGNORED |= {f"training.callbacks.{name}": "always done" for name in NOT_NEEDED}
"""Attributes and sections that change nothing."""


def services_of(operation_mode: str) -> list[str]:
    """The services that an operation mode runs, in order: ``chain_qe`` is quantize, then evaluate.

    Raises:
        ValueError: if the mode is neither a service nor ``chain_`` and letters of services.
    """
    letters = names.MODES.get(operation_mode) or operation_mode.removeprefix("chain_")
    if operation_mode not in names.MODES and (
        letters == operation_mode or not letters or set(letters) - set(names.SERVICES)
    ):
        meaning = ", ".join(f"{letter} {service}" for letter, service in names.SERVICES.items())
        raise ValueError(
            f"one of {', '.join(names.MODES)}, or chain_ and letters of {meaning}, such as "
            f"chain_tqe{did_you_mean(operation_mode, tuple(names.MODES))}"
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
    data_augmentation: Annotated[
        dict[str, dict], PlainValidator(in_the_order_written(Augmentations))
    ] = {}
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
    _environment: Environment = PrivateAttr(default_factory=Environment)

    @model_validator(mode="after")
    def _usual_keypoints(self) -> Config:
        if self.dataset.keypoints is None:
            names_given = self.dataset.keypoint_names
            self.dataset.keypoints = (
                len(names_given) if names_given else names.USUAL_KEYPOINTS[self.model.model_type]
            )
        return self

    @property
    def ignored(self) -> list[str]:
        """The attributes and sections that were given but have no effect."""
        return self._ignored

    @property
    def ignored_and_why(self) -> list[str]:
        """The same, each with the reason."""
        return [f"{name} ({WHY_IGNORED[name]})" for name in self._ignored]

    @property
    def allow_custom_code(self) -> bool:
        """Whether Python files that the configuration names may be run: a decision of the caller,
        never of the file."""
        return self._allow_custom_code

    @property
    def environment(self) -> Environment:
        """What came from variables of the environment, to be kept out of what is written."""
        return self._environment

    def resolve(self, path: str) -> Path:
        """An existing file or folder, relative to the configuration file's folder or else to the
        current one.

        Raises:
            PoseError: if it is in neither; the message lists both places.
        """
        tried = list(
            dict.fromkeys(
                (folder / _expanded(path)).absolute() for folder in (self._folder, Path.cwd())
            )
        )
        for candidate in tried:
            if _exists(candidate):
                return candidate
        foreign = ""
        if has_drive(path) and os.name != "nt":
            foreign = " It has a drive letter, as on Windows; write where it is on this computer."
        raise PoseError(
            f"{path}: no such file or folder; looked for {' and '.join(map(str, tried))}."
            f"{foreign}{_of_other_types(tried)}{self._not_in_the_zoo(path)}"
        )

    def _not_in_the_zoo(self, path: str) -> str:
        """A sentence on the zoo, where a missing path may be a misspelled name of a model."""
        is_name = path == self.model.model_path and Path(path).name == path
        if not is_name or Path(path).suffix:
            return ""
        return " Nor has the zoo a model of that name: python -m poseutils zoo lists them."

    def quantized_model(self) -> str:
        """The file beside ``model.model_path`` of the same name and ``_int8.tflite``;
        ``model.model_path`` itself if there is none."""
        path = self.model.model_path or ""
        beside = Path(path).with_suffix("").as_posix() + "_int8.tflite"
        if path and any(_exists(folder / beside) for folder in (self._folder, Path.cwd())):
            return beside
        return path

    def run_folder(self, run_dir: str | Path, service: str) -> Path:
        """The folder that a service writes into, created if missing: ``run_dir``, or below ``runs``
        beside the file ``<service>``, ``<service>-2`` and so on, the first in which no run was
        finished.

        Raises:
            PoseError: if it cannot be created or written to.
        """
        if run_dir:
            folder = Path(run_dir).expanduser().absolute()
        else:
            names = chain([service], (f"{service}-{number}" for number in count(2)))
            folders = (self._folder.absolute() / "runs" / name for name in names)
            folder = next(folder for folder in folders if not (folder / METRICS).exists())
        with atomic_path(folder / ".writable"):
            pass
        (folder / ".writable").unlink()
        return folder

    def destination(self, path: str) -> Path:
        """The absolute path of a file to write, relative to the configuration file's folder."""
        return (self._folder / _expanded(path)).absolute()

    def tracking_uri(self) -> str | None:
        """``mlflow.uri`` as MLflow takes it from any folder: an address, or a folder as
        ``file://``."""
        uri = self.mlflow.uri
        if not uri or uri == "databricks" or (":" in uri and not has_drive(uri)):
            return uri
        return self.destination(uri).as_uri()

    def without_effect(self) -> list[str]:
        """The attributes given a value other than the default that change nothing."""
        defaults = Config.model_validate({"model": {"model_type": self.model.model_type}})
        callbacks = [
            f"training.callbacks.{name}" for name in self.training.callbacks if name in NOT_NEEDED
        ]
        return [*_changed_without_effect(self, defaults), *callbacks]

    def save(self, path: str | Path) -> Path:
        """Writes the configuration as it is used: every default filled in, paths absolute, without
        attributes that have no effect; what came from the environment as references to it."""
        values = self.model_dump(mode="json")
        for name in PATHS:
            section, attribute = _parent(values, name)
            section[attribute] = self._absolute(name, section[attribute])
        if self.training.trained_model_path:
            values["training"]["trained_model_path"] = str(
                self.destination(self.training.trained_model_path)
            )
        values["mlflow"]["uri"] = self.tracking_uri()
        if self.custom_data_augmentation:
            values["custom_data_augmentation"]["path"] = self._absolute(
                "", self.custom_data_augmentation.path
            )
        for name in NOT_NEEDED:
            values["training"]["callbacks"].pop(name, None)
        self._environment.restore(values, self._folder)
        text = yaml.dump(
            values,
            Dumper=Dumper,
            sort_keys=False,
            default_flow_style=None,
            allow_unicode=True,
            width=140,
        )
        return write_text(
            path,
            "# The configuration as it was used: overrides applied, every default filled in.\n"
            + text,
        )

    def _absolute(self, name: str, path: str | None) -> str | None:
        """An absolute path, so that the saved file means the same from any folder; a model may also
        be a URL or a zoo name."""
        if path is None:
            return None
        try:
            return str(self.resolve(path))
        except PoseError:
            is_elsewhere = name == "model.model_path" and ("://" in path or "/" not in path)
            if is_elsewhere or has_drive(path):
                return path
            return str((self._folder / _expanded(path)).absolute())


def _of_other_types(paths: list[Path]) -> str:
    """The files of the same name and another suffix: some of ST's files name a .tflite where there
    is an .onnx."""
    found = [
        file
        for path in paths
        if _exists(path.parent)
        for file in sorted(path.parent.glob(f"{escape(path.stem)}.*"))
    ]
    return f" There is {' and '.join(map(str, found))}." if found else ""


def _expanded(path: str) -> Path:
    try:
        return Path(path).expanduser()
    except RuntimeError:  # no such user
        return Path(path)


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except (OSError, ValueError):  # too long for a file name, or in a folder without permission
        return False


def _changed_without_effect(section: Section, defaults: Section, above: str = "") -> Iterator[str]:
    for name, field in type(section).model_fields.items():
        given, default = getattr(section, name), getattr(defaults, name)
        if field.exclude and given != default:
            yield above + name
        elif isinstance(given, Section) and isinstance(default, Section):
            yield from _changed_without_effect(given, default, f"{above}{name}.")


def _parent(values: dict, name: str) -> tuple[dict, str]:
    *sections, attribute = name.split(".")
    for section in sections:
        values = values[section]
    return values, attribute

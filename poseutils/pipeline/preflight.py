"""``check``, the preflight: what a configuration would run, on which data, and every problem,
without running anything.

It reads labels as a run does, but of images only the sizes, and those only of some if there are
many.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from ..config import Config, read_config, services_of
from ..config.names import CUSTOM_MODELS
from ..config.problems import cannot_flip
from ..datasets import Dataset, configured_dataset, training_datasets
from ..datasets.configured import own_splits
from ..errors import PoseError
from ..images import find_images
from ..models.networks.keras_files import SUFFIXES as TRAINABLE
from ..models.networks.precision import computes_in_float, quantize_first, size_of_file
from ..models.zoo import ZOO, cache_folder, known_sha256, name_of, unconfirmed
from ..prediction import is_video, open_video
from ..training.checkpoint import find_checkpoint
from ..training.custom import code_file
from ..training.losses import check_loss
from ..training.networks.architectures import check_network, check_start, has_width
from ..training.networks.head import channels_of, check_head, new_head, read_layers
from .runner import find_notebooks, missing_model

MODEL_SUFFIXES = (*TRAINABLE, ".tflite", ".onnx")
DATASETS = {
    "train": (("training_path",), ("validation_path", "")),
    "evaluate": (("test_path", "validation_path", "training_path"),),
    "quantize": (("quantization_path", "training_path"),),
}
"""The data that each service reads: the first of these attributes that is given; an empty name
marks optional data."""


@dataclass
class Check:
    """The result of a preflight check.

    Attributes:
        lines: a summary of what would run, and on which data.
        problems: a message for each problem; empty if the configuration can run.
    """

    lines: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


def check(
    path: str | Path, overrides: Iterable[str] = (), allow_custom_code: bool = False
) -> Check:
    """Checks everything that a run of this configuration needs.

    Args:
        path, overrides, allow_custom_code: as for :func:`poseutils.load_config`.

    Raises:
        PoseError: if the file cannot be read at all.
    """
    config, problems = read_config(path, overrides, allow_custom_code)
    result = Check(problems=problems)
    services = services_of(config.operation_mode) if config.operation_mode else []
    if not services and not any(line.startswith("operation_mode") for line in problems):
        result.problems.append(
            "operation_mode: missing. Add a line such as 'operation_mode: chain_tqe', or give it "
            "on the command line."
        )
    result.lines.append(
        f"{Path(path).name}: {config.operation_mode or 'nothing'}, "
        f"{_count(len(services), 'notebook')}"
    )
    for number, service in enumerate(services, 1):
        result.lines.append(f"  {number}  {service:<10} {_task(config, service)}")
    _attempt(result, "", find_notebooks, services)
    for check_part in (_check_model, _check_datasets, _check_training, _check_port):
        check_part(config, services, result)
    if config.ignored:
        result.lines.append(f"ignored: {', '.join(config.ignored_and_why)}")
    _check_targets(config, services, result)
    _check_programs(config, services, result)
    result.problems = list(dict.fromkeys(result.problems))
    return result


def _task(config: Config, service: str) -> str:
    model, training, quantization = config.model, config.training, config.quantization
    epochs = f"{_count(training.epochs, 'epoch')}, batch size {training.batch_size}"
    types = (
        f"{quantization.quantization_input_type} in, {quantization.quantization_output_type} out"
    )
    tasks = {
        "train": f"{model.model_name}, {epochs}, {next(iter(training.optimizer))}",
        "quantize": f"{quantization.granularity}, {types}",
        "benchmark": config.benchmarking.board,
        "deploy": config.deployment.hardware_setup.board,
    }
    return tasks.get(service, f"{model.model_type}, {config.dataset.keypoints} keypoints")


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"


# ---------------------------------------------------------------- the model


def _check_model(config: Config, services: list[str], result: Check) -> None:
    path = config.model.model_path
    if not path:
        if missing := missing_model(config, services):
            result.problems.append(missing)
        result.lines.append(
            "model.model_path: empty"
            + ("; training starts from scratch" if "train" in services else "")
        )
        return
    try:
        found, suffix = _model(config, path)
        result.lines.append(f"model.model_path: {path}: {found}")
    except PoseError as error:
        result.problems.append(f"model.model_path: {error}")
        return
    first = next((service for service in services if service in ("train", "quantize")), None)
    if suffix not in MODEL_SUFFIXES:
        result.problems.append(
            f"model.model_path: {path} given; expected a file that ends in "
            f"{', '.join(MODEL_SUFFIXES)}"
        )
    elif first and suffix not in TRAINABLE:
        result.problems.append(
            f"model.model_path: {path} given; {first} starts from a float network, "
            f"{' or '.join(TRAINABLE)}"
        )
    elif "deploy" in services and not first:
        _attempt(result, "", _check_deployed, config)


def _model(config: Config, path: str) -> tuple[str, str]:
    """A description of a model, and the suffix of its file."""
    path = name_of(path)
    if path in ZOO:
        return _published(path), Path(ZOO[path].file).suffix
    file = config.resolve(path)
    if file.is_dir():
        raise PoseError(
            f"{path} given, a folder; expected a file that ends in {', '.join(MODEL_SUFFIXES)}"
        )
    return f"{size_of_file(file) / 1e6:.1f} MB", file.suffix.lower()


def _check_deployed(config: Config) -> None:
    path = name_of(config.quantized_model())
    if path not in ZOO and computes_in_float(config.resolve(path)):
        raise PoseError(
            f"model.model_path: {path} given, which computes in floating point; deploy needs a "
            f"quantized .tflite or .onnx. {quantize_first(Path(path), 'chain_qd')}"
        )


def _published(name: str) -> str:
    folder, entry = cache_folder(), ZOO[name]
    if known_sha256(entry) is None:
        raise unconfirmed(entry)
    is_cached = folder.is_dir() and next(folder.rglob(entry.file), None)
    return f"from the zoo, {'downloaded' if is_cached else 'to be downloaded'} ({entry.license})"


# ---------------------------------------------------------------- the data


def _check_datasets(config: Config, services: list[str], result: Check) -> None:
    readers: dict[str, list[str]] = {}
    for service in dict.fromkeys(services):
        for attributes in DATASETS.get(service, ()):
            name = next(
                (name for name in attributes if name and getattr(config.dataset, name)),
                "" if "" in attributes else attributes[0],
            )
            readers.setdefault(name and f"dataset.{name}", []).append(service)
        if service == "predict":
            readers.setdefault("prediction.test_files_path", []).append(service)
    readers.pop("", None)
    if "dataset.training_path" in readers:
        _check_splits(config, result)
    for name, users in readers.items():
        section, attribute = name.split(".")
        path = getattr(getattr(config, section), attribute)
        if any(line.startswith(f"{name}:") for line in result.problems):
            continue  # its problem is listed already
        if not path:
            result.problems.append(
                f"{name}: empty; needed to {' and '.join(users)}: a COCO .json file, or a folder "
                "of images"
            )
            continue
        try:
            result.lines.append(
                f"{name}: {path}: {_data(config, section, attribute, users)}  ({', '.join(users)})"
            )
        except PoseError as error:
            result.problems.append(f"{name}: {error}")


def _check_splits(config: Config, result: Check) -> None:
    """The training, validation and test set that one path names, and their sizes."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # they are listed with the data
            parts = own_splits(config)
    except PoseError as error:
        result.problems.append(f"dataset.training_path: {error}")
    else:
        sizes = ", ".join(f"{name} {_count(len(d), 'image')}" for name, d in parts.items())
        used = f"dataset.training_path: its own splits are used: {sizes}"
        result.lines += [used] if parts else []


def _data(config: Config, section: str, attribute: str, users: list[str]) -> str:
    """A description of the images, or of the dataset, as the services that use it read it, and what
    they warn of.

    Raises:
        PoseError: as a run raises it.
    """
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        if section == "dataset":
            dataset = configured_dataset(config, attribute)
            if not {"train", "evaluate"}.isdisjoint(users):
                _check_labeled(dataset)
            people, classes = sum(map(len, dataset)), dataset.summary().get("classes")
            found = f"{_count(len(dataset), 'image')}, {_count(people, 'annotation')}"
            found += f" ({classes})" if classes else ""
        else:
            found = _images(config.resolve(getattr(config.prediction, attribute)), config)
    return "; ".join([found, *dict.fromkeys(str(warning.message) for warning in caught)])


def _check_labeled(dataset: Dataset) -> None:
    if not any((sample.visibility > 0).any() for sample in dataset):
        count = _count(len(dataset), "image")
        raise PoseError(f"none of its {count} has a person with a labeled keypoint")


def _images(path: Path, config: Config) -> str:
    """A description of images, or of a video."""
    rate = config.prediction.frame_rate
    if not is_video(path, rate):
        return _count(len(find_images(path)), "image")
    video = open_video(path, rate).summary()
    return (
        f"a video, {video['frames']} frames, {video['size']}, {video['frames per second']} a second"
    )


# ---------------------------------------------------------------- the training


def _check_training(config: Config, services: list[str], result: Check) -> None:
    if "train" not in services:
        return
    _check_held_out(config, result)
    model = config.model
    if model.model_name in CUSTOM_MODELS and not model.model_path:
        _check_code(config, "model.custom_model_path", model.custom_model_path, result)
    elif not model.model_path:
        network = (
            model.model_name,
            model.input_shape,
            config.dataset.keypoints,
            model.alpha,
            model.final_activation,
            model.pretrained,
        )
        _attempt(result, "model", check_network, *network)
        if config.training.loss:
            _attempt(result, "", check_loss, *config.training.loss, model.final_activation)
    else:
        _check_start(config, result)
    if "random_flip" in (config.data_augmentation or {}) and config.dataset.training_path:
        _attempt(result, "data_augmentation", _check_flip, config)
    if config.custom_data_augmentation:
        _check_code(
            config, "custom_data_augmentation.path", config.custom_data_augmentation.path, result
        )
    if checkpoint := config.training.resume_training_from:
        _attempt(result, "", lambda: find_checkpoint(config.resolve(checkpoint)))


def _check_start(config: Config, result: Check) -> None:
    """The network that is fine-tuned: whether it takes the input, and has the keypoints."""
    model, keypoints = config.model, config.dataset.keypoints
    path = model.model_path or ""
    try:
        layers = read_layers(config.resolve(path))
    except PoseError:  # listed already
        return
    if layers is None:
        return
    by_name = {given.get("name", ""): given for _, given in layers}
    _attempt(result, "model", check_start, by_name, model.input_shape)
    if "alpha" in model.model_fields_set and not has_width(by_name, model.alpha or 1.0):
        result.lines.append(
            f"model.alpha: {model.alpha:g}: not used, as model.model_path is fine-tuned"
        )
    channels = channels_of(layers)
    if channels is None or keypoints is None or channels == keypoints:
        return
    try:
        check_head(layers, channels, keypoints)
        result.lines.append(f"train: {new_head(path, channels, keypoints)}")
    except PoseError as error:
        result.problems.append(str(error))


def _check_flip(config: Config) -> None:
    try:
        layout = configured_dataset(config, "training_path").layout
    except PoseError:  # listed already
        return
    if not layout.mirror_known:
        raise PoseError(cannot_flip(layout.names))


def _check_held_out(config: Config, result: Check) -> None:
    """What a training warns of: images that are in both of its sets."""
    if not config.dataset.training_path:
        return
    with warnings.catch_warnings(record=True) as caught, suppress(PoseError):  # listed already
        warnings.simplefilter("always")
        training_datasets(config)
    messages = dict.fromkeys(str(warning.message) for warning in caught)
    result.lines += [f"train: {line}" for line in messages if "validation images too" in line]


def _check_port(config: Config, services: list[str], result: Check) -> None:
    targets = {"evaluate": config.evaluation.target, "predict": config.prediction.target}
    needed = "serial" in (targets.get(service) for service in services)
    if needed and not config.deployment.hardware_setup.serial_port:
        result.problems.append(
            "deployment.hardware_setup.serial_port: empty; the target serial needs a port: COM3, "
            "/dev/ttyACM0, or socket://host:port"
        )


def _check_targets(config: Config, services: list[str], result: Check) -> None:
    """What would be said of the tensors that are asked for where they change nothing."""
    from ..deployment.targets import unchanged_tensors

    if "evaluate" in services and {"benchmark", "deploy"}.isdisjoint(services):
        line = unchanged_tensors(config.evaluation, config.evaluation.target, "evaluation")
        result.lines += [line] if line else []
    if "predict" in services:
        line = unchanged_tensors(config.prediction, config.prediction.target, "prediction")
        result.lines += [line] if line else []


def _check_programs(config: Config, services: list[str], result: Check) -> None:
    """A program that is not run is no problem: the services do without."""
    from ..deployment.st.program import find_installation, find_stedgeai
    from ..deployment.targets import NEEDS

    targets = {"evaluate": config.evaluation.target, "predict": config.prediction.target}
    of_st = [targets[name] for name in services if targets.get(name) in NEEDS]
    if not of_st and {"benchmark", "deploy"}.isdisjoint(services):
        return
    program, lines = find_stedgeai(config)
    if of_st:
        installation, lines = find_installation(config)
        if installation is None:
            needs = NEEDS[of_st[0]]
            lines.append(f"target {of_st[0]}: takes {needs}; without, the model runs here")
    result.lines += [line for line in lines if line.startswith(("tools.", "target "))]
    if program is not None:
        result.lines.append(f"{program}: runs with all your rights")


def _attempt(result: Check, section: str, function: Callable, *arguments) -> None:
    """Calls a check that training would make, too; its PoseError becomes a problem."""
    try:
        function(*arguments)
    except PoseError as error:
        result.problems.append(f"{section}.{error}" if section else str(error))


def _check_code(config: Config, attribute: str, path: str | None, result: Check) -> None:
    try:
        code_file(config, attribute, path)
        result.lines.append(f"{attribute}: {path}: runs with all your rights, as allowed")
    except PoseError as error:
        result.problems.append(str(error))

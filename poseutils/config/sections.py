"""The sections of user_config.yaml as types: one class a section, one field an attribute, with its default."""

from __future__ import annotations

from collections.abc import Callable
from difflib import get_close_matches
from typing import Annotated, Any, Literal

from pydantic import AliasChoices, BaseModel, ConfigDict, Field, PlainValidator, create_model, model_validator

from . import names
from .values import Amount, Count, Flag, Fraction, Integer, Number, Positive, Shape, Split, loosely


class Section(BaseModel):
    """Refuses attributes that it does not know; one that is left empty has its default."""

    model_config = ConfigDict(
        extra="forbid", coerce_numbers_to_str=True, protected_namespaces=(), validate_by_name=True, validate_by_alias=True
    )

    @model_validator(mode="before")
    @classmethod
    def _empty_means_default(cls, given: Any) -> Any:
        if not isinstance(given, dict):
            return {} if given is None else given
        known = attributes_of(cls)
        return {name: value for name, value in given.items() if value is not None or name not in known}


def attributes_of(section: type[Section]) -> list[str]:
    """The names that may stand in a section, as a user writes them."""
    aliases = [field.validation_alias for field in section.model_fields.values() if isinstance(field.validation_alias, AliasChoices)]
    return list(dict.fromkeys([*section.model_fields, *(name for alias in aliases for name in alias.choices)]))


class General(Section):
    project_name: Annotated[str, Field(pattern=r"^\w[\w .+-]{0,63}$")] = "pose_estimation"
    num_threads_tflite: Count | None = None
    global_seed: Integer = 123
    logs_dir: str | None = None
    saved_models_dir: str | None = None
    deterministic_ops: Flag = False
    display_figures: Flag = True
    gpu_memory_limit: Positive | None = None


class Model(Section):
    model_type: Literal[names.MODEL_TYPES]
    model_name: Literal["st_movenet_lightning_heatmaps", "st_movenet_lightning_a100_heatmaps", "custom_models", "custom"] = (
        "st_movenet_lightning_heatmaps"
    )
    model_path: str | None = None
    alpha: Positive = 1.0
    input_shape: Shape = (192, 192, 3)
    final_activation: Literal["sigmoid", "softmax"] = "sigmoid"
    pretrained: Flag = False


class DatasetSection(Section):
    dataset_name: str | None = Field(None, validation_alias=AliasChoices("dataset_name", "name"))
    keypoints: Count | None = None
    oks_sigmas: Positive | list[Positive] | None = None
    class_names: list[str] = ["person"]
    training_path: str | None = None
    validation_path: str | None = None
    validation_split: Split = 0.2
    test_path: str | None = None
    quantization_path: str | None = None
    quantization_split: Split | None = None
    seed: Integer = 123


class Rescaling(Section):
    scale: Number = 1 / 127.5
    offset: Number = -1.0


class Resizing(Section):
    interpolation: Literal[names.INTERPOLATIONS] = "bilinear"
    aspect_ratio: Literal["fit", "padding", "crop", "full_screen"] = "fit"


class Preprocessing(Section):
    rescaling: Rescaling = Rescaling()
    resizing: Resizing = Resizing()
    color_mode: Literal["rgb", "bgr", "grayscale", "rgba"] = "rgb"


def _augmentation(name: str) -> type[Section]:
    choices = {parameter: Literal[words] for parameter, words in names.AUGMENTATION_CHOICES.items()}
    fields = {parameter: (choices.get(parameter, Amount), None) for parameter in names.AUGMENTATIONS[name]}
    return create_model(name, __base__=Section, **fields)


Augmentations = create_model(
    "Augmentations", __base__=Section, **{name: (section, None) for name in names.AUGMENTATIONS for section in [_augmentation(name)]}
)


def in_the_order_written(given: Any) -> Any:
    if isinstance(given, dict):
        given = {name: {} if value is None else value for name, value in given.items()}
    checked = Augmentations.model_validate(given)
    return {name: getattr(checked, name).model_dump(exclude_unset=True) for name in given or {}}


def _calls(known: tuple[str, ...], exactly: int | None = None) -> Callable[[Any], dict]:
    """Makes the check of a mapping of known names to arguments."""

    def check(given: Any) -> dict:
        if not isinstance(given, dict):
            raise ValueError(f"a name and its arguments, such as {known[0]}: {{...}}")
        for name, arguments in given.items():
            if name not in known:
                raise ValueError(f"one of {', '.join(known)}{did_you_mean(name, known)}")
            if not isinstance(arguments, (dict, type(None))):
                raise ValueError(f"the arguments of {name} by name")
        if exactly is not None and len(given) != exactly:
            raise ValueError(f"{exactly} name with its arguments")
        return {name: loosely(arguments or {}) for name, arguments in given.items()}

    return check


def did_you_mean(word: str, known: list[str] | tuple[str, ...]) -> str:
    """``; did you mean 'x'?`` for the nearest known word, whatever its case, or nothing if none is near."""
    by_lower = {name.lower(): name for name in known}
    nearest = get_close_matches(str(word).lower(), by_lower, n=1)
    return f"; did you mean '{by_lower[nearest[0]]}'?" if nearest else ""


class Training(Section):
    batch_size: Count = 32
    epochs: Count = 100
    optimizer: Annotated[dict[str, dict], PlainValidator(_calls(names.OPTIMIZERS, exactly=1))] = {"Adam": {"learning_rate": 0.001}}
    callbacks: Annotated[dict[str, dict], PlainValidator(_calls(names.CALLBACKS))] = {}
    dropout: Fraction | None = None
    frozen_layers: str | None = None
    resume_training_from: str | None = None
    trained_model_path: str | None = None


class Postprocessing(Section):
    kpts_conf_thresh: Fraction = 0.15
    confidence_thresh: Fraction | None = None
    NMS_thresh: Fraction = 0.5
    max_detection_boxes: Count = 100
    NMS_measure: Literal[names.NMS_MEASURES] = "iou"
    max_candidate_boxes: Count = 1024
    refine: Literal[names.REFINEMENTS] = "dark"
    plot_metrics: Flag = False

    @property
    def thresholds(self) -> dict[str, Any]:
        """The fields of :class:`poseutils.decoders.Thresholds`, by its names for them; the confidence only if the user gives one,
        as the usual one depends on the model and on what is done with it."""
        given = {} if self.confidence_thresh is None else {"confidence": self.confidence_thresh}
        return given | {
            "nms_iou": self.NMS_thresh,
            "max_detections": self.max_detection_boxes,
            "nms_measure": self.NMS_measure,
            "max_candidates": self.max_candidate_boxes,
            "refine": self.refine,
        }


class Quantization(Section):
    quantizer: Literal["TFlite_converter", "onnx_quantizer"] = "TFlite_converter"
    quantization_type: Literal["PTQ"] = "PTQ"
    quantization_input_type: Literal["uint8", "int8", "float"] = "uint8"
    quantization_output_type: Literal["float", "uint8", "int8"] = "float"
    granularity: Literal["per_channel", "per_tensor"] = "per_channel"
    optimize: Flag = False
    export_dir: str | None = None


class Evaluation(Section):
    target: Literal["host", "stedgeai_host", "stedgeai_n6"] = "host"
    gen_npy_input: Flag = False
    gen_npy_output: Flag = False
    npy_in_name: str | None = None
    npy_out_name: str | None = None


class Prediction(Section):
    test_files_path: str | None = None
    target: Literal["host", "stedgeai_host", "stedgeai_n6"] = "host"


class StEdgeAi(Section):
    version: str | None = None
    optimization: Literal["balanced", "time", "ram"] = "balanced"
    on_cloud: Flag = False
    path_to_stedgeai: str | None = None


class Tools(Section):
    stedgeai: StEdgeAi = StEdgeAi()
    path_to_cubeIDE: str | None = None


class Benchmarking(Section):
    board: Literal[names.BOARDS] = "STM32N6570-DK"


class HardwareSetup(Section):
    serie: str = "STM32N6"
    board: Literal[names.BOARDS] = "STM32N6570-DK"
    stlink_serial_number: str | None = None
    ip_address: str | None = None


class Deployment(Section):
    hardware_setup: HardwareSetup = HardwareSetup()
    c_project_path: str | None = None
    IDE: str = "GCC"
    verbosity: Integer = 1
    label_file_path: str | None = None
    board_deploy_path: str | None = None

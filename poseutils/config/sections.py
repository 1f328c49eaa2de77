"""The sections of user_config.yaml as types: a class for each section, a field with its default for
each attribute.

A field with ``exclude=True`` is accepted, as files of ST's model zoo have it, but changes nothing:
loading warns of it, and it is not saved.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    AliasChoices,
    BeforeValidator,
    Field,
    PlainValidator,
    model_validator,
)

from ..keypoints import MAX_KEYPOINTS
from . import names
from .arithmetic import numbers_evaluated
from .calls import Callbacks, Losses, Optimizers, in_the_order_written, onnx_options
from .section import Section
from .values import (
    Count,
    FileName,
    FilePath,
    Flag,
    Fraction,
    Index,
    Inside,
    Integer,
    Margin,
    Number,
    Pairs,
    Positive,
    Shape,
    Split,
    Text,
    sequence,
)


class General(Section):
    project_name: FileName = "pose_estimation"
    num_threads_tflite: Annotated[Count, Field(le=256)] | None = None
    global_seed: Integer = 123
    logs_dir: Inside | None = None
    saved_models_dir: Inside | None = None
    deterministic_ops: Flag = False
    display_figures: Flag = True
    gpu_memory_limit: Positive | None = None


def _tensorflow(framework: str) -> str:
    if framework != "tf":
        raise ValueError("tf; torch is for other use cases of ST's model zoo, not for poses")
    return framework


class Model(Section):
    framework: Annotated[str, AfterValidator(_tensorflow)] = Field(default="tf", exclude=True)
    model_type: names.ModelType
    model_name: names.ModelName = "st_movenet_lightning_heatmaps"
    model_path: FilePath | None = None
    custom_model_path: FilePath | None = None
    alpha: Positive | None = None
    input_shape: Shape = (192, 192, 3)
    final_activation: Literal["sigmoid", "softmax"] = "sigmoid"
    pretrained: Flag = False
    upsampling: Literal["bilinear", "nearest"] = "bilinear"

    @model_validator(mode="after")
    def _usual_alpha(self) -> Model:
        if self.alpha is None:
            self.alpha = names.USUAL_ALPHA.get(self.model_name, 1.0)
            self.model_fields_set.discard("alpha")  # a default, not given
        return self


class DatasetSection(Section):
    dataset_name: Text | None = Field(
        default=None, validation_alias=AliasChoices("dataset_name", "name")
    )
    keypoints: Annotated[Count, Field(le=MAX_KEYPOINTS)] | None = None
    keypoint_names: list[Text] | None = None
    skeleton: Pairs | None = None
    mirror: Annotated[list[Index], BeforeValidator(sequence)] | None = None
    oks_sigmas: Positive | Annotated[list[Positive], BeforeValidator(sequence)] | None = None
    class_names: list[Text] | None = None
    training_path: FilePath | None = None
    validation_path: FilePath | None = None
    validation_split: Split = 0.2
    test_path: FilePath | None = None
    quantization_path: FilePath | None = None
    quantization_split: Split | None = None
    seed: Integer = 123


class Rescaling(Section):
    scale: Number = 1 / 127.5
    offset: Number = -1.0


class Resizing(Section):
    interpolation: names.Interpolation = "bilinear"
    aspect_ratio: names.AspectRatio = "fit"


class Preprocessing(Section):
    rescaling: Rescaling = Rescaling()
    resizing: Resizing = Resizing()
    color_mode: Literal["rgb", "bgr", "grayscale", "rgba"] = "rgb"


class CustomDataAugmentation(Section):
    function_name: Annotated[str, Field(pattern=r"^[A-Za-z_]\w*$")]
    path: FilePath
    config: Annotated[dict[str, Any], AfterValidator(numbers_evaluated)] = {}


_PART = r"\s*(-?\d+|(-?\d+)?\s*:\s*(-?\d+)?(\s*:\s*(-?[1-9]\d*)?)?)\s*"
Layers = Annotated[str, Field(pattern=rf"^({_PART}(,{_PART})*|\({_PART}(,{_PART})*\))$")]
"""Indices and slices of layers as in Python, such as ``(0:154)``, ``-1``, ``(7:13, 16, -2:)``."""


class Training(Section):
    batch_size: Count = 32
    epochs: Count = 100
    optimizer: Annotated[
        dict[str, dict], PlainValidator(in_the_order_written(Optimizers, exactly_one=True))
    ] = {"Adam": {"learning_rate": 0.001}}
    loss: (
        Annotated[dict[str, dict], PlainValidator(in_the_order_written(Losses, exactly_one=True))]
        | None
    ) = None
    callbacks: Annotated[dict[str, dict], PlainValidator(in_the_order_written(Callbacks))] = {}
    crop_margin: Margin | None = None
    truncated: Fraction | None = None
    dropout: Fraction | None = None
    frozen_layers: Layers | None = None
    mixed_precision: Flag | None = None
    resume_training_from: FilePath | None = None
    trained_model_path: FilePath | None = None
    dryrun: Flag = False
    trainer_name: Text | None = Field(default=None, exclude=True)


class Mlflow(Section):
    uri: FilePath | None = None


class Postprocessing(Section):
    kpts_conf_thresh: Fraction = 0.15
    confidence_thresh: Fraction | None = None
    NMS_thresh: Fraction = 0.5
    max_detection_boxes: Count = 100
    NMS_measure: names.NmsMeasure = "iou"
    max_candidate_boxes: Count = 1024
    refine: names.Refinement = "dark"
    plot_metrics: Flag = Field(default=False, exclude=True)

    @property
    def thresholds(self) -> dict[str, Any]:
        """The fields of :class:`poseutils.decoders.Thresholds`; ``confidence`` only if it was
        given, as its default depends on the model and on the service."""
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
    quantization_input_type: names.EndType = "uint8"
    quantization_output_type: names.EndType = "float"
    granularity: names.Granularity = "per_channel"
    target_opset: Annotated[Integer, Field(ge=13, le=21)] | None = None
    onnx_extra_options: Annotated[dict[str, Any], PlainValidator(onnx_options)] = {}
    optimize: Flag = False
    export_dir: Inside | None = Field(default=None, exclude=True)


class OnTarget(Section):
    """Where a model runs, and its tensors and profile there if ST's compiler makes the network."""

    target: names.Target = "host"
    profile: Text | None = None
    input_type: names.TensorType | None = None
    output_type: names.TensorType | None = None
    input_chpos: names.ChannelPosition | None = None
    output_chpos: names.ChannelPosition | None = None


class Evaluation(OnTarget):
    gen_npy_input: Flag = False
    gen_npy_output: Flag = False
    npy_in_name: FileName | None = None
    npy_out_name: FileName | None = None


class Prediction(OnTarget):
    test_files_path: FilePath | None = None
    frame_rate: Positive | None = None


class StEdgeAi(Section):
    version: Text | None = None
    optimization: Literal["balanced", "time", "ram"] = "balanced"
    on_cloud: Flag = False
    path_to_stedgeai: FilePath | None = None
    path_to_loader: FilePath | None = None


class Tools(Section):
    stedgeai: StEdgeAi = StEdgeAi()
    path_to_cubeIDE: FilePath | None = Field(default=None, exclude=True)


class Benchmarking(Section):
    board: names.BoardName = "STM32N6570-DK"


class HardwareSetup(Section):
    serie: Text = Field(default="STM32N6", exclude=True)
    board: names.BoardName = "STM32N6570-DK"
    output: Literal["UVCL", "SPI"] | None = None
    stlink_serial_number: Text | None = None
    serial_port: Text | None = None
    ip_address: Text | None = None


class Deployment(Section):
    hardware_setup: HardwareSetup = HardwareSetup()
    c_project_path: FilePath | None = None
    IDE: Text = Field(default="GCC", exclude=True)
    verbosity: Integer = 1
    label_file_path: FilePath | None = None
    board_deploy_path: FilePath | None = None

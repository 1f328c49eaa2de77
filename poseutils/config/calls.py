"""What a configuration calls by name with keyword arguments: augmentations, optimizers, losses and
callbacks, and the options of ONNX Runtime's quantizer; one table each."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Annotated, Any

from pydantic import AliasChoices, BeforeValidator, ConfigDict, Field, create_model

from .arithmetic import Expression
from .names import INTERPOLATIONS
from .section import Section
from .values import (
    Count,
    Epochs,
    Flag,
    Fraction,
    Index,
    Integer,
    Number,
    Positive,
    Rates,
    Sizes,
    Text,
    Weights,
    number_from,
    one_of,
    range_from,
)

ANY = range_from()
ABOVE_ZERO = range_from(0)
RATE = number_from(0)

_INTERPOLATION = one_of("bilinear", "nearest")  # of a warp
_GEOMETRIC = {
    "fill_mode": one_of("constant", "nearest", "reflect", "wrap"),
    "fill_value": Number,
    "interpolation": _INTERPOLATION,
}
_CROP = {
    "crop_center_x": range_from(0, 1),
    "crop_center_y": range_from(0, 1),
    "crop_width": range_from(0.01, 1),
    "crop_height": range_from(0.01, 1),
}
_SHEAR = range_from(-0.24, 0.24)
_ZOOM = range_from(-0.99)

# An argument whose name ends in ! is required.
AUGMENTATIONS: dict[str, dict[str, Any]] = {
    "random_contrast": {"factor!": ANY},
    "random_brightness": {"factor!": ANY},
    "random_gamma": {"gamma!": ABOVE_ZERO},
    "random_hue": {"delta!": ANY},
    "random_saturation": {"delta!": ANY},
    "random_value": {"delta!": ANY},
    "random_hsv": {"hue_delta": ANY, "saturation_delta": ANY, "value_delta": ANY},
    "random_rgb_to_hsv": {},
    "random_rgb_to_grayscale": {},
    "random_sharpness": {"factor!": ABOVE_ZERO},
    "random_posterize": {"bits!": range_from(1, 8, whole=True)},
    "random_invert": {},
    "random_solarize": {},
    "random_autocontrast": {"cutoff": number_from(0, 49)},
    "random_blur": {
        "filter_size!": range_from(1, 255, whole=True),
        "padding": one_of("reflect", "constant", "symmetric"),
        "constant_values": Number,
    },
    "random_gaussian_noise": {"stddev!": ABOVE_ZERO, "mode": one_of("image", "batch")},
    "random_jpeg_quality": {"jpeg_quality!": range_from(0, 100, whole=True)},
    "random_crop": {**_CROP, "interpolation": _INTERPOLATION},
    "random_flip": {"mode!": one_of("horizontal", "vertical", "horizontal_and_vertical")},
    "random_translation": {"width_factor!": ANY, "height_factor!": ANY, **_GEOMETRIC},
    "random_rotation": {"factor!": ANY, **_GEOMETRIC},
    "random_shear": {"factor!": _SHEAR, **_GEOMETRIC},
    "random_shear_x": {"factor!": _SHEAR, **_GEOMETRIC},
    "random_shear_y": {"factor!": _SHEAR, **_GEOMETRIC},
    "random_zoom": {"width_factor!": _ZOOM, "height_factor": _ZOOM, **_GEOMETRIC},
    "random_rectangle_erasing": {
        "nrec": range_from(0, 100, whole=True),
        "area": range_from(0, 1),
        "wh_ratio": range_from(0.01, 100),
    },
    "random_periodic_resizing": {
        "image_sizes!": Sizes,
        "period": Count,
        "interpolation": one_of(*INTERPOLATIONS),
    },
}

_EVERY_OPTIMIZER = {
    "learning_rate": Positive,
    "weight_decay": RATE,
    "clipnorm": Positive,
    "clipvalue": Positive,
    "global_clipnorm": Positive,
    "use_ema": Flag,
    "ema_momentum": Fraction,
    "ema_overwrite_frequency": Count,
    "loss_scale_factor": Positive,
    "gradient_accumulation_steps": Count,
    "name": Text,
}
_BETAS = {"beta_1": Fraction, "beta_2": Fraction}
_EPSILON = {"epsilon": Positive}
OPTIMIZERS: dict[str, dict[str, Any]] = {
    "Adam": {**_BETAS, **_EPSILON, "amsgrad": Flag},
    "AdamW": {**_BETAS, **_EPSILON, "amsgrad": Flag},
    "SGD": {"momentum": Fraction, "nesterov": Flag},
    "RMSprop": {"rho": Fraction, "momentum": Fraction, **_EPSILON, "centered": Flag},
    "Adadelta": {"rho": Fraction, **_EPSILON},
    "Adagrad": {"initial_accumulator_value": RATE, **_EPSILON},
    "Adamax": {**_BETAS, **_EPSILON},
    "Nadam": {**_BETAS, **_EPSILON},
    "Adafactor": {
        "beta_2_decay": Number,
        "epsilon_1": Positive,
        "epsilon_2": Positive,
        "clip_threshold": Positive,
        "relative_step": Flag,
    },
    "Ftrl": {
        "learning_rate_power": Number,
        "initial_accumulator_value": RATE,
        "l1_regularization_strength": RATE,
        "l2_regularization_strength": RATE,
        "l2_shrinkage_regularization_strength": RATE,
        "beta": RATE,
    },
    "Lion": {**_BETAS},
    "Lamb": {**_BETAS, **_EPSILON},
}


def _expression(given: Any) -> str:
    return Expression(given if isinstance(given, str) else f"{given!r}", ("epoch", "lr")).text


_TARGETS = {"sigma": RATE, "occluded_weight": RATE, "keypoint_weights": Weights}
LOSSES: dict[str, dict[str, Any]] = {
    "mse": _TARGETS,
    "quality_focal": _TARGETS,
    "cross_entropy": _TARGETS,
}

_MODE = one_of("auto", "min", "max")
_VERBOSE = {"verbose": Flag | Index}
_HOLD_AND_DECAY = {
    "initial_lr!": Positive,
    "hold_steps!": Index,
    "decay_steps!": Count,
    "end_lr!": RATE,
}
SCHEDULES: dict[str, dict[str, Any]] = {
    "LRLinearDecay": _HOLD_AND_DECAY,
    "LRExponentialDecay": {
        "initial_lr!": Positive,
        "hold_steps!": Index,
        "decay_rate!": RATE,
        "min_lr": RATE,
    },
    "LRStepDecay": {
        "initial_lr!": Positive,
        "step_size!": Count,
        "decay_rate!": Fraction,
        "min_lr": RATE,
    },
    "LRCosineDecay": _HOLD_AND_DECAY,
    "LRWarmupCosineDecay": {
        "initial_lr!": RATE,
        "warmup_steps!": Index,
        "max_lr!": Positive,
        "hold_steps!": Index,
        "decay_steps!": Count,
        "end_lr!": RATE,
    },
    "LRCosineDecayRestarts": {
        "initial_lr!": Positive,
        "first_decay_steps!": Count,
        "end_lr!": RATE,
        "t_mul": number_from(1),
        "m_mul": Fraction,
    },
    "LRPolynomialDecay": {**_HOLD_AND_DECAY, "power": Positive},
    "LRPolynomialDecayRestarts": {**_HOLD_AND_DECAY, "power": Positive},
    "LRPiecewiseConstantDecay": {"boundaries!": Epochs, "values!": Rates},
}
"""The zoo's learning rate schedules."""
CALLBACKS: dict[str, dict[str, Any]] = {
    **{name: {**arguments, **_VERBOSE} for name, arguments in SCHEDULES.items()},
    "LearningRateScheduler": {
        "schedule!": Annotated[str, BeforeValidator(_expression)],
        **_VERBOSE,
    },
    "ReduceLROnPlateau": {
        "monitor": Text,
        "factor": number_from(0, 1),
        "patience": Index,
        **_VERBOSE,
        "mode": _MODE,
        "min_delta": RATE,
        "cooldown": Index,
        "min_lr": RATE,
    },
    "EarlyStopping": {
        "monitor": Text,
        "min_delta": RATE,
        "patience": Index,
        **_VERBOSE,
        "mode": _MODE,
        "baseline": Number,
        "restore_best_weights": Flag,
        "start_from_epoch": Index,
    },
}
NOT_NEEDED = ("ModelCheckpoint", "CSVLogger", "TensorBoard", "BackupAndRestore", "TerminateOnNaN")
"""Callbacks without effect, with any arguments: the best weights and the history are always saved,
and a NaN loss always ends training."""

ONNX_OPTIONS: dict[str, Any] = {
    **dict.fromkeys(
        (
            "ActivationSymmetric",
            "ActivationRestrictedAsymmetric",
            "WeightSymmetric",
            "EnableSubgraph",
            "ForceQuantizeNoInputCheck",
            "MatMulConstBOnly",
            "AddQDQPairToWeight",
            "DedicatedQDQPair",
            "CalibTensorRangeSymmetric",
            "CalibMovingAverage",
            "SmoothQuant",
            "SmoothQuantFolding",
            "UseQDQContribOps",
            "QDQKeepRemovableActivations",
            "QDQDisableWeightAdjustForInt32Bias",
        ),
        Flag,
    ),
    "CalibMovingAverageConstant": Fraction,
    "SmoothQuantAlpha": Fraction,
    "MinimumRealRange": Positive,
    "CalibStridedMinMax": Count,
    "CalibMaxIntermediateOutputs": Count,
    "OpTypesToExcludeOutputQuantization": list[Text],
    "QDQOpTypePerChannelSupportToAxis": dict[str, Integer],
    "TensorQuantOverrides": dict[str, list[dict[str, Any]]],
}
"""The types of ``extra_options`` as ONNX Runtime documents them. It takes any value for them."""

# Argument names in the model zoo's documentation that differ from those in its code.
_OTHER_NAMES = {
    "hue_delta": "delta_hue",
    "saturation_delta": "delta_saturation",
    "value_delta": "delta_value",
}


class _AnyArguments(Section):
    model_config = ConfigDict(extra="allow")


def _as_section(
    title: str,
    table: dict[str, dict[str, Any]],
    always: dict[str, Any],
    ignored: Sequence[str] = (),
) -> type[Section]:
    """A section whose attributes are the names of a table, each a section of its arguments."""
    fields: dict[str, Any] = {
        name: (create_model(name, __base__=Section, **_fields(arguments | always)), None)
        for name, arguments in table.items()
    }
    fields |= dict.fromkeys(ignored, (_AnyArguments, None))
    return create_model(title, __base__=Section, **fields)


def _fields(arguments: dict[str, Any]) -> dict[str, Any]:
    return {name.removesuffix("!"): (kind, _default(name)) for name, kind in arguments.items()}


def _default(name: str) -> Any:
    if name in _OTHER_NAMES:
        return Field(None, validation_alias=AliasChoices(name, _OTHER_NAMES[name]))
    return ... if name.endswith("!") else None


Augmentations = _as_section("Augmentations", AUGMENTATIONS, {"change_rate": Fraction})
Optimizers = _as_section("Optimizers", OPTIMIZERS, _EVERY_OPTIMIZER)
Losses = _as_section("Losses", LOSSES, {})
Callbacks = _as_section("Callbacks", CALLBACKS, {}, NOT_NEEDED)
OnnxOptions = create_model("OnnxOptions", __base__=_AnyArguments, **_fields(ONNX_OPTIONS))
"""Other options than those of the table are accepted: another version may have more."""


def onnx_options(given: Any) -> dict[str, Any]:
    """A validator of options of the quantizer; its result holds those that were given."""
    return OnnxOptions.model_validate(given).model_dump(exclude_unset=True)


def in_the_order_written(
    table: type[Section], exactly_one: bool = False
) -> Callable[[Any], dict[str, dict]]:
    """A validator of a mapping from names to arguments; its result holds the arguments that were
    given, in their order."""

    def check(given: Any) -> dict[str, dict]:
        given = {} if given is None else given
        if exactly_one and not (isinstance(given, dict) and len(given) == 1):
            raise ValueError(
                f"a name and its arguments, such as {next(iter(table.model_fields))}: {{...}}, and "
                "one only"
            )
        if isinstance(given, dict):
            given = {
                name: {} if arguments is None else arguments for name, arguments in given.items()
            }
        checked = table.model_validate(given)
        return {name: getattr(checked, name).model_dump(exclude_unset=True) for name in given}

    return check

"""The words of user_config.yaml whose list is long: augmentations, optimizers, callbacks, boards, chains."""

from __future__ import annotations

MODEL_TYPES = ("heatmaps_spe", "spe", "yolo_mpe", "hand_spe", "head_spe")
USUAL_KEYPOINTS = {"heatmaps_spe": 17, "spe": 17, "yolo_mpe": 17, "hand_spe": 21, "head_spe": 468}

SERVICES = {"t": "train", "q": "quantize", "e": "evaluate", "p": "predict", "b": "benchmark", "d": "deploy"}
MODES = {"training": "t", "quantization": "q", "evaluation": "e", "prediction": "p", "benchmarking": "b", "deployment": "d"}

INTERPOLATIONS = ("bilinear", "nearest", "area", "lanczos3", "lanczos5", "bicubic", "gaussian", "mitchellcubic")

REFINEMENTS = ("argmax", "quarter", "centroid", "dark")
NMS_MEASURES = ("iou", "oks")

_GEOMETRIC = ("fill_mode", "fill_value", "interpolation")
_AUGMENTATIONS = {
    "random_contrast": ("factor",),
    "random_brightness": ("factor",),
    "random_gamma": ("gamma",),
    "random_hue": ("delta",),
    "random_saturation": ("delta",),
    "random_value": ("delta",),
    "random_hsv": ("hue_delta", "saturation_delta", "value_delta"),
    "random_rgb_to_hsv": (),
    "random_rgb_to_grayscale": (),
    "random_sharpness": ("factor",),
    "random_posterize": ("bits",),
    "random_invert": (),
    "random_solarize": (),
    "random_autocontrast": ("cutoff",),
    "random_blur": ("filter_size", "padding", "constant_values"),
    "random_gaussian_noise": ("stddev",),
    "random_jpeg_quality": ("jpeg_quality",),
    "random_crop": ("crop_center_x", "crop_center_y", "crop_width", "crop_height", "interpolation"),
    "random_flip": ("mode",),
    "random_translation": ("width_factor", "height_factor", *_GEOMETRIC),
    "random_rotation": ("factor", *_GEOMETRIC),
    "random_shear": ("factor", *_GEOMETRIC),
    "random_shear_x": ("factor", *_GEOMETRIC),
    "random_shear_y": ("factor", *_GEOMETRIC),
    "random_zoom": ("width_factor", "height_factor", *_GEOMETRIC),
    "random_rectangle_erasing": ("nrec", "area", "wh_ratio"),
    "random_periodic_resizing": ("image_sizes", "period"),
}
AUGMENTATIONS = {name: (*parameters, "change_rate") for name, parameters in _AUGMENTATIONS.items()}
AUGMENTATION_CHOICES = {
    "mode": ("horizontal", "vertical", "horizontal_and_vertical"),
    "fill_mode": ("constant", "nearest", "reflect", "wrap"),
    "padding": ("reflect", "constant", "symmetric"),
    "interpolation": INTERPOLATIONS,
}
"""The parameters that are words; all others are numbers or ranges of numbers."""

OPTIMIZERS = ("Adam", "AdamW", "SGD", "RMSprop", "Adadelta", "Adagrad", "Adamax", "Nadam", "Adafactor", "Ftrl", "Lion", "Lamb")
CALLBACKS = (
    "LRLinearDecay",
    "LRExponentialDecay",
    "LRStepDecay",
    "LRCosineDecay",
    "LRWarmupCosineDecay",
    "LRCosineDecayRestarts",
    "LRPolynomialDecay",
    "LRPolynomialDecayRestarts",
    "LRPiecewiseConstantDecay",
    "ReduceLROnPlateau",
    "EarlyStopping",
    "LearningRateScheduler",
    "ModelCheckpoint",
    "TerminateOnNaN",
    "CSVLogger",
    "TensorBoard",
    "BackupAndRestore",
)

BOARDS = (
    "STM32N6570-DK",
    "STM32H747I-DISCO",
    "STM32H7B3I-DK",
    "STM32F469I-DISCO",
    "B-U585I-IOT02A",
    "STM32L4R9I-DISCO",
    "NUCLEO-H743ZI2",
    "STM32H735G-DK",
    "STM32F769I-DISCO",
    "NUCLEO-G474RE",
    "NUCLEO-F401RE",
    "STM32F746G-DISCO",
    "STM32MP257F-EV1",
    "STM32MP157F-DK2",
    "STM32MP135F-DK",
)

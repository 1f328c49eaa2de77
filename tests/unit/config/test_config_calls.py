"""Augmentations, optimizers and callbacks of a configuration, by name and argument."""

from __future__ import annotations

import pytest

SMALL = "model:\n  model_type: heatmaps_spe\n"


EVERY_AUGMENTATION = """
data_augmentation:
  random_contrast: {factor: 0.4}
  random_brightness: {factor: "(-0.3, 0.1)"}
  random_gamma: {gamma: "(0.5, 1.5)"}
  random_hue: {delta: 0.1}
  random_saturation: {delta: 0.2}
  random_value: {delta: 0.2}
  random_hsv: {hue_delta: 0.1, saturation_delta: 0.2, value_delta: 0.3}
  random_rgb_to_hsv: {change_rate: 1/4}
  random_rgb_to_grayscale:
  random_sharpness: {factor: "(1.0, 4.0)"}
  random_posterize: {bits: "(3, 8)"}
  random_invert:
  random_solarize:
  random_autocontrast: {cutoff: 10}
  random_blur: {filter_size: "(2, 4)", padding: REFLECT, constant_values: 0}
  random_gaussian_noise: {stddev: "(0.02, 0.1)", mode: image}
  random_jpeg_quality: {jpeg_quality: 60}
  random_crop:
    {crop_center_x: "(0.25, 0.75)", crop_center_y: 0.5, crop_width: "(0.6, 0.9)",
     crop_height: 0.9, interpolation: bilinear}
  random_flip: {mode: vertical}
  random_translation:
    {width_factor: 0.2, height_factor: 0.1, fill_mode: wrap, fill_value: 1,
     interpolation: nearest}
  random_rotation: {factor: 0.1}
  random_shear: {factor: 0.1}
  random_shear_x: {factor: 0.1}
  random_shear_y: {factor: 0.1}
  random_zoom: {width_factor: 0.2}
  random_rectangle_erasing: {nrec: "(1, 3)", area: "(0.05, 0.4)", wh_ratio: "(0.3, 2)"}
  random_periodic_resizing: {image_sizes: "[(192, 192), (224, 224)]", period: 5}
"""


def test_every_augmentation_of_the_zoo_in_its_order(load):
    from poseutils.config.calls import AUGMENTATIONS

    operations = load(SMALL + EVERY_AUGMENTATION).data_augmentation
    assert list(operations) == list(AUGMENTATIONS) and len(operations) == 27
    assert operations["random_blur"] == {
        "filter_size": (2, 4),
        "padding": "reflect",
        "constant_values": 0,
    }
    assert operations["random_crop"]["crop_width"] == (0.6, 0.9) and operations[
        "random_posterize"
    ] == {"bits": (3, 8)}
    assert operations["random_periodic_resizing"] == {
        "image_sizes": [(192, 192), (224, 224)],
        "period": 5,
    }


def test_every_optimizer_and_callback_of_keras_by_name(load):
    for (
        name
    ) in "Adam AdamW SGD RMSprop Adadelta Adagrad Adamax Nadam Adafactor Ftrl Lion Lamb".split():
        assert load(
            SMALL, f"training.optimizer={{{name}: {{learning_rate: 1/100, clipnorm: 1}}}}"
        ).training.optimizer == {name: {"learning_rate": 0.01, "clipnorm": 1.0}}
    for name in (
        "EarlyStopping ReduceLROnPlateau ModelCheckpoint "
        "TerminateOnNaN CSVLogger TensorBoard BackupAndRestore".split()
    ):
        assert load(SMALL, f"training.callbacks={{{name}: }}").training.callbacks == {name: {}}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (
            "data_augmentation: {random_posterize: {bits: [0, 9]}}",
            ["random_posterize.bits: [0, 9] given; expected a whole number from 1 to 8"],
        ),
        (
            "data_augmentation: {random_gamma: {gamma: [2, 1]}}",
            ["random_gamma.gamma: [2, 1] given", "range (lowest, highest)"],
        ),
        (
            "data_augmentation: {random_flip: {mode: vertical, change_rate: 2}}",
            ["random_flip.change_rate: 2 given", "less than or equal to 1"],
        ),
        (
            "data_augmentation: {random_rotation: }",
            ["random_rotation.factor: missing; data_augmentation.random_rotation needs it"],
        ),
        (
            "data_augmentation: {random_rotation: {factor: .nan}}",
            ["random_rotation.factor: '.nan' given; expected a number"],
        ),
        (
            "data_augmentation: {random_blur: {filter_size: 2.5}}",
            ["random_blur.filter_size: 2.5 given; expected a whole number from 1 to 255"],
        ),
        (
            "data_augmentation: {random_zoom: {width_factor: [1, 2, 3]}}",
            ["random_zoom.width_factor: [1, 2, 3] given"],
        ),
        (
            "data_augmentation: {random_periodic_resizing: {image_sizes: [192]}}",
            ["image_sizes: [192] given; expected a list of heights"],
        ),
        (
            "training: {optimizer: {Adam: {beta: 1}}}",
            ["training.optimizer.Adam.beta: unknown attribute; did you mean 'beta_"],
        ),
        (
            "training: {optimizer: {Adam: {lr: 1}}}",
            ["training.optimizer.Adam.lr: unknown attribute", "learning_rate"],
        ),
        (
            "training: {optimizer: {Adam: {learning_rate: -1}}}",
            ["training.optimizer.Adam.learning_rate: -1 given", "greater than 0"],
        ),
        (
            "training: {optimizer: {SGD: {nesterov: 1}}}",
            ["training.optimizer.SGD.nesterov: 1 given; expected True or False"],
        ),
        ("training: {optimizer: {SGD: {}, Adam: {}}}", ["training.optimizer:", "and one only"]),
        (
            "training: {optimizer: {SGD: fast}}",
            ["training.optimizer.SGD: 'fast' given; expected attributes below it"],
        ),
        (
            "training: {callbacks: {EarlyStopping: {patience: -1}}}",
            ["training.callbacks.EarlyStopping.patience: -1 given"],
        ),
        (
            "training: {callbacks: {EarlyStopping: {mode: most}}}",
            ["EarlyStopping.mode: 'most' given; expected 'auto' or 'min' or 'max'"],
        ),
        (
            "training: {callbacks: {ReduceLROnPlateau: {epsilon: 1}}}",
            ["ReduceLROnPlateau.epsilon: unknown attribute. Known: monitor"],
        ),
        (
            "training: {callbacks: {LRStepDecay: {initial_lr: 1, step_size: 0, decay_rate: 2}}}",
            ["2 problems", "step_size: 0", "decay_rate: 2"],
        ),
        (
            "training: {callbacks: {LRPiecewiseConstantDecay: "
            "{boundaries: [9, 5], values: [1, 2, 3]}}}",
            ["boundaries: [9, 5] given; expected a list of epochs, each after the one before"],
        ),
        (
            "training: {callbacks: {LRPiecewiseConstantDecay: "
            "{boundaries: [5, 9], values: [1, 2]}}}",
            ["2 boundaries and 2 values given; expected one value more"],
        ),
        (
            "training: {callbacks: {LRPiecewiseConstantDecay: {boundaries: "
            "[5], values: [1, 2]}, LearningRateScheduler: {schedule: lr}}}",
            [
                "training.callbacks: LRPiecewiseConstantDecay and "
                "LearningRateScheduler given; expected one schedule"
            ],
        ),
        (
            "training: {frozen_layers: some}",
            ["training.frozen_layers: 'some' given; expected layers such as"],
        ),
        (
            "training: {frozen_layers: '(0:5'}",
            ["training.frozen_layers: '(0:5' given; expected layers such as"],
        ),
        (
            "training: {frozen_layers: '0:9:0'}",
            ["training.frozen_layers: '0:9:0' given; expected layers such as"],
        ),
        (
            "training: {frozen_layers: '__import__(1)'}",
            ["training.frozen_layers: '__import__(1)' given; expected layers such as"],
        ),
    ],
)
def test_wrong_arguments_say_what_was_given_and_what_is_allowed(refusal, text, words):
    message = refusal(SMALL + text)
    assert all(word in message for word in words), message

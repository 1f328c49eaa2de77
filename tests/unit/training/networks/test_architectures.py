"""The networks that can be trained."""

import numpy as np
import pytest

from poseutils.errors import PoseError
from poseutils.training import build_model

NAME = "st_movenet_lightning_heatmaps"
THUNDER = "st_movenet_thunder_heatmaps"


@pytest.mark.parametrize("alpha, parameters", [(1.0, 2_356_308), (0.35, 505_076)])
def test_parameters_are_those_of_the_published_network(alpha, parameters):
    model = build_model(NAME, (192, 192, 3), 17, alpha)
    assert model.count_params() == parameters
    assert model.output_shape == (None, 48, 48, 17)


def test_any_width_size_and_number_of_keypoints():
    model = build_model(NAME, (64, 96, 3), 5, 0.42)
    assert model.output_shape == (None, 16, 24, 5)
    assert build_model(NAME, (64, 64, 3), 1, 1.4).output_shape == (None, 16, 16, 1)


def test_softmax_heatmaps_sum_to_one():
    heatmaps = build_model(NAME, (64, 64, 3), 3, 0.35, "softmax")(
        np.zeros((2, 64, 64, 3), np.float32)
    ).numpy()
    np.testing.assert_allclose(heatmaps.sum(axis=(1, 2)), 1, atol=1e-5)


@pytest.fixture(scope="module")
def small():
    return build_model(NAME, (64, 64, 3), 3, 0.35)


def test_fresh_sigmoid_heatmaps_are_nearly_empty(small):
    heatmaps = small(np.zeros((1, 64, 64, 3), np.float32)).numpy()
    assert heatmaps.max() < 0.1


@pytest.mark.parametrize(
    "change, says",
    [
        ({"model_name": "resnet"}, "resnet.*st_movenet"),
        ({"input_shape": (190, 192, 3)}, "multiples of 32"),
        ({"alpha": 35}, "above 0, up to 4"),
        ({"alpha": -1}, "above 0, up to 4"),
        ({"input_shape": (192, 192, 1)}, "192, 192, 1"),
        ({"keypoints": 0}, "at least one"),
        ({"final_activation": "relu"}, "sigmoid or softmax"),
    ],
)
def test_a_network_that_cannot_be_built(change, says):
    good = {
        "model_name": NAME,
        "input_shape": (64, 64, 3),
        "keypoints": 3,
        "alpha": 0.35,
        "final_activation": "sigmoid",
    }
    with pytest.raises(PoseError, match=says):
        build_model(**{**good, **change})


# ---------------------------------------------------------------- other names


def test_the_a100_network_is_the_one_of_width_one():
    assert (
        build_model("st_movenet_lightning_a100_heatmaps", (192, 192, 3), 17).count_params()
        == 2_356_308
    )


@pytest.mark.slow
def test_thunder_is_wider_in_all_its_parts():
    thunder = build_model(THUNDER, (64, 64, 3), 17)
    assert thunder.name == THUNDER and thunder.output_shape == (None, 16, 16, 17)
    channels = {layer.name: layer.output.shape[-1] for layer in thunder.layers}
    merged = [
        layer.output.shape[-1]
        for layer in thunder.layers
        if type(layer).__name__ == "Add" and not layer.name.startswith("block")
    ]
    assert (
        merged
        == [channels["block_9_add"], channels["block_5_add"], channels["block_2_add"]]
        == [112, 56, 40]
    )
    assert (
        thunder.count_params() > build_model(NAME, (64, 64, 3), 17, 1.75).count_params() > 6_000_000
    )


@pytest.mark.parametrize(("name", "alpha"), [(NAME, 1.0), (THUNDER, 1.75)])
def test_a_configuration_without_alpha_has_the_usual_one(load, name, alpha):
    text = f"model: {{model_type: heatmaps_spe, model_name: {name}"
    config = load(text + "}")
    assert (
        config.model.alpha == alpha
        and load(config.save(config._folder / "saved.yaml").read_text()).model.alpha == alpha
    )
    assert load(text + ", alpha: 0.5}").model.alpha == 0.5


def test_the_first_154_layers_are_the_backbone(small):
    layers = small.layers
    assert layers[153].name == "out_relu" and layers[154].name.startswith("conv2d")

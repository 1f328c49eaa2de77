"""Equalization and bias correction: the float function stays, ranges even out, and one scale for
all channels holds."""

import numpy as np
import pytest

import poseutils as pu
from poseutils.errors import PoseError
from poseutils.quantization import correct_biases, equalize, optimized, quantization_error, quantize
from poseutils.quantization.biases import rounded
from poseutils.quantization.layers import folded
from poseutils.training import build_model
from tests.helpers.lively import lively_network

SIZE = 24


@pytest.fixture(scope="module")
def images():
    return np.random.default_rng(0).uniform(-1, 1, (12, SIZE, SIZE, 3)).astype(np.float32)


def uneven(model, seed=0):
    """The model with channels of very unlike size and biases and statistics that are not those of a
    fresh network."""
    rng = np.random.default_rng(seed)
    for layer in model.layers:
        weights = layer.get_weights()
        if type(layer).__name__ == "BatchNormalization":
            weights = [
                np.exp(rng.normal(0, 1, w.shape)) if i in (0, 3) else rng.normal(0, 0.3, w.shape)
                for i, w in enumerate(weights)
            ]
        elif weights and not hasattr(layer, "layers"):
            weights = [
                w * np.exp(rng.normal(0, 1, w.shape[-1]))
                if w.ndim > 1
                else rng.normal(0, 0.3, w.shape)
                for w in weights
            ]
        layer.set_weights(weights)
    return model


def made(build, seed=0):
    """A model of a function from its input tensor to its output tensor."""
    import keras

    keras.utils.set_random_seed(seed)
    image = keras.Input((SIZE, SIZE, 3))
    return uneven(keras.Model(image, build(keras.layers, image), name="made"), seed)


def chain(kl, x):
    x = kl.BatchNormalization()(kl.Conv2D(12, 3, padding="same", use_bias=False)(x))
    x = kl.ReLU()(x)
    x = kl.BatchNormalization()(
        kl.DepthwiseConv2D(3, strides=2, padding="same", depth_multiplier=2)(x)
    )
    x = kl.ReLU()(x)
    return kl.Conv2D(5, 1)(x)


def residual(kl, x):
    x = kl.Conv2D(8, 3, activation="relu")(x)
    y = kl.Conv2D(8, 1)(kl.DepthwiseConv2D(3, padding="same", activation="relu")(x))
    x = kl.ReLU()(kl.BatchNormalization()(kl.Conv2D(8, 1)(kl.Add()([x, y]))))
    x = x + kl.Conv2D(8, 3, padding="same")(x)
    x = kl.UpSampling2D(interpolation="bilinear")(kl.MaxPooling2D()(kl.ZeroPadding2D(1)(x)))
    x = kl.LeakyReLU(0.2)(kl.Conv2D(6, 1)(kl.Dropout(0.5)(x)))
    return kl.Dense(4)(kl.GlobalAveragePooling2D()(kl.Conv2D(6, 3)(x)))


def not_understood(kl, x):
    """Everything around which nothing may be scaled: each of these would be wrong if it were."""
    import keras

    x = kl.Conv2D(8, 3, padding="same")(x)
    x = kl.Concatenate()(
        [
            kl.Conv2D(4, 1)(x),
            kl.Conv2D(2, 1)(kl.ReLU(threshold=0.1)(x)),
            kl.Conv2D(2, 1)(keras.activations.silu(x)),
        ]
    )
    x = kl.Conv2D(8, 3, groups=2, padding="same")(kl.ReLU()(x))
    shared = kl.Conv2D(8, 1)
    x = kl.Conv2D(8, 1)(shared(shared(kl.BatchNormalization()(kl.ReLU()(x)))))
    x = kl.Multiply()(
        [
            kl.Conv2D(8, 1)(x),
            kl.Conv2D(8, 1, activation="sigmoid")(kl.GlobalAveragePooling2D(keepdims=True)(x)),
        ]
    )
    x = kl.Add()([kl.Conv2D(8, 1)(x), kl.Conv2D(1, 1)(x)])
    x = kl.Conv2DTranspose(8, 2, strides=2)(kl.Conv2D(8, 1)(x))
    x = kl.SeparableConv2D(8, 3)(kl.Conv2D(8, 1)(x + 1.0))
    nested = keras.Input((None, None, 8))
    x = keras.Model(nested, kl.ReLU()(kl.Conv2D(8, 1)(nested)))(kl.Conv2D(8, 1)(x))
    x = kl.PReLU(shared_axes=[1, 2])(kl.Conv2D(8, 1)(x))
    return kl.Reshape((-1, 3))(kl.Conv2D(3, 1)(x))


def same(first, second, images):
    """The largest difference of two models' outputs, as a share of the largest output."""
    one, other = (np.asarray(model(images, training=False)) for model in (first, second))
    return np.abs(one - other).max() / np.abs(one).max()


@pytest.mark.parametrize("build", [chain, residual, not_understood])
def test_the_function_stays_for_every_input(build, images):
    model = made(build)
    before = [w.copy() for w in model.get_weights()]
    assert same(model, folded(model).model, images) < 1e-5
    assert same(model, equalize(model, images[:2]), images * 50) < 1e-5
    for was, now in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(was, now)


def test_normalization_is_folded_only_into_a_convolution_that_nobody_else_reads(images):
    def build(kl, x):
        x = kl.Conv2D(4, 1)(x)
        y = kl.BatchNormalization(name="read_twice")(x)
        z = kl.BatchNormalization(name="padded")(kl.ZeroPadding2D(1)(kl.Conv2D(4, 3)(y)))
        return kl.BatchNormalization(name="folds")(kl.Conv2D(4, 1)(kl.Add()([x, z])))

    model = made(build)
    layers = folded(model)
    assert {step.layer.name for step in layers.steps if step.kind == "BatchNormalization"} == {
        "read_twice",
        "padded",
    }
    assert same(model, layers.model, images) < 1e-5


def kernels_of(model):
    return [
        layer.get_weights()[0]
        for layer in model.layers
        if type(layer).__name__ in ("Conv2D", "DepthwiseConv2D")
    ]


def shares(kernel, axis):
    largest = np.abs(np.moveaxis(kernel, axis, 0)).reshape(kernel.shape[axis], -1).max(axis=1)
    return largest / largest.max()


def test_each_channel_has_the_same_share_of_both_kernels(images):
    """Equation 11 of the paper: s = sqrt(r1 · r2) / r2, after which r1 and r2 are equal; here
    relative to the whole kernel's."""
    first, depthwise, last = kernels_of(
        equalize(
            made(
                lambda kl, x: kl.Conv2D(4, 1)(
                    kl.DepthwiseConv2D(3)(kl.Conv2D(9, 3, activation="relu")(x))
                )
            ),
            images,
        )
    )
    np.testing.assert_allclose(shares(first, 3), shares(depthwise, 2), rtol=1e-2)
    np.testing.assert_allclose(shares(depthwise, 2), shares(last, 2), rtol=1e-2)


def test_one_pair_by_the_formula(images):
    model = made(lambda kl, x: kl.Conv2D(4, 1)(kl.Conv2D(9, 3, activation="relu")(x)))
    (first, second), (after, _) = kernels_of(model), kernels_of(equalize(model, images))
    scale = np.sqrt(shares(first, 3) / shares(second, 2))
    np.testing.assert_allclose(after, first / scale, rtol=1e-4)


def test_a_dead_channel_is_not_blown_up(images):
    model = made(lambda kl, x: kl.Conv2D(4, 1)(kl.Conv2D(6, 3, activation="relu", name="first")(x)))
    kernel, bias = model.get_layer("first").get_weights()
    kernel[..., 2] = 0
    model.get_layer("first").set_weights([kernel, bias])
    result = equalize(model, images)
    assert same(model, result, images) < 1e-5
    assert all(np.isfinite(w).all() and np.abs(w).max() < 1e3 for w in result.get_weights())


# ---------------------------------------------------------------- ReLU6


def clipped(scale):
    return made(
        lambda kl, x: kl.Conv2D(4, 1)(
            kl.ReLU(6.0, name="six")(kl.Conv2D(9, 1, name="first")(kl.Rescaling(scale)(x)))
        )
    )


def test_a_maximum_that_nothing_comes_near_is_dropped(images):
    model = clipped(0.01)
    result = equalize(model, images)
    assert result.get_layer("six").max_value is None
    assert same(model, result, images) < 1e-5


def test_channels_that_reach_a_maximum_keep_their_scale(images):
    model = clipped(2.0)
    before, bias = model.get_layer("first").get_weights()
    peak = (images * 2.0 @ before[0, 0] + bias).max(axis=(0, 1, 2))
    result = equalize(model, images)
    factor = np.abs(result.get_layer("first").get_weights()[0] / before).mean(axis=(0, 1, 2))
    reaching = peak * 1.25 > 6
    assert 0 < reaching.sum() < 9
    np.testing.assert_allclose(factor[reaching], 1, rtol=1e-5)
    assert (np.abs(factor[~reaching] - 1) > 0.05).any()
    assert (peak[~reaching] * factor[~reaching] * 1.25 <= 6 + 1e-4).all()
    assert result.get_layer("six").max_value == 6
    assert same(model, result, images) < 1e-5


# ---------------------------------------------------------------- bias correction


def test_rounded_weights_are_those_that_the_converter_stores(images, tmp_path):
    from ai_edge_litert.interpreter import Interpreter

    model = made(
        lambda kl, x: kl.Conv2D(5, 1)(kl.DepthwiseConv2D(3)(kl.Conv2D(7, 3, activation="relu")(x)))
    )
    for granularity in ("per_channel", "per_tensor"):
        interpreter = Interpreter(str(quantize(model, images, tmp_path / "q.tflite", granularity)))
        stored = {}
        for detail in interpreter.get_tensor_details():
            scales = detail["quantization_parameters"]["scales"]
            if len(detail["shape"]) == 4 and detail["dtype"] == np.int8:
                try:
                    weights = interpreter.get_tensor(detail["index"])
                except ValueError:
                    continue  # an activation
                axis = detail["quantization_parameters"]["quantized_dimension"]
                stored[weights.shape] = weights * np.expand_dims(
                    scales, tuple(i for i in range(4) if i != axis) if len(scales) > 1 else ()
                )
        for step in folded(model).convolutions():
            kernel = rounded(step, step.layer.get_weights()[0], granularity)
            # Height and width before the input's channels in both kinds
            file_order = kernel.transpose(3, 0, 1, 2)
            np.testing.assert_allclose(
                stored[file_order.shape], file_order, atol=np.abs(kernel).max() * 1e-5
            )


def test_the_mean_of_a_rounded_layer_is_that_of_the_float_one(images):
    """Padding included: the means are over all places."""
    model = made(lambda kl, x: kl.Conv2D(6, 5, strides=2, padding="same", name="only")(x) * 1.0)
    corrected = correct_biases(model, images + 0.5, "per_tensor")
    layer = corrected.get_layer("only")
    (step,) = folded(model).convolutions()
    coarse = (
        np.round(layer.get_weights()[0] / (step_size := np.abs(layer.get_weights()[0]).max() / 127))
        * step_size
    )
    layer.set_weights([coarse, layer.get_weights()[1]])
    exact = model.predict(images + 0.5, verbose=0).mean(axis=(0, 1, 2))
    np.testing.assert_allclose(
        corrected.predict(images + 0.5, verbose=0).mean(axis=(0, 1, 2)), exact, atol=1e-5
    )
    layer.set_weights([coarse, model.get_layer("only").get_weights()[1]])
    assert (
        np.abs(corrected.predict(images + 0.5, verbose=0).mean(axis=(0, 1, 2)) - exact).max() > 1e-4
    )


# ---------------------------------------------------------------- the whole of it


@pytest.fixture(scope="module")
def unlike():
    """The real topology, where each expanded channel is small and its depthwise kernel large, or
    not, by chance."""
    model = lively_network((64, 64))
    rng = np.random.default_rng(3)
    for block in range(1, 17):
        norm = model.get_layer(f"block_{block}_expand_BN")
        depthwise = model.get_layer(f"block_{block}_depthwise")
        factor = np.exp(rng.uniform(-4, 0, norm.gamma.shape[0]))
        norm.gamma.assign(norm.gamma.numpy() * factor)
        norm.beta.assign(norm.beta.numpy() * factor)
        depthwise.kernel.assign(depthwise.kernel.numpy() / factor[:, None])
    return model


@pytest.mark.slow
def test_one_scale_for_all_holds_after_optimizing(unlike, tmp_path):
    images = np.random.default_rng(1).uniform(-1, 1, (24, 64, 64, 3)).astype(np.float32)
    assert same(unlike, equalize(unlike, images[:16]), images[:16]) < 1e-4
    plain, good = (
        quantization_error(
            unlike,
            quantize(unlike, images[:16], tmp_path / f"{o}.tflite", "per_tensor", optimize=o),
            images[16:],
        )
        for o in (False, True)
    )
    assert good["snr_db"] > plain["snr_db"] + 6
    assert good["snr_db"] > 20


@pytest.mark.slow
def test_another_width_and_softmax():
    model = build_model("st_movenet_lightning_heatmaps", (32, 32, 3), 7, 0.6, "softmax")
    images = np.random.default_rng(1).uniform(-1, 1, (4, 32, 32, 3)).astype(np.float32)
    assert same(model, equalize(model, images), images) < 1e-4


def test_a_sequential_model_and_a_file(images, tmp_path):
    import keras

    model = keras.Sequential(
        [
            keras.Input((SIZE, SIZE, 3)),
            keras.layers.Conv2D(4, 3, activation="relu6"),
            keras.layers.Conv2D(2, 1),
        ]
    )
    model.save(tmp_path / "m.keras")
    assert same(model, equalize(tmp_path / "m.keras", images), images) < 1e-5


@pytest.mark.slow
def test_the_shipped_checkpoint_loses_little(repository, tmp_path):
    """At most half a point of OKS with a scale a channel, and one and a half with one scale for
    all, on the embedded people."""
    model = pu.load_model(repository / "data/models/st_movenet_lightning_heatmaps_a035_192.keras")
    train = pu.load_dataset(repository / "data/synthetic-people/train")
    pictures = np.stack([model.preprocess(pu.read_image(sample.path))[0] for sample in train[:60]])
    rows = pu.quantization.choices(
        model,
        model.network.prepare(pictures),
        pu.load_dataset(repository / "data/synthetic-people/val"),
        tmp_path,
        ("per_channel", "per_tensor_optimized"),
    )
    loss = {row["choice"]: row["loss"] for row in rows}
    assert loss["float"] == 0 and loss["per_channel"] <= 0.5 and loss["per_tensor_optimized"] <= 1.5
    assert pu.quantization.recommended(rows)["loss"] <= min(loss.values()) + 1


def test_models_that_cannot_be_seen_into(images):
    import keras

    class Opaque(keras.Model):
        def call(self, x):
            return x

    with pytest.raises(PoseError, match="inputs"):
        optimized(Opaque(), images)
    with pytest.raises(PoseError, match="not numbers"):
        equalize(made(chain), np.full((1, SIZE, SIZE, 3), np.nan))
    with pytest.raises(PoseError, match="copied layer by layer"):
        equalize(made(lambda kl, x: kl.Lambda(lambda v: v * 2)(x)), images)

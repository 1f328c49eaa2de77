"""Layers of the families, as TensorFlow's converter quantizes them: the C code against LiteRT's
reference kernels."""

import numpy as np
import pytest

from poseutils.compiler.frontends.tflite import parse_tflite
from tests.helpers.marks import with_gcc
from tests.helpers.running.compiled import run
from tests.helpers.running.litert_reference import Reference

pytestmark = with_gcc


@pytest.fixture(scope="module")
def keras():
    return pytest.importorskip("keras")


def converted(model) -> bytes:
    """Full-integer, int8 in and out, calibrated on noise."""
    import tensorflow as tf

    shape = (1, *model.input_shape[1:])
    converter = tf.lite.TFLiteConverter.from_keras_model(model)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    dice = np.random.default_rng(3)
    converter.representative_dataset = lambda: (
        [dice.uniform(-1, 1, shape).astype(np.float32)] for _ in range(8)
    )
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    converter.inference_input_type = converter.inference_output_type = tf.int8
    return converter.convert()


def decoder(keras):
    """Transposed convolutions, leaky and hard activations, as in heads that make heatmaps."""
    layers = keras.layers
    x = start = keras.Input((9, 11, 5), batch_size=1)
    x = layers.LeakyReLU(negative_slope=0.15)(layers.Conv2DTranspose(6, 4, 2, "same")(x))
    x = layers.Activation("hard_swish")(layers.Conv2DTranspose(5, 3, 2, "valid")(x))
    return keras.Model(start, layers.Activation("tanh")(layers.Conv2D(3, 1)(x)))


def groups(keras):
    """Grouped convolutions, slices with a stride, slopes of every place."""
    layers = keras.layers
    x = start = keras.Input((13, 11, 6), batch_size=1)
    x = layers.PReLU(alpha_initializer=keras.initializers.RandomUniform(0, 0.4))(
        layers.Conv2D(9, 3, 2, "same", groups=3)(x)
    )
    left, right = x[:, ::2, 1:, :4], x[:, ::2, :-1, 5:]
    x = layers.PReLU(shared_axes=[1, 2], alpha_initializer="ones")(layers.Maximum()([left, right]))
    return keras.Model(start, layers.Conv2D(4, 3, dilation_rate=2, padding="same")(x))


def attention(keras):
    """Squeeze and excite, and a product of matrices, as in MobileNetV3 and YOLO."""
    layers, ops = keras.layers, keras.ops
    x = start = keras.Input((8, 7, 8), batch_size=1)
    x = layers.Conv2D(8, 3, padding="same", activation="relu6")(x)
    gate = layers.Dense(8, "hard_sigmoid")(
        layers.Dense(4, "relu")(layers.GlobalAveragePooling2D(keepdims=True)(x))
    )
    x = x * gate
    rows = ops.reshape(x, (1, 56, 8))
    mixed = ops.matmul(ops.softmax(ops.matmul(rows, ops.transpose(rows, (0, 2, 1)))), rows)
    highest = ops.max(mixed, axis=1)
    return keras.Model(start, [ops.reshape(mixed, (1, 8, 7, 8)), highest, ops.mean(x, axis=3)])


@pytest.mark.parametrize(
    ("make", "operators"),
    [
        (decoder, {"TRANSPOSE_CONV", "LEAKY_RELU", "HARD_SWISH", "TANH"}),
        (groups, {"CONV_2D", "PRELU", "STRIDED_SLICE", "MAXIMUM"}),
        (attention, {"MEAN", "SOFTMAX", "REDUCE_MAX"}),
    ],
)
def test_converted_layers_give_the_reference_bits(keras, tmp_path, make, operators):
    keras.utils.set_random_seed(1)
    data = converted(make(keras))
    graph = parse_tflite(data, make.__name__)
    assert operators <= {op.name for op in graph.operators}
    pixels = (
        np.random.default_rng(5)
        .integers(-128, 128, graph.tensors[graph.inputs[0]].shape)
        .astype(np.int8)
    )
    reference = Reference(data)
    reference.run(pixels)
    assert run(graph, [pixels], tmp_path) == b"".join(
        reference.tensor(t).tobytes() for t in graph.outputs
    )

"""Small networks of every operator that QDQ files have."""

import numpy as np


def image(net, channels=8):
    return net.conv("x", 3, channels)


def case_convolutions(net):
    x = net.add("Relu", net.conv("x", 3, 8, strides=[2, 2], pads=[0, 0, 1, 1]))
    x = net.add(
        "Clip",
        net.conv(x, 8, 8, groups=8),
        net.constant(np.float32(0)),
        net.constant(np.float32(6)),
    )
    x = net.add(
        "Clip",
        net.conv(x, 8, 12, taps=1),
        net.constant(np.float32(-0.3)),
        net.constant(np.float32(0.4)),
    )
    return [net.conv(x, 12, 5, pads=[2] * 4, dilations=[2, 2])]


def case_depthwise_with_a_multiplier(net):
    return [net.conv(image(net, 4), 4, 12, groups=4)]


def case_automatic_padding(net):
    weights = net.weights(6, 3, 3, 3), net.weights(4, 6, 3, 3)
    x = net.add("Conv", "x", weights[0], kernel_shape=[3, 3], strides=[2, 2], auto_pad="SAME_UPPER")
    return [
        net.add("Conv", x, weights[1], kernel_shape=[3, 3], strides=[2, 2], auto_pad="SAME_LOWER")
    ]


def case_tables(net):
    x = image(net)
    results = [
        net.add(name, x) for name in ("Sigmoid", "Tanh", "HardSwish", "LeakyRelu", "Abs", "Exp")
    ]
    return [net.conv(result, 8, 4, taps=1) for result in [net.silu(x), *results]]


def case_prelu(net):
    x = net.add("PRelu", image(net), net.weights(8, 1, 1))
    return [net.conv(x, 8, 4, taps=1), net.add("Mul", image(net), net.weights(1, 8, 1, 1))]


def case_prelu_in_parts(net):
    """Relu(x) + slope · -Relu(-x) in other orders, with and without 8-bit values between."""
    x = image(net)
    below = net.add("Relu", net.add("Neg", x))
    slopes = net.weights(8, 1, 1)
    one = net.add("Add", net.add("Relu", x), net.add("Mul", below, slopes))
    other = net.add("Sub", net.add("Relu", x), net.add("Mul", net.weights(1, 8, 1, 1), below))
    halves = net.add("Mul", net.add("Sub", x, net.add("Abs", x)), slopes)
    third = net.add("Add", halves, net.add("Relu", x))
    return [
        net.conv(one, 8, 4, taps=1),
        net.conv(other, 8, 4, taps=1),
        net.conv(third, 8, 4, taps=1),
    ]


def case_numbers_that_stay_floats(net):
    """What a quantizer leaves alone: operators of one float constant, one number or many, on either
    side."""
    x, two, many = image(net), net.constant(np.float32(0.7)), net.weights(1, 8, 16, 16)
    results = [
        net.add("Sub", two, x),
        net.add("Sub", x, two),
        net.add("Div", x, two),
        net.add("Sub", many, x),
        net.add("Div", x, many),
    ]
    results += [
        net.add("Max", x, many),
        net.add("Min", image(net), x),
        net.add("Sub", net.weights(8, 1, 1), x),
    ]
    return [
        *(net.conv(result, 8, 2, taps=1) for result in results),
        net.add("Div", x, net.constant(np.float32(3))),
        results[-1],
    ]


def case_sums_and_products(net):
    x, y = image(net), image(net)
    column = net.add("GlobalAveragePool", y)
    return [
        net.add("Relu", net.add("Add", x, y)),
        net.add("Mul", net.add("Sub", x, y), column),
        net.add("Add", x, x),
    ]


def case_constants_of_another_shape(net):
    return [
        net.add(
            "Add", net.add("Mul", image(net), net.weights(1, 1, 16, 16)), net.weights(8, 16, 16)
        )
    ]


def case_pooling(net):
    x = image(net)
    most = net.add("MaxPool", x, kernel_shape=[3, 3], strides=[2, 2], pads=[1] * 4)
    mean = net.add("AveragePool", x, kernel_shape=[2, 2], strides=[2, 2])
    over = net.add("ReduceMean", x, axes=[2, 3], keepdims=0)
    return [most, mean, net.add("Gemm", over, net.weights(5, 8), net.weights(5), transB=1)]


def case_resizing(net):
    x, twice = image(net), net.constant(np.array([1, 1, 2, 2], np.float32))
    near = net.add(
        "Resize",
        x,
        "",
        twice,
        mode="nearest",
        coordinate_transformation_mode="half_pixel",
        nearest_mode="round_prefer_floor",
    )
    sizes = net.constant(np.array([1, 8, 24, 20]))
    odd = net.add(
        "Resize", x, "", "", sizes, mode="linear", coordinate_transformation_mode="align_corners"
    )
    return [near, net.add("Resize", x, "", twice, mode="linear"), odd]


def case_moves(net):
    x = image(net)
    a, b = net.add("Split", x, net.constant(np.array([3, 5])), outputs=2, axis=1)
    padded = net.add("Pad", a, net.constant(np.array([0, 0, 1, 2, 0, 2, 1, 0])))
    flat = net.add("Reshape", b, net.constant(np.array([1, 5, 256])))
    turned = net.add("Transpose", flat, perm=[0, 2, 1])
    rows = net.add("Gather", turned, net.constant(np.array([3, 4, 5])), axis=1)
    last = net.add("Gather", x, net.constant(np.array(-1)), axis=1)
    odd = net.add("Reshape", x, net.constant(np.array([1, 4, 32, 16])))
    return [
        padded,
        rows,
        net.add("Unsqueeze", last, net.constant(np.array([1]))),
        net.conv(odd, 4, 2),
        net.add("Concat", b, b, a, axis=1),
    ]


def case_moves_between_an_operator_and_its_scale(net):
    return [
        net.add(
            "Transpose",
            net.add("Reshape", image(net), net.constant(np.array([1, 8, 256]))),
            perm=[0, 2, 1],
        )
    ]


def case_rows(net):
    """Convolutions and pooling of one dimension."""
    x = net.add("Reshape", "x", net.constant(np.array([1, 6, 128])))
    x = net.add(
        "Relu",
        net.add(
            "Conv",
            x,
            net.weights(8, 6, 5),
            net.weights(8),
            kernel_shape=[5],
            strides=[2],
            pads=[2, 1],
        ),
    )
    deep = net.add(
        "Conv", x, net.weights(8, 1, 3), kernel_shape=[3], group=8, dilations=[2], pads=[2, 2]
    )
    most = net.add("MaxPool", deep, kernel_shape=[3], strides=[2], pads=[1, 1])
    wide = net.add("Conv", most, net.weights(12, 8, 1), net.weights(12))
    return [
        deep,
        wide,
        net.add("Gemm", net.add("Flatten", wide), net.weights(5, 12 * 32), transB=1),
    ]


def case_products_of_results(net):
    x = net.add("Reshape", image(net), net.constant(np.array([1, 4, 16, 32])))
    square = net.add("MatMul", x, net.add("Transpose", x, perm=[0, 1, 3, 2]))
    return [
        net.add("Softmax", square, axis=-1),
        net.add("MatMul", square, net.weights(16, 6)),
        net.add("Softmax", square, axis=2),
    ]


CASES = {
    name.removeprefix("case_"): make
    for name, make in list(globals().items())
    if name.startswith("case_")
}

"""Small float .onnx networks, and ONNX Runtime's own quantizer that makes QDQ networks of them."""

import tempfile
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static

TYPES = {"int8": QuantType.QInt8, "uint8": QuantType.QUInt8}


class Net:
    """Collects nodes; each method gives the name of its result."""

    def __init__(self, shape=(1, 3, 16, 16), seed=0):
        self.dice, self.shape = np.random.default_rng(seed), shape
        self.nodes, self.constants = [], []

    def constant(self, values):
        name = f"constant{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.asarray(values), name))
        return name

    def weights(self, *shape):
        return self.constant(
            self.dice.normal(0, 1 / np.sqrt(np.prod(shape[1:]) or 1), shape).astype(np.float32)
        )

    def add(self, operator, *inputs, outputs=1, **attributes):
        names = [f"{operator.lower()}{len(self.nodes)}_{i}" for i in range(outputs)]
        self.nodes.append(
            helper.make_node(operator, list(inputs), names, name=names[0], **attributes)
        )
        return names[0] if outputs == 1 else names

    def conv(self, x, channels, made, taps=3, groups=1, **attributes):
        attributes = {"pads": [taps // 2] * 4, **attributes}
        inputs = x, self.weights(made, channels // groups, taps, taps), self.weights(made)
        return self.add("Conv", *inputs, kernel_shape=[taps, taps], group=groups, **attributes)

    def silu(self, x):
        return self.add("Mul", x, self.add("Sigmoid", x))

    def model(self, results, opset=17):
        """A ModelProto whose outputs are named ``out0``, ``out1`` and so on."""
        named = {result: f"out{number}" for number, result in enumerate(results)}
        for node in self.nodes:
            for names in (node.input, node.output):
                names[:] = [named.get(name, name) for name in names]
        ends = [onnx.ValueInfoProto(name=f"out{number}") for number in range(len(results))]
        given = helper.make_tensor_value_info("x", TensorProto.FLOAT, self.shape)
        graph = helper.make_graph(self.nodes, "net", [given], ends, self.constants)
        return onnx.shape_inference.infer_shapes(
            helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8),
            strict_mode=True,
        )


class _Pictures(CalibrationDataReader):
    def __init__(self, shape):
        dice = np.random.default_rng(5)
        self.images = iter([{"x": dice.random(shape, dtype=np.float32)} for _ in range(6)])

    def get_next(self):
        return next(self.images, None)


def quantized(model, activations="int8", per_channel=True, **options):
    """The QDQ network of a float one, calibrated by numbers from 0 to 1."""
    shape = [d.dim_value for d in model.graph.input[0].type.tensor_type.shape.dim]
    with tempfile.TemporaryDirectory() as folder:
        given, result = Path(folder) / "float.onnx", Path(folder) / "qdq.onnx"
        onnx.save(model, given)
        options = {"weight_type": QuantType.QInt8, **options}
        quantize_static(
            given,
            result,
            _Pictures(shape),
            QuantFormat.QDQ,
            per_channel=per_channel,
            activation_type=TYPES[activations],
            **options,
        )
        return onnx.load(result)


def yolo(seed=3, newest=False):
    """What a YOLO pose network has, on images of 64×64: split and joined paths, pooling, attention,
    upsampling, a decoding head."""
    net = Net((1, 3, 64, 64), seed)
    x = net.silu(net.conv(net.silu(net.conv("x", 3, 8, strides=[2, 2])), 8, 16, strides=[2, 2]))
    a, b = net.add("Split", x, net.constant(np.array([8, 8])), outputs=2, axis=1)
    c = net.add("Add", b, net.silu(net.conv(net.silu(net.conv(b, 8, 8)), 8, 8)))
    fine = net.silu(net.conv(net.add("Concat", a, b, c, axis=1), 24, 16, strides=[2, 2]))
    pooled = [net.silu(net.conv(net.silu(net.conv(fine, 16, 32, strides=[2, 2])), 32, 16, taps=1))]
    for _ in range(3):
        pooled.append(
            net.add("MaxPool", pooled[-1], kernel_shape=[5, 5], strides=[1, 1], pads=[2] * 4)
        )
    middle = _attention(net, net.silu(net.conv(net.add("Concat", *pooled, axis=1), 64, 32, taps=1)))
    options = {
        "mode": "nearest",
        "coordinate_transformation_mode": "asymmetric",
        "nearest_mode": "floor",
    }
    up = net.add("Resize", middle, "", net.constant(np.array([1, 1, 2, 2], np.float32)), **options)
    fine = net.silu(net.conv(net.add("Concat", up, fine, axis=1), 48, 16))
    part = net.add("Slice", fine, *(net.constant(np.array([n])) for n in (4, 12, 1)))
    coarse = net.silu(net.conv(middle, 32, 32, strides=[2, 2]))
    return _head(net, [(part, 8, 8), (middle, 32, 4), (coarse, 32, 2)], newest)


def _attention(net, x):
    """Two heads on 4×4 places."""
    qkv = net.add("Reshape", net.conv(x, 32, 48, taps=1), net.constant(np.array([1, 2, 24, 16])))
    q, k, v = net.add("Split", qkv, net.constant(np.array([8, 8, 8])), outputs=3, axis=2)
    scores = net.add("MatMul", net.add("Transpose", q, perm=[0, 1, 3, 2]), k)
    shares = net.add("Softmax", net.add("Mul", scores, net.constant(np.float32(0.35))), axis=-1)
    seen = net.add("MatMul", v, net.add("Transpose", shares, perm=[0, 1, 3, 2]))
    image = net.constant(np.array([1, 16, 4, 4]))
    places = net.conv(net.add("Reshape", v, image), 16, 16, groups=16)
    return net.add(
        "Add", x, net.conv(net.add("Add", net.add("Reshape", seen, image), places), 16, 32, taps=1)
    )


def _head(net, levels, newest):
    """Boxes with anchors and strides, scores, and 17 keypoints: 1×56×84; as YOLO26 has them, from
    distances to the sides, or as numbers."""
    flat = []
    for x, channels, side in levels:
        made = net.conv(net.silu(net.conv(x, channels, 16)), 16, 56, taps=1)
        flat.append(net.add("Reshape", made, net.constant(np.array([1, 56, side * side]))))
    boxes, score, keypoints = net.add(
        "Split",
        net.add("Concat", *flat, axis=2),
        net.constant(np.array([4, 1, 51])),
        outputs=3,
        axis=1,
    )
    places = [
        np.stack(np.meshgrid(np.arange(n) + 0.5, np.arange(n) + 0.5)).reshape(2, -1) * (64 // n)
        for _, _, n in levels
    ]
    strides = np.concatenate([np.full(n * n, 64 // n) for _, _, n in levels])
    if newest:
        grid = np.concatenate(places, 1)[None] / strides
        return net.model(
            [
                _decoded(
                    net,
                    boxes,
                    score,
                    keypoints,
                    grid.astype(np.float32),
                    strides[None].astype(np.float32),
                )
            ]
        )
    anchors = np.tile(np.concatenate(places, 1), (2, 1))[None].astype(np.float32)
    boxes = net.add("Mul", boxes, net.constant(strides.astype(np.float32)[None, None]))
    boxes = net.add("Add", boxes, net.constant(anchors))
    return net.model([net.add("Concat", boxes, net.add("Sigmoid", score), keypoints, axis=1)])


def _decoded(net, boxes, score, keypoints, anchors, strides):
    """Boxes of distances from the anchors to left, top, right and bottom; keypoints from the
    anchors. Constants stay floats."""
    left_top, right_bottom = net.add(
        "Split", boxes, net.constant(np.array([2, 2])), outputs=2, axis=1
    )
    first = net.add("Sub", net.constant(anchors), left_top)
    last = net.add("Add", right_bottom, net.constant(anchors))
    middle = net.add("Div", net.add("Add", first, last), net.constant(np.float32(2)))
    boxes = net.add(
        "Mul", net.add("Concat", middle, net.add("Sub", last, first), axis=1), net.constant(strides)
    )
    keypoints = net.add("Reshape", keypoints, net.constant(np.array([1, 17, 3, anchors.shape[-1]])))
    places, seen = net.add("Split", keypoints, net.constant(np.array([2, 1])), outputs=2, axis=2)
    places = net.add(
        "Add",
        net.add("Mul", places, net.constant(np.float32(2))),
        net.constant(anchors[:, None] - np.float32(0.5)),
    )
    places = net.add("Mul", places, net.constant(strides))
    keypoints = net.add("Concat", places, net.add("Sigmoid", seen), axis=2)
    keypoints = net.add("Reshape", keypoints, net.constant(np.array([1, 51, anchors.shape[-1]])))
    return net.add("Concat", boxes, net.add("Sigmoid", score), keypoints, axis=1)

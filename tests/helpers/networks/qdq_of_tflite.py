"""A full-integer .tflite as a QDQ .onnx of the same scales: each operator in floats, between
DequantizeLinear and QuantizeLinear.

It knows the operators of a YOLO pose network. Images stay channels last; a convolution stands
between two Transpose.
"""

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

TYPES = {"uint8": TensorProto.UINT8, "int8": TensorProto.INT8, "float32": TensorProto.FLOAT}
PLAIN = {"LOGISTIC": "Sigmoid", "MUL": "Mul", "ADD": "Add", "SUB": "Sub", "QUANTIZE": "Identity"}


class Writer:
    """Collects nodes; ``real`` names the float values of a tensor of the .tflite."""

    def __init__(self, graph):
        self.graph, self.nodes, self.constants, self.reals = graph, [], [], {}

    def add(self, operator, *inputs, outputs=1, **attributes):
        names = [f"n{len(self.nodes)}_{i}" for i in range(outputs)]
        self.nodes.append(helper.make_node(operator, list(inputs), names, **attributes))
        return names[0] if outputs == 1 else names

    def constant(self, values):
        self.constants.append(
            numpy_helper.from_array(np.ascontiguousarray(values), f"c{len(self.constants)}")
        )
        return self.constants[-1].name

    def scale(self, tensor, count=None):
        """Scale and zero point; of a weight with ``count`` channels, one each."""
        made = tensor.quantization
        many = count is not None and len(made.scales) == count
        values = (made.scales, made.zero_points) if many else (made.scales[0], made.zero_points[0])
        return self.constant(np.float32(values[0])), self.constant(
            np.array(values[1], tensor.dtype)
        )

    def real(self, index):
        tensor = self.graph.tensors[index]
        if index not in self.reals:
            self.reals[index] = self.add(
                "DequantizeLinear", self.constant(tensor.data), *self.scale(tensor)
            )
        return self.reals[index]

    def write(self, index, real):
        tensor = self.graph.tensors[index]
        steps = self.add("QuantizeLinear", real, *self.scale(tensor))
        self.reals[index] = self.add("DequantizeLinear", steps, *self.scale(tensor))

    def image(self, real, back=False):
        return self.add("Transpose", real, perm=[0, 2, 3, 1] if back else [0, 3, 1, 2])


def margins(size, made, taps, step):
    """Before and after, of SAME."""
    missing = max((made - 1) * step + taps - size, 0)
    return missing // 2, missing - missing // 2


def window(writer, operator, taps):
    shapes = [writer.graph.tensors[t].shape for t in (operator.inputs[0], operator.outputs[0])]
    steps = list(operator.attributes.stride)
    same = operator.attributes.padding == "SAME"
    pads = [
        margins(*sizes) if same else (0, 0)
        for sizes in zip(shapes[0][1:3], shapes[1][1:3], taps, steps)
    ]
    return {
        "kernel_shape": list(taps),
        "strides": steps,
        "pads": [pads[0][0], pads[1][0], pads[0][1], pads[1][1]],
    }


def convolution(writer, operator):
    source, weights, bias = (writer.graph.tensors[t] for t in operator.inputs)
    count = len(weights.data)
    matrix = writer.constant(weights.data.transpose(0, 3, 1, 2))
    kernel = writer.add("DequantizeLinear", matrix, *writer.scale(weights, count), axis=0)
    scales = np.broadcast_to(source.quantization.scales[0] * weights.quantization.scales, count)
    addend = writer.add(
        "DequantizeLinear",
        writer.constant(bias.data),
        writer.constant(scales.astype(np.float32)),
        axis=0,
    )
    image = writer.image(writer.real(operator.inputs[0]))
    made = writer.add(
        "Conv", image, kernel, addend, **window(writer, operator, weights.data.shape[1:3])
    )
    return writer.image(made, back=True)


def strided_slice(writer, operator):
    shape = writer.graph.tensors[operator.inputs[0]].shape
    begins, ends, steps = (
        writer.graph.tensors[t].data.astype(np.int64).copy() for t in operator.inputs[1:]
    )
    for d in range(len(shape)):
        begins[d] = 0 if operator.attributes.begin_mask >> d & 1 else begins[d]
        ends[d] = shape[d] if operator.attributes.end_mask >> d & 1 else ends[d]
    given = [writer.constant(values) for values in (begins, ends, np.arange(len(shape)), steps)]
    return writer.add("Slice", writer.real(operator.inputs[0]), *given)


def moved(writer, operator):
    """Everything else of one result."""
    real, output = writer.real(operator.inputs[0]), writer.graph.tensors[operator.outputs[0]]
    match operator.name:
        case "CONCATENATION":
            return writer.add(
                "Concat", *map(writer.real, operator.inputs), axis=operator.attributes.axis
            )
        case "RESHAPE":
            return writer.add("Reshape", real, writer.constant(np.array(output.shape, np.int64)))
        case "TRANSPOSE":
            return writer.add(
                "Transpose", real, perm=writer.graph.tensors[operator.inputs[1]].data.tolist()
            )
        case "PAD":
            return writer.add(
                "Pad",
                real,
                writer.constant(
                    writer.graph.tensors[operator.inputs[1]].data.T.reshape(-1).astype(np.int64)
                ),
            )
        case "SOFTMAX":
            return writer.add("Softmax", real, axis=-1)
        case "MAX_POOL_2D":
            taps = operator.attributes.size
            return writer.image(
                writer.add("MaxPool", writer.image(real), **window(writer, operator, taps)),
                back=True,
            )
        case "RESIZE_NEAREST_NEIGHBOR":
            sizes = writer.constant(np.array(output.shape, np.int64)[[0, 3, 1, 2]])
            how = {
                "mode": "nearest",
                "coordinate_transformation_mode": "asymmetric",
                "nearest_mode": "floor",
            }
            return writer.image(
                writer.add("Resize", writer.image(real), "", "", sizes, **how), back=True
            )
    raise NotImplementedError(operator.name)


def qdq_of(graph):
    """A ModelProto of a :class:`poseutils.compiler.graph.Graph` whose input is uint8 and whose
    output a DEQUANTIZE."""
    writer = Writer(graph)
    given = graph.tensors[graph.inputs[0]]
    writer.reals[graph.inputs[0]] = writer.add("DequantizeLinear", "image", *writer.scale(given))
    for operator in graph.operators:
        if operator.name == "DEQUANTIZE":
            writer.nodes.append(
                helper.make_node("Identity", [writer.real(operator.inputs[0])], ["poses"])
            )
        elif operator.name == "SPLIT":
            axis = int(graph.tensors[operator.inputs[0]].data.reshape(-1)[0])
            parts = writer.add(
                "Split", writer.real(operator.inputs[1]), outputs=len(operator.outputs), axis=axis
            )
            for index, part in zip(operator.outputs, parts):
                writer.write(index, part)
        elif operator.name in PLAIN:
            writer.write(
                operator.outputs[0],
                writer.add(PLAIN[operator.name], *map(writer.real, operator.inputs)),
            )
        else:
            make = {"CONV_2D": convolution, "STRIDED_SLICE": strided_slice}.get(
                operator.name, moved
            )
            writer.write(operator.outputs[0], make(writer, operator))
    ends = [
        helper.make_tensor_value_info(name, TYPES[tensor.dtype], tensor.shape)
        for name, tensor in (("image", given), ("poses", graph.tensors[graph.outputs[0]]))
    ]
    made = helper.make_graph(writer.nodes, "yolo", ends[:1], ends[1:], writer.constants)
    model = helper.make_model(made, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    return onnx.shape_inference.infer_shapes(model, strict_mode=True)

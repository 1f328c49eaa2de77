"""The network that comes with the project, for smaller images."""

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema


def smaller(data: bytes, factor: int) -> bytes:
    """A .tflite of convolutions, with all maps smaller by a factor that divides their sizes."""
    model = schema.ModelT.InitFromPackedBuf(data)
    (graph,) = model.subgraphs
    for tensor in graph.tensors:
        values = model.buffers[tensor.buffer].data
        if values is None and len(tensor.shape) == 4:
            batch, height, width, channels = tensor.shape
            tensor.shape = [batch, height // factor, width // factor, channels]
            tensor.shapeSignature = None
        elif tensor.name.endswith(b"resize/size"):
            size = np.frombuffer(bytes(values), np.int32) // factor
            model.buffers[tensor.buffer].data = size.view(np.uint8)
    builder = flatbuffers.Builder(len(data))
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())

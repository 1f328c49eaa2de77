"""Files to graphs: .tflite, .onnx, and QDQ networks as integer operators."""

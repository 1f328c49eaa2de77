"""LiteRT's reference kernels, the truth that exported C is held to."""

from __future__ import annotations

import numpy as np

from poseutils.streams import silent_stderr


class Reference:
    """A .tflite, by path or bytes, that is run without optimized kernels and keeps every tensor."""

    def __init__(self, model):
        from ai_edge_litert.interpreter import Interpreter, OpResolverType

        given = {"model_content": model} if isinstance(model, bytes) else {"model_path": str(model)}
        with silent_stderr():
            self.interpreter = Interpreter(
                **given,
                experimental_op_resolver_type=OpResolverType.BUILTIN_REF,
                experimental_preserve_all_tensors=True,
            )
            self.interpreter.allocate_tensors()
        self.input = self.interpreter.get_input_details()[0]

    def run(self, batch_of_one: np.ndarray) -> None:
        self.interpreter.set_tensor(self.input["index"], batch_of_one)
        self.interpreter.invoke()

    def tensor(self, index: int) -> np.ndarray:
        return self.interpreter.get_tensor(index)


def same(a: np.ndarray, b: np.ndarray) -> bool:
    """Bit by bit."""
    return a.dtype == b.dtype and a.tobytes() == b.tobytes()

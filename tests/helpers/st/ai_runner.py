"""The stand-in's ``stm_ai_runner``: LiteRT's results in the types and the order of channels that
the "library" was made for, described as ST's package describes tensors."""

import json
import os
import time
from pathlib import Path
from typing import NamedTuple

import numpy as np
from ai_edge_litert.interpreter import Interpreter

ROOT = Path(__file__).resolve().parents[3]


class Tensor(NamedTuple):
    name: str
    shape: tuple
    dtype: type
    scale: list
    zero_point: list


class AiRunner:
    def connect(self, description):
        self._mode = (ROOT / "mode").read_text()
        print("looking for", description)
        os.write(1, b"written by the library itself\n")
        if self._mode == "other version":
            raise RuntimeError("E801(HwIOError): the library is of version (2, 2, 0)")
        if self._mode == "slow":
            time.sleep(60)
        place = self._place(description)
        if place is None:
            return False
        made = json.loads(place.read_text())
        self._interpreter = Interpreter(made["model"])
        self._interpreter.allocate_tensors()
        self._made = made
        return True

    def _place(self, description):
        if description.startswith("serial"):
            board = ROOT / "board.json"
            return board if board.is_file() and self._mode != "no board" else None
        return next(Path(description).rglob("libai_*.so"), None)

    def get_error(self):
        return None

    def disconnect(self):
        pass

    def get_inputs(self):
        return [self._tensor(self._interpreter.get_input_details()[0], "input")]

    def get_outputs(self):
        return [self._tensor(d, "output") for d in self._interpreter.get_output_details()]

    def _tensor(self, detail, side):
        """Integer scales of a quantized tensor; as ST does, another 8-bit type has another zero
        point, a float none."""
        own = np.dtype(detail["dtype"])
        dtype = np.dtype(self._made[f"{side}_type"] or own)
        scale, zero_point = detail["quantization"]
        if dtype.kind == "f":
            scale, zero_point = 0.0, 0
        else:
            zero_point += int(np.iinfo(dtype).min) - int(np.iinfo(own).min)
        shape = tuple(int(n) for n in detail["shape"])
        if self._made[f"{side}_chpos"] == "chfirst":
            shape = (shape[0], shape[-1], *shape[1:-1])
        if side == "output":
            shape = (shape[0], 1, *shape[1:])
        return Tensor(f"{side}_0", shape, dtype.type, [scale], [zero_point])

    def invoke(self, inputs, disable_pb=False):
        mode = (ROOT / "mode").read_text()
        if mode == "crash":
            os.kill(os.getpid(), 11)
        if mode == "stuck":
            time.sleep(60)
        detail, tensor = self._interpreter.get_input_details()[0], self.get_inputs()[0]
        (array,) = inputs
        assert array.dtype == tensor.dtype and array.shape == tensor.shape, (array.shape, tensor)
        if self._made["input_chpos"] == "chfirst":
            array = np.moveaxis(array, 1, -1)
        self._interpreter.set_tensor(detail["index"], _converted(array, tensor, detail))
        self._interpreter.invoke()
        return [
            self._given(d, tensor)
            for d, tensor in zip(self._interpreter.get_output_details(), self.get_outputs())
        ], {}

    def _given(self, detail, tensor):
        array = self._interpreter.get_tensor(detail["index"])
        scale, zero_point = detail["quantization"]
        if np.dtype(tensor.dtype).kind == "f" and array.dtype.kind != "f":
            array = (array.astype(np.float32) - zero_point) * np.float32(scale)
        elif tensor.dtype != array.dtype.type:
            moved = array.astype(int) + tensor.zero_point[0] - zero_point
            array = moved.astype(tensor.dtype)
        if self._made["output_chpos"] == "chfirst":
            array = np.moveaxis(array, -1, 1)
        return array.reshape(tensor.shape)


def _converted(array, tensor, detail):
    """What the network's own input is for one of the asked type."""
    own = np.dtype(detail["dtype"])
    scale, zero_point = detail["quantization"]
    if array.dtype.kind == "f" and own.kind != "f":
        return np.clip(
            np.rint(array / scale) + zero_point, np.iinfo(own).min, np.iinfo(own).max
        ).astype(own)
    return (array.astype(int) + zero_point - tensor.zero_point[0]).astype(own)

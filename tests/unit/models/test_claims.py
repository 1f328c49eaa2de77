"""What a file claims is looked at before a runtime takes memory or time for it."""

import numpy as np
import pytest

from poseutils.errors import PoseError
from poseutils.models.network import open_network, tflite_runner
from tests.helpers.networks.tiny_tflite import build, tensor


def test_a_network_of_more_memory_than_any_is_refused(tmp_path):
    shape = [1, 1024, 1024, 1000]
    tensors = [tensor(name, shape) for name in "abc"]
    (tmp_path / "large.tflite").write_bytes(build(tensors, [("ADD", [0, 1], [2])], [0, 1], [2]))
    with pytest.raises(PoseError, match="claims 3,145,728,000 bytes of memory; up to 2,147,483"):
        open_network(tmp_path / "large.tflite")


def test_a_tensor_of_2_to_the_40_is_refused(tmp_path):
    tensors = [tensor(name, [1, 1 << 20, 1 << 20, 1]) for name in "ab"]
    (tmp_path / "large.tflite").write_bytes(build(tensors, [("ABS", [0], [1])], [0], [1]))
    with pytest.raises(PoseError, match="'a' of shape .* has 1099511627776 bytes"):
        open_network(tmp_path / "large.tflite")


@pytest.mark.parametrize("method", ["set_tensor", "invoke", "get_tensor"])
@pytest.mark.parametrize("error", [ValueError, RuntimeError, MemoryError])
def test_what_a_runtime_raises_is_a_sentence(method, error):
    class Interpreter:
        def get_input_details(self):
            return [
                {"index": 0, "name": "a", "shape": [1], "dtype": np.int8, "quantization": (0, 0)}
            ]

        get_output_details = get_input_details

        def __getattr__(self, name):
            def call(*given):
                if name == method:
                    raise error("no")

            return call

    _, _, invoke = tflite_runner(Interpreter())
    with pytest.raises(PoseError, match="the model cannot be run: no"):
        invoke(np.zeros(1, np.int8))

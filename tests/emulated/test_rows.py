"""The shipped network with pushed rows on an emulated Cortex-M: the bytes that this computer
gives, and all the work of the layers one after the other."""

import numpy as np
import pytest

from poseutils.deployment import export
from poseutils.deployment.verify.emulator import EMULATED
from tests.helpers.marks import slow_except, with_qemu

SHIPPED = "data/models/st_movenet_lightning_heatmaps_a035_192_int8.tflite"


@pytest.fixture(scope="module")
def bundles(repository, tmp_path_factory):
    """The network with pushed rows, and layer by layer."""
    folder = tmp_path_factory.mktemp("rows")
    pushed = export(repository / SHIPPED, folder / "pushed", input="pushed", memory="least")
    return pushed, export(repository / SHIPPED, folder / "layerwise", memory="layerwise")


@with_qemu
@pytest.mark.parametrize("core", slow_except({"m7"}, EMULATED))
def test_pushed_rows_give_the_same_bytes_on_a_core(bundles, core):
    pushed, layerwise = bundles
    shape, dice = pushed.inputs[0].shape, np.random.default_rng(7)
    images = dice.integers(0, 256, (2, *shape[1:])).astype(pushed.inputs[0].dtype)
    made, expected = pushed.emulate(images, EMULATED[core].core), pushed.run_host(images)
    by_layers = layerwise.emulate(images, EMULATED[core].core)
    for name, values in expected.items():
        assert values.dtype == made.outputs[name].dtype
        np.testing.assert_array_equal(made.outputs[name], values)
        np.testing.assert_array_equal(by_layers.outputs[name], values)
    assert max(made.instructions) <= 1.01 * min(by_layers.instructions)

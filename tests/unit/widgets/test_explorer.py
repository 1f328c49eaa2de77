import numpy as np

from poseutils import widgets
from poseutils.images import fit_to
from poseutils.widgets.explorer import unfit


def test_heat_lands_on_the_picture_where_the_network_saw_it():
    """A cell's heat, taken back to an image that was letterboxed, peaks where the transform
    says."""
    _, transform = fit_to(np.zeros((120, 240, 3), np.uint8), (96, 96), "padding")
    heat = np.zeros((24, 24), np.float32)
    heat[10, 15] = 1
    spread = unfit(heat, transform.matrix, (96, 96), (120, 240))
    y, x = np.unravel_index(spread.argmax(), spread.shape)
    expected = transform.to_image(np.array([15.5 * 4, 10.5 * 4]))
    np.testing.assert_allclose((x + 0.5, y + 0.5), expected, atol=1.01)


def test_explorer_redraws_when_a_control_moves(asset):
    import poseutils as pu

    asset("models/st_movenet_lightning_heatmaps_192_int8_pc.tflite")
    model = pu.load_model("st_movenet_lightning_heatmaps_192_13kpts")
    explorer = widgets.explore(model, [asset("images/bus.jpg"), asset("hands/onehand10k_9.jpg")])
    controls, picture = explorer.children
    seen = {bytes(picture.value)}
    for control, value in zip(controls.children, (1, 0.01, 0.9, -1), strict=True):
        control.value = value
        seen.add(bytes(picture.value))
    assert len(seen) == 5 and all(png.startswith(b"\x89PNG") for png in seen)

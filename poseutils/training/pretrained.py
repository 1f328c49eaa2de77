"""Weights that MobileNetV2 learned on ImageNet, as Keras publishes them, for a backbone to start
from."""

from __future__ import annotations

import os
from pathlib import Path

from ..errors import PoseError
from ..files import atomic_path
from ..models.zoo import cache_folder

PUBLISHED = {
    **{alpha: (96, 128, 160, 192, 224) for alpha in (0.35, 0.5, 0.75, 1.0)},
    **{alpha: (224,) for alpha in (1.3, 1.4)},
}
"""Widths that there are weights for, and the sizes of the square images that they were trained
on."""
USUAL_SIZE = 224
"""What images of any other size take; the weights fit every size."""
ADDRESS = "https://storage.googleapis.com/tensorflow/keras-applications/mobilenet_v2"


def check_pretrained(alpha: float) -> None:
    """Whether there are weights for this width.

    Raises:
        PoseError: if not; names the widths that have them.
    """
    if alpha not in PUBLISHED:
        raise PoseError(
            f"pretrained is true and alpha {alpha:g}, for which Keras has no ImageNet weights; "
            "choose alpha "
            f"{', '.join(f'{known:g}' for known in PUBLISHED)}, or pretrained: false"
        )


def load_pretrained(backbone, alpha: float, input_size: tuple[int, int]) -> None:
    """Gives a backbone its ImageNet weights.

    Args:
        backbone: Keras's MobileNetV2 without its top.
        alpha: its width, one of :data:`PUBLISHED`.
        input_size: height and width of its images; weights trained on images of that size are taken
            where there are some.

    Raises:
        PoseError: if the weights cannot be downloaded, or the file is damaged or another network's.
    """
    path = find_weights(alpha, input_size)
    try:
        backbone.load_weights(path)
    except Exception as error:  # h5py and keras each raise their own
        raise PoseError(
            f"{path} does not hold the weights of MobileNetV2 at alpha {alpha:g}: {error}. Delete "
            "it and try again."
        ) from error


def find_weights(alpha: float, input_size: tuple[int, int]) -> Path:
    """The file of weights: from anywhere below the cache folder or from Keras's own cache; else
    downloaded by Keras, once.

    Keras publishes no hash of these files; loading checks the number of layers and the shape of
    every weight.

    Raises:
        PoseError: if it cannot be downloaded; says which file to put where.
    """
    height, width = input_size
    size = height if height == width and height in PUBLISHED[alpha] else USUAL_SIZE
    name = f"mobilenet_v2_weights_tf_dim_ordering_tf_kernels_{alpha}_{size}_no_top.h5"
    keras_cache = Path(os.environ.get("KERAS_HOME", "~/.keras")).expanduser() / "models" / name
    found = [*sorted(cache_folder().rglob(name)), *([keras_cache] if keras_cache.is_file() else [])]
    return found[0] if found else _download(name, cache_folder() / "models")


def _download(name: str, folder: Path) -> Path:
    import keras

    with atomic_path(folder / name) as temporary:
        try:
            keras.utils.get_file(
                temporary.name,
                f"{ADDRESS}/{name}",
                cache_dir=str(folder),
                cache_subdir="",
                force_download=True,
            )
        except Exception as error:  # Keras raises Exception itself, sockets and ssl their own
            raise PoseError(
                f"cannot download Keras's ImageNet weights: {error}\nGet {ADDRESS}/{name} by "
                "other means and put it at "
                f"{folder / name}, or set POSEUTILS_CACHE to a folder that has it; or train "
                "without them: model.pretrained: false"
            ) from None
    return folder / name

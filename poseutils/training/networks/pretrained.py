"""Keras's ImageNet weights of MobileNetV2, for pretrained backbones."""

from __future__ import annotations

import os
from pathlib import Path

from ...errors import PoseError
from ...files import atomic_path
from ...models.zoo import cache_folder

PUBLISHED = {
    **{alpha: (96, 128, 160, 192, 224) for alpha in (0.35, 0.5, 0.75, 1.0)},
    **{alpha: (224,) for alpha in (1.3, 1.4)},
}
"""Published width multipliers, each with the input resolutions of its weights."""
USUAL_SIZE = 224
"""The weights for any other resolution; they fit all."""
ADDRESS = "https://storage.googleapis.com/tensorflow/keras-applications/mobilenet_v2"


def check_pretrained(alpha: float) -> None:
    """Checks that there are weights for a width multiplier.

    Raises:
        PoseError: if not; the message lists those that have weights.
    """
    if alpha not in PUBLISHED:
        raise PoseError(
            f"pretrained is true and alpha {alpha:g}, for which Keras has no ImageNet weights; "
            f"choose alpha {', '.join(f'{known:g}' for known in PUBLISHED)}, or pretrained: false"
        )


def load_pretrained(backbone, alpha: float, input_size: tuple[int, int]) -> None:
    """Loads ImageNet weights into a backbone.

    Args:
        backbone: Keras's MobileNetV2 without its top.
        alpha: its width multiplier, one of :data:`PUBLISHED`.
        input_size: height and width; weights of that resolution are preferred.

    Raises:
        PoseError: if the weights cannot be downloaded, or the file is damaged or of another
            network.
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
    """The file of the weights: in the cache folder, in Keras's own cache, or downloaded.

    Keras publishes no hash of these files; loading checks the number of layers and all shapes.

    Raises:
        PoseError: if it cannot be downloaded; the message has instructions to do so manually.
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

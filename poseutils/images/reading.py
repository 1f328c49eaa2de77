"""Image files become arrays, upright, of 8 bits."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import cv2
import numpy as np
from PIL import Image, UnidentifiedImageError

from ..errors import PoseError

MAX_PIXELS = 178_956_970
"""Pillow's own limit against decompression bombs: about 13,000 × 13,000 pixels."""

_ORIENTATION = 0x0112  # of EXIF: 1 is upright
_TRANSPOSED, _MIRRORED, _UPSIDE_DOWN = (5, 6, 7, 8), (2, 3, 6, 7), (3, 4, 7, 8)
_WIDTH, _HEIGHT = 0x0100, 0x0101  # of TIFF, as stored
_BITS, _PHOTOMETRIC, _SAMPLE_FORMAT = 0x0102, 0x0106, 0x0153
_END_OF_JPEG = b"\xff\xd9"


def image_size(path: str | Path) -> tuple[int, int]:
    """Width and height as shown, EXIF orientation applied, without decoding the pixels.

    Raises:
        PoseError: if the file is missing, empty, or not an image.
    """
    path = Path(path)
    check_regular(path)
    with refusals_named(path), Image.open(path) as image:
        tags = getattr(image, "tag_v2", {})  # of TIFF, whose size Pillow may have turned already
        width, height = tags.get(_WIDTH, image.width), tags.get(_HEIGHT, image.height)
        return (height, width) if _orientation(image) in _TRANSPOSED else (width, height)


def is_turned(path: str | Path) -> bool:
    """Whether an image is shown turned or mirrored by its EXIF orientation. False for PNG, which
    would have to be decoded for it, and for what cannot be read."""
    try:
        with refusals_named(Path(path)), Image.open(path) as image:
            return image.format != "PNG" and _orientation(image) in range(2, 9)
    except PoseError:
        return False


def read_image(path: str | os.PathLike[str]) -> np.ndarray:
    """Reads an image file, upright.

    EXIF orientation is applied, gray becomes three equal channels, transparency is put on white.
    16 bits become 8. Floats and 32 bits are taken as 0 to 1 (floats only), 255, 65535 or the
    largest of their type, whichever is the first that holds them.

    Returns:
        (H, W, 3) uint8 RGB.

    Raises:
        PoseError: if the file is missing, empty, truncated, too large, or not an image.
    """
    path = Path(path)
    check_regular(path)
    with refusals_named(path):
        data = path.read_bytes()
    return decode_image(data, path)


def decode_image(data: bytes, name: str | Path) -> np.ndarray:
    """The pixels of an image file's bytes, as :func:`read_image`; ``name`` is for errors."""
    with refusals_named(name), Image.open(io.BytesIO(data)) as image:
        _check_size(name, image)
        plain = _read_plain_jpeg(data, image)
        if plain is not None:
            return plain
        image.load()  # turns a TIFF
        return _upright(np.asarray(to_rgb(image, name)), _orientation(image))


@contextmanager
def refusals_named(path: str | Path) -> Iterator[None]:
    """Raises what Pillow raises for a file as a PoseError with its name."""
    try:
        yield
    except PoseError:
        raise
    except (Image.DecompressionBombError, MemoryError) as error:
        reason = str(error).rstrip(".")
        raise PoseError(
            f"{path} is too large: {reason}. Make it smaller than {MAX_PIXELS / 1e6:.0f} million "
            "pixels."
        ) from error
    except UnidentifiedImageError as error:
        raise PoseError(
            f"{path} is not an image that can be read (JPEG, PNG, WebP, BMP or another format that "
            "Pillow reads, which HEIC and TIFF of 64 bits or of float colors are not): convert it "
            "to JPEG or PNG"
        ) from error
    except Exception as error:  # Pillow's readers raise errors of any type for a damaged file
        raise PoseError(f"{path} is truncated or damaged: {error}") from error


def check_regular(path: Path, expected: str = "an image") -> None:
    """Pipes and devices would be waited for; an empty file is said to be so.

    Raises:
        PoseError: for all of them, and if there is no such file.
    """
    if not path.exists():
        raise PoseError(f"no such {expected.split()[1]}: {path}")
    if not path.is_file():
        raise PoseError(f"{path} is not a regular file; expected {expected}")
    if path.stat().st_size == 0:
        raise PoseError(f"{path} is empty (0 bytes): expected {expected}")


def _check_size(path: str | Path, image: Image.Image) -> None:
    width, height = image.size
    if width * height > MAX_PIXELS:
        raise PoseError(
            f"{path} is too large: {width} × {height} pixels; the limit is {MAX_PIXELS / 1e6:.0f} "
            "million. Make it smaller."
        )


def _read_plain_jpeg(data: bytes, image: Image.Image) -> np.ndarray | None:
    """The pixels (H, W, 3) of an upright, complete JPEG of three channels, else None: OpenCV
    decodes it to the same bytes in less time.

    It would fill what a truncated file lacks with gray, and so only files that end as they should
    are given to it.
    """
    if (
        image.format != "JPEG"
        or image.mode != "RGB"
        or not data.endswith(_END_OF_JPEG)
        or _orientation(image) != 1
    ):
        return None
    # OpenCV would follow orientations in damaged EXIF that Pillow does not see
    flags = cv2.IMREAD_COLOR_RGB | cv2.IMREAD_IGNORE_ORIENTATION
    return cv2.imdecode(np.frombuffer(data, np.uint8), flags)


def _orientation(image: Image.Image) -> int:
    return image.getexif().get(_ORIENTATION, 1)


def _upright(image: np.ndarray, orientation: int) -> np.ndarray:
    """(H, W, 3) as shown. Pillow's own function writes the EXIF anew, which fails where other parts
    of it are damaged."""
    if orientation in _TRANSPOSED:
        image = image.transpose(1, 0, 2)
    if orientation in _MIRRORED:
        image = image[:, ::-1]
    if orientation in _UPSIDE_DOWN:
        image = image[::-1]
    return np.ascontiguousarray(image)


def to_rgb(image: Image.Image, path: str | Path) -> Image.Image:
    if image.mode.startswith("I;16") or image.mode in ("I", "F"):
        return Image.fromarray(_to_8_bits(image, path)).convert("RGB")
    if image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info:
        image = image.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", image.size, "white"), image).convert("RGB")
    return image if image.mode == "RGB" else image.convert("RGB")


def _to_8_bits(image: Image.Image, path: str | Path) -> np.ndarray:
    """(H, W) uint8 from up to 16 bits, which are scaled by their type, or from floats and 32 bits,
    which often hold less than their type."""
    values, tags = np.asarray(image, dtype=np.float64), getattr(image, "tag_v2", {})
    bits, is_signed = (tags.get(_BITS) or (0,))[0], tags.get(_SAMPLE_FORMAT) == (2,)
    largest: float
    if image.mode.startswith("I;16") or image.format == "PNG" or 0 < bits <= 16:
        largest = 2 ** ((bits or 16) - is_signed) - 1
    else:
        if bits == 32 and image.mode == "I" and not is_signed:
            values %= 2**32  # Pillow has no unsigned ones
        limits = (1, 255, 65535) if image.mode == "F" else (255, 65535, 2 ** (32 - is_signed) - 1)
        low, high = values.min(), values.max()
        if not 0 <= low <= high <= limits[-1]:
            raise PoseError(
                f"{path} has values from {low:g} to {high:g}; expected 0 to {limits[0]}, "
                f"{limits[1]} or {limits[2]}: scale them to one of these"
            )
        largest = next(limit for limit in limits if high <= limit)
    values *= 255 / largest
    if tags.get(_PHOTOMETRIC) == 0:  # white is 0
        values = 255 - values
    return values.round().clip(0, 255).astype(np.uint8)

"""Images: read them, and fit them to a network's input."""

from __future__ import annotations

import io
import os
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np
from PIL import Image, ImageFile, UnidentifiedImageError

from .config.names import INTERPOLATIONS
from .errors import PoseError
from .files import files_below
from .geometry import Transform, fitted

MAX_PIXELS = 178_956_970
"""Pillow's own limit against decompression bombs: about 13,000 × 13,000 pixels."""


# ---------------------------------------------------------------- reading


def find_images(folder: str | Path) -> list[Path]:
    """All image files in a folder and its subfolders, sorted by name; a path to one image is a list
    of one.

    Warns of images that are left out: in formats that are not read, and what is not a regular file.

    Raises:
        PoseError: if there is no such folder, or no image in it.
    """
    folder = Path(folder)
    if folder.is_file():
        return [folder]
    if not folder.is_dir():
        what = "not a regular file" if folder.exists() else "no such folder of images"
        raise PoseError(f"{what}: {folder}. Give a folder or one image file.")
    files, others = files_below(folder)
    chosen = [p for p in files if _suffix(p) in image_suffixes()]
    left = [p for p in files if _suffix(p) in _OTHER_SUFFIXES - image_suffixes()]
    images = image_suffixes() | _OTHER_SUFFIXES
    left += [p for p in others if _suffix(p) in images or os.path.isdir(p)]
    said = (
        f"{_listed(left, folder)} not read: expected regular files, in formats that Pillow reads; "
        "convert them to JPEG or PNG"
    )
    if left and chosen:
        warnings.warn(f"{folder}: {said}", stacklevel=2)
    if not chosen:
        raise PoseError(
            f"no image in {folder}: expected files that end in {', '.join(USUAL_SUFFIXES)}, or in "
            "another suffix that Pillow reads." + (f" {said}." if left else "")
        )
    # In the order of paths, whose comparison is slow
    return [Path(p) for p in sorted(chosen, key=lambda p: p.split(os.sep))]


def _suffix(path: str) -> str:
    return os.path.splitext(path)[1].lower()


def _listed(paths: list[str], folder: Path) -> str:
    """The first of some files by name, and how many there are."""
    names = sorted(os.path.relpath(path, folder) for path in paths)
    more = f" and {len(names) - _LISTED} more" if len(names) > _LISTED else ""
    return f"{', '.join(names[:_LISTED])}{more} {'is' if len(names) == 1 else 'are'}"


USUAL_SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".gif")
_ORIENTATION = 0x0112  # of EXIF: 1 is upright
_TRANSPOSED, _MIRRORED, _UPSIDE_DOWN = (5, 6, 7, 8), (2, 3, 6, 7), (3, 4, 7, 8)
_WIDTH, _HEIGHT = 0x0100, 0x0101  # of TIFF, as stored
_BITS, _PHOTOMETRIC, _SAMPLE_FORMAT = 0x0102, 0x0106, 0x0153
_END_OF_JPEG = b"\xff\xd9"
# Pillow knows them by name only, or through another program
_NO_IMAGES = frozenset({"EPS", "MPEG"})
_OTHER_SUFFIXES = frozenset(
    ".arw .avif .avifs .bpg .cr2 .cr3 .dcm .dng .emf .eps .exr .hdr .heic .heics .heif .heifs .hif "
    ".jls .jng .jp2 .jxl .jxr .mng .mpo .nef .nrw .orf .pef .pict .raf .raw .rw2 .sr2 "
    ".srw .svg .svgz .webp .wdp .wmf .xcf".split()
)
"""Of formats that Pillow does not read everywhere, or not at all."""
_LISTED = 5


@lru_cache(maxsize=1)
def image_suffixes() -> frozenset[str]:
    """The suffixes of all image formats that Pillow reads here, in lower case, such as ``.jpg``."""
    known = Image.registered_extensions()
    readable = {
        name for name, (factory, _) in Image.OPEN.items() if not _is_stub(factory)
    } - _NO_IMAGES
    return frozenset(suffix for suffix, name in known.items() if name in readable)


def _is_stub(factory: Callable) -> bool:
    """Whether Pillow only recognizes the format, and leaves reading it to a plugin that is not
    there (HDF5, GRIB and the like)."""
    return isinstance(factory, type) and issubclass(factory, ImageFile.StubImageFile)


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


COLOR_MODES = {1: ("rgb", "grayscale"), 3: ("rgb", "bgr"), 4: ("rgb", "bgr", "rgba")}
"""By the channels of a network, what its images may be said to be. ``rgb`` goes with all: images
are brought to the channels."""


def to_color_mode(image: np.ndarray, color_mode: str, channels: int = 3) -> np.ndarray:
    """(H, W, 3) RGB with its channels in the order that a network was trained on.

    Args:
        color_mode: ``rgb`` or ``bgr``; ``grayscale`` or ``rgba`` for networks of so many channels.
        channels: of the network; one is made of three, or four, by
            :meth:`poseutils.models.network.Network.prepare`.

    Raises:
        PoseError: for any other order.
    """
    if color_mode not in COLOR_MODES[channels]:
        known = " or ".join(COLOR_MODES[channels])
        raise PoseError(f"color_mode={color_mode!r}: networks of {channels} channels take {known}")
    return np.ascontiguousarray(image[:, :, ::-1]) if color_mode == "bgr" else image


# ---------------------------------------------------------------- fitting


def fit_to(
    image: np.ndarray,
    size: tuple[int, int],
    aspect_ratio: str = "fit",
    interpolation: str = "bilinear",
) -> tuple[np.ndarray, Transform]:
    """Resizes an image to a network's input.

    Args:
        image: (H, W, 3) uint8.
        size: height and width of the input.
        aspect_ratio: ``fit`` (or ``full_screen``) stretches the whole image over the input;
            ``padding`` keeps its proportions and fills the rest with gray (letterbox); ``crop``
            keeps them and fills the input with the middle of the image.
        interpolation: one of ``INTERPOLATIONS``. None of them but ``area`` smooths before it
            shrinks.

    Returns:
        (height, width, 3) from 0 to 255, uint8, or float32 where the interpolation gives fractions
        (those that OpenCV lacks), and the transform that maps points.
    """
    return fitted(
        image, size, aspect_ratio, lambda part, its_size: _resize(part, its_size, interpolation)
    )


# ---------------------------------------------------------------- resampling

_OPENCV = {"bilinear": cv2.INTER_LINEAR, "nearest": cv2.INTER_NEAREST_EXACT, "area": cv2.INTER_AREA}


def _lanczos(radius: int) -> Callable[[np.ndarray], np.ndarray]:
    return lambda x: np.sinc(x) * np.sinc(x / radius)


def _cubic(b: float, c: float) -> Callable[[np.ndarray], np.ndarray]:
    """The two-parameter family of Mitchell and Netravali, "Reconstruction Filters in Computer
    Graphics" (1988)."""

    def kernel(x: np.ndarray) -> np.ndarray:
        near = (12 - 9 * b - 6 * c) * x**3 + (-18 + 12 * b + 6 * c) * x**2 + 6 - 2 * b
        far = (
            (-b - 6 * c) * x**3 + (6 * b + 30 * c) * x**2 + (-12 * b - 48 * c) * x + 8 * b + 24 * c
        )
        return np.where(x < 1, near, far) / 6

    return kernel


_KERNELS: dict[str, tuple[float, Callable[[np.ndarray], np.ndarray]]] = {
    "bicubic": (2, _cubic(0, 0.5)),
    "mitchellcubic": (2, _cubic(1 / 3, 1 / 3)),
    "lanczos3": (3, _lanczos(3)),
    "lanczos5": (5, _lanczos(5)),
    "gaussian": (1.5, lambda x: np.exp(-2 * x**2)),
}
"""What OpenCV lacks, as ``tf.image.resize`` defines it without antialiasing: radius in pixels,
weight at a distance."""


def _resize(image: np.ndarray, size: tuple[int, int], interpolation: str) -> np.ndarray:
    """(H, W, 3) uint8 -> (height, width, 3) uint8 or float32."""
    if interpolation in _OPENCV:
        return cv2.resize(image, size[::-1], interpolation=_OPENCV[interpolation])
    if interpolation not in _KERNELS:
        raise PoseError(
            f"interpolation={interpolation!r}: expected one of {', '.join(INTERPOLATIONS)}"
        )
    rows = _resample(image, size[0], axis=0, interpolation=interpolation)
    return _resample(rows, size[1], axis=1, interpolation=interpolation)


def _resample(image: np.ndarray, count: int, axis: int, interpolation: str) -> np.ndarray:
    """Resamples one axis of an (H, W, C) image to ``count`` pixels, in float32."""
    index, weight = _taps(image.shape[axis], count, interpolation)
    shape = (-1, 1, 1) if axis == 0 else (1, -1, 1)
    return sum(
        image.take(index[:, tap], axis=axis) * weight[:, tap].reshape(shape)
        for tap in range(index.shape[1])
    )


@lru_cache(maxsize=256)
def _taps(length: int, count: int, interpolation: str) -> tuple[np.ndarray, np.ndarray]:
    """Which pixels of a row of ``length`` each of ``count`` outputs reads, and with what weight.

    Returns:
        (count, T) indices and (count, T) float32 weights that sum to one; weight zero where a tap
        falls outside.
    """
    radius, kernel = _KERNELS[interpolation]
    centers = (np.arange(count) + 0.5) * (length / count)
    first = np.ceil(centers - radius - 0.5).astype(np.intp)
    index = first[:, None] + np.arange(int(np.ceil(2 * radius)))
    distance = np.abs(index + 0.5 - centers[:, None])
    weight = np.where((distance < radius) & (index >= 0) & (index < length), kernel(distance), 0)
    return np.clip(index, 0, length - 1), (weight / weight.sum(axis=1, keepdims=True)).astype(
        np.float32
    )

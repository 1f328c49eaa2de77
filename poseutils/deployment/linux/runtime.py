"""Prediction on a board that runs Linux, with NumPy and the board's LiteRT.

This file is copied to the board, with the decoders and what they import; ``settings.json`` holds
preprocessing and thresholds.

    python3 predict.py street.jpg other.ppm --out keypoints.json
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ...decoders import DECODERS, InputSpec, Thresholds, find_outputs
from ...decoders.options import Head
from ...errors import PoseError
from ...geometry import fitted
from ...keypoints import KeypointLayout
from ...models.networks.network import Network
from ...models.networks.runtimes import tflite_runner
from ...poses import Poses

INTERPOLATIONS = ("bilinear", "nearest")
"""Supported by :func:`resize`."""

COLOR_MODES = ("rgb", "bgr")
"""The orders of channels that a network may have been trained on."""


@dataclass(frozen=True)
class Predictor:
    """A network with the settings of ``settings.json``."""

    network: Network
    model_type: str
    layout: KeypointLayout
    aspect_ratio: str
    interpolation: str
    color_mode: str
    normalized: bool
    world_first: bool
    head: Head | None
    thresholds: Thresholds

    def predict(self, image: np.ndarray) -> Poses:
        """(H, W, 3) uint8 RGB -> poses in pixels of the image."""
        image = image if self.color_mode == "rgb" else image[:, :, ::-1]
        pixels, transform = fitted(
            image,
            self.network.input_size,
            self.aspect_ratio,
            lambda part, size: resize(part, size, self.interpolation),
        )
        view = InputSpec(
            *self.network.input_size,
            self.network.channels_first,
            self.normalized,
            head=self.head,
            world_first=self.world_first,
        )
        found = find_outputs(self.model_type, self.network.run(pixels[None]), view)
        (poses,) = DECODERS[self.model_type].decode(found, view, self.layout, self.thresholds)
        return poses.transformed(transform.inverse)


def load(folder: Path, num_threads: int = 1) -> Predictor:
    """The network of an exported folder.

    Raises:
        PoseError: if no LiteRT is installed, or a file is missing or damaged.
    """
    try:
        settings = json.loads((folder / "settings.json").read_text(encoding="utf-8"))
        interpreter = _interpreter()(
            model_path=str(folder / settings["model"]), num_threads=num_threads
        )
        interpreter.allocate_tensors()
        layout = settings["layout"]
        layout = KeypointLayout(
            layout["name"], tuple(layout["names"]), tuple(map(tuple, layout["limbs"]))
        )
    except (OSError, ValueError, KeyError, RuntimeError) as error:
        raise PoseError(f"{folder}: {error}. Copy the folder to the board again.") from error
    inputs, outputs, invoke = tflite_runner(interpreter)
    rescaling = tuple(settings["rescaling"]) if settings["rescaling"] else None
    network = Network(
        folder / settings["model"],
        "litert",
        inputs[0],
        tuple(outputs),
        invoke,
        rescaling,
        num_threads,
    )
    words = ("model_type", "aspect_ratio", "interpolation", "color_mode")
    units = ("normalized", "world_first")
    return Predictor(
        network,
        layout=layout,
        head=Head(**settings["head"]) if settings["head"] else None,
        thresholds=Thresholds(**settings["thresholds"]),
        **{word: settings[word] for word in (*words, *units)},
    )


def _interpreter():
    """The interpreter class of LiteRT, by its current or its former name."""
    try:
        from ai_edge_litert.interpreter import Interpreter
    except ImportError:
        try:
            from tflite_runtime.interpreter import Interpreter
        except ImportError:
            raise PoseError(
                "neither ai_edge_litert nor tflite_runtime is installed here: install one (pip "
                "install ai-edge-litert)"
            ) from None
    return Interpreter


# ---------------------------------------------------------------- images


def read_image(path: Path) -> np.ndarray:
    """(H, W, 3) uint8 RGB from a .npy or a binary .ppm, or another file if Pillow is installed;
    transparency is put on white.

    Raises:
        PoseError: if it cannot be read.
    """
    try:
        image = _READERS.get(path.suffix.lower(), _read_by_pillow)(path)
    except Exception as error:  # Pillow and NumPy raise errors of any type for a damaged file
        raise PoseError(f"{path} is not an image that can be read: {error}") from error
    if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8 or 0 in image.shape:
        raise PoseError(
            f"{path}: {image.dtype} {image.shape} given; expected uint8 (height, width, 3), RGB"
        )
    return image


def _read_ppm(path: Path) -> np.ndarray:
    data, at = path.read_bytes(), 0
    words: list[bytes] = []
    while len(words) < 4:  # P6, width, height, most; comments between them
        end = next((i for i in range(at, len(data)) if data[i : i + 1].isspace()), len(data))
        if end == len(data):
            raise ValueError("a binary .ppm (P6) is expected")
        if data[at : at + 1] == b"#":
            end = data.find(b"\n", at)
        elif end > at:
            words.append(data[at:end])
        at = end + 1
    if words[0] != b"P6" or words[3] != b"255":
        raise ValueError("a binary .ppm (P6) of 8 bits is expected")
    width, height = int(words[1]), int(words[2])
    return np.frombuffer(data, np.uint8, height * width * 3, at).reshape(height, width, 3)


def _read_by_pillow(path: Path) -> np.ndarray:
    try:
        from PIL import Image, ImageOps
    except ImportError:
        raise ValueError(
            "Pillow is not installed here; without it .npy and .ppm are read"
        ) from None
    with Image.open(path) as image:
        if image.mode[0] in "IF":
            raise ValueError(f"its pixels are {image.mode}; expected 8 bits a channel")
        image = ImageOps.exif_transpose(image)
        if image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info:
            image = image.convert("RGBA")
            image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
        return np.asarray(image.convert("RGB"))


_READERS: dict[str, Callable[[Path], np.ndarray]] = {".ppm": _read_ppm, ".npy": np.load}


def resize(image: np.ndarray, size: tuple[int, int], interpolation: str = "bilinear") -> np.ndarray:
    """Resizes (H, W, 3) uint8 to a height and width.

    It follows the fixed-point arithmetic of OpenCV's ``resize``, which is used elsewhere. Few
    values differ: in ``bilinear`` by one, in ``nearest`` where two pixels are equally near.
    """
    if interpolation == "nearest":
        return image[_nearest(image.shape[0], size[0])[:, None], _nearest(image.shape[1], size[1])]
    if image.shape[:2] == tuple(size):
        return image
    if image.shape[:2] == (2 * size[0], 2 * size[1]):
        quarters = image.reshape(size[0], 2, size[1], 2, 3).sum(axis=(1, 3), dtype=np.int32)
        return ((quarters + 2) >> 2).astype(np.uint8)
    left, right, to_left, to_right = _neighbors(image.shape[1], size[1])
    above, below, to_above, to_below = _neighbors(image.shape[0], size[0])
    needed, place = np.unique(np.concatenate([above, below]), return_inverse=True)
    part = image[needed].astype(np.int32)
    rows = (part[:, left] * to_left[:, None] + part[:, right] * to_right[:, None]) >> 4
    upper, lower = rows[place[: size[0]]], rows[place[size[0] :]]
    sums = ((upper * to_above[:, None, None]) >> 16) + ((lower * to_below[:, None, None]) >> 16)
    return ((sums + 2) >> 2).clip(0, 255).astype(np.uint8)


def _nearest(length: int, count: int) -> np.ndarray:
    """The nearest of ``length`` pixels for each of ``count`` outputs."""
    return (2 * np.arange(count, dtype=np.int64) + 1) * length // (2 * count)


def _neighbors(length: int, count: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """The two neighbors among ``length`` pixels for each of ``count`` outputs, and their weights,
    which add up to 2048."""
    places = (
        ((np.arange(count) + 0.5) * (length / count) - 0.5).clip(0, length - 1).astype(np.float32)
    )
    first = np.floor(places).astype(np.intp)
    share = np.rint((places - first) * np.float32(2048)).astype(np.int32)
    return first, np.minimum(first + 1, length - 1), 2048 - share, share


# ---------------------------------------------------------------- the program


def records(poses: Poses, source: str) -> list[dict]:
    """The poses of one image as JSON, one record per person."""
    scores = poses.person_scores
    return [
        {
            "image": source,
            "score": round(float(scores[i]), 5),
            "class": None if poses.classes is None else int(poses.classes[i]),
            "box": None if poses.boxes is None else [round(float(v), 3) for v in poses.boxes[i]],
            "keypoints": [
                {
                    "name": name,
                    "x": round(float(x), 3),
                    "y": round(float(y), 3),
                    "score": round(float(score), 5),
                }
                for name, (x, y), score in zip(
                    poses.layout.names, poses.keypoints[i], poses.scores[i]
                )
            ],
        }
        for i in range(len(poses))
    ]


def main(folder: Path, arguments: list[str]) -> int:
    """The command line of the folder's ``predict.py``; returns the exit status."""
    parser = argparse.ArgumentParser(prog="predict.py", description="Predicts keypoints on images.")
    parser.add_argument(
        "images",
        nargs="+",
        type=Path,
        help="image files (.npy and .ppm; others where Pillow is installed)",
    )
    parser.add_argument(
        "--out", type=Path, default=Path("keypoints.json"), help="the file to write"
    )
    parser.add_argument("--threads", type=int, default=1, help="of LiteRT")
    options = parser.parse_args(arguments)
    try:
        predictor = load(folder, options.threads)
        found = []
        for path in options.images:
            image = read_image(path)
            start = time.perf_counter()
            poses = predictor.predict(image)
            print(f"{path}: {len(poses)} found in {1000 * (time.perf_counter() - start):.1f} ms")
            found += records(poses, str(path))
        options.out.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    except (PoseError, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0

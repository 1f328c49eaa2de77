"""Batch prediction: a folder of images -> annotated images and COCO keypoint results."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from .errors import PoseError
from .files import write_json
from .models import Model
from .plots import draw_poses, save_image
from .poses import Poses


@dataclass(frozen=True)
class Result:
    """The result of predicting a folder of images.

    Attributes:
        poses: by the path of the image, for images that could be read.
        annotated: the path of the annotated image, by the path of the image.
        errors: messages about images that could not be read.
    """

    poses: dict[Path, Poses]
    annotated: dict[Path, Path]
    errors: list[str]

    @property
    def metrics(self) -> dict[str, float]:
        """Numbers of ``images`` read, ``unreadable`` images, and ``people`` detected."""
        return {
            "images": float(len(self.poses)),
            "unreadable": float(len(self.errors)),
            "people": float(sum(map(len, self.poses.values()))),
        }


def predict_images(
    model: Model,
    paths: Sequence[Path],
    out_dir: str | Path,
    *,
    threshold: float = 0.15,
    progress: bool = True,
    **thresholds,
) -> Result:
    """Predicts images one by one and writes ``annotated/*.jpg`` and ``predictions.json``.

    ``predictions.json`` has COCO keypoint results (cocodataset.org, "Results Format"), each with
    the name of its image file. The image id is the number in the file name, as in COCO, if all have
    one; else the position in the list, from 1.

    Args:
        model: to predict with.
        paths: image files; unreadable ones are listed in ``errors`` and skipped.
        out_dir: folder to write to.
        threshold: keypoints with lower scores are drawn hollow, without limbs.
        progress: shows a progress bar.
        thresholds: see :meth:`poseutils.models.Model.predict`.

    Raises:
        PoseError: if none of the images can be read, or ``out_dir`` cannot be written to.
    """
    from tqdm.auto import tqdm

    out_dir = Path(out_dir)
    names, ids = _file_names(paths), _image_ids(paths)
    poses: dict[Path, Poses] = {}
    annotated: dict[Path, Path] = {}
    errors: list[str] = []
    records: list[dict] = []
    predictions = tqdm(
        model.predict_each(paths, **thresholds),
        total=len(paths),
        desc="predict",
        unit="image",
        disable=not progress,
    )
    for path, name, image_id, prediction in zip(paths, names, ids, predictions, strict=True):
        if prediction.image is None or prediction.poses is None:
            errors.append(str(prediction.error))
            continue
        poses[path] = prediction.poses
        annotated[path] = save_image(
            out_dir / "annotated" / f"{Path(name).stem}.jpg",
            draw_poses(prediction.image, prediction.poses, threshold),
        )
        records += [{"file_name": name, **record} for record in prediction.poses.to_coco(image_id)]
    if not poses:
        raise PoseError(f"none of the {len(paths)} images could be read; the first: {errors[0]}")
    write_json(out_dir / "predictions.json", records)
    return Result(poses, annotated, errors)


def _file_names(paths: Sequence[Path]) -> list[str]:
    """A unique name for each file: its own, or with a number appended where several have the same
    stem."""
    names: list[str] = []
    seen: dict[str, int] = {}
    for path in paths:
        count = seen[path.stem] = seen.get(path.stem, 0) + 1
        names.append(path.name if count == 1 else f"{path.stem}-{count}{path.suffix}")
    return names


def _image_ids(paths: Sequence[Path]) -> list[int]:
    stems = [path.stem for path in paths]
    numbered = all(stem.isdecimal() for stem in stems) and len(
        {int(stem) for stem in stems}
    ) == len(stems)
    return [int(stem) for stem in stems] if numbered else list(range(1, len(stems) + 1))

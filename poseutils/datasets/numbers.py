"""The numbers of label files: their limits, the columns of keypoints, tables of them."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence

import numpy as np

from ..errors import PoseError

MAX_PEOPLE = 10_000
"""On one image."""

_MOSTLY = 0.5
"""The fraction of points in their boxes, below which numbers are not coordinates."""

LARGEST = 1e9
"""Upper bound of any coordinate or area."""


def check_count(count: float, most: int, what: str, where: str) -> None:
    """Raises PoseError for more keypoints or people than any image has."""
    if count > most:
        raise PoseError(
            f"{where}: {count:,.0f} {what} given; expected up to {most:,}. The file is damaged, or "
            "is not a label file"
        )


def columns_of(
    values: np.ndarray, boxes: np.ndarray | None = None, count: int | None = None
) -> int:
    """How many columns a keypoint has: 2, 3, or 0 if it can be neither.

    Three if every third number can be a visibility or a score. If the number of columns allows both
    and the third numbers are fractions, which may be scores or coordinates, the reading counts that
    has more of its points in their boxes, else two.

    Args:
        values: (P, n) the numbers of the keypoints of P people.
        boxes: (P, 4) xyxy in the same units; not needed for pixels, which are not fractions.
        count: of the keypoints, where it is known.
    """
    width = values.shape[1]
    if count and width in (2 * count, 3 * count):
        return width // count
    third = values[:, 2::3]
    is_whole = np.isin(third, (-1, 0, 1, 2))
    three = width % 3 == 0 and bool((is_whole | ((third > 0) & (third < 1))).all())
    two = width % 2 == 0
    if three and (not two or boxes is None or is_whole.all()):
        return 3
    if two and boxes is not None:
        inside = _inside(values, boxes, 2)
        if three and _inside(values, boxes, 3) > inside:
            return 3
        two = inside >= _MOSTLY
    return 2 if two else 0


def _inside(values: np.ndarray, boxes: np.ndarray, columns: int) -> float:
    """The fraction of the labeled points that are in their boxes."""
    points = values.reshape(len(values), values.shape[1] // columns, columns)[:, :, :2]
    labeled = points.any(axis=2)
    within = ((points >= boxes[:, None, :2]) & (points <= boxes[:, None, 2:])).all(axis=2)
    return float((within & labeled).sum() / max(labeled.sum(), 1))


def triplets(values: np.ndarray, columns: int, notes: list[str]) -> np.ndarray:
    """(P, K, 3) x, y and visibility from (P, n); what was taken how is added to the notes.

    Of two columns, points other than (0, 0) and negative ones are visible. A visibility of -1, and
    a point (-1, -1), is not labeled.
    """
    keypoints: np.ndarray = values.reshape(len(values), values.shape[1] // columns, columns)
    points = keypoints[:, :, :2]
    if columns == 2:
        notes.append(
            "2 columns a keypoint (x y): all are taken as visible but (0, 0) and negative ones"
        )
        visible = points.any(axis=2) & (points >= 0).all(axis=2)
        return np.concatenate([points, 2.0 * np.expand_dims(visible, 2)], axis=2)
    seen = keypoints[:, :, 2]
    if points.any() and not seen.any():
        notes.append("no keypoint is labeled: all have visibility 0, though they have coordinates")
    missing: np.ndarray = np.asarray((seen == -1) | ((points == -1).all(axis=2) & (seen != 0)))
    if missing.any():
        notes.append(f"-1 is taken as not labeled, for {missing.sum()} keypoints")
    return np.where(missing[:, :, None], 0, keypoints)


def box_of(keypoints: np.ndarray) -> np.ndarray:
    """(P, 4) xyxy around the labeled keypoints of (P, K, 3); zeros where none is labeled."""
    labeled = keypoints[:, :, 2:] > 0
    low = np.where(labeled, keypoints[:, :, :2], np.inf).min(axis=1, initial=np.inf)
    high = np.where(labeled, keypoints[:, :, :2], -np.inf).max(axis=1, initial=-np.inf)
    return np.where(labeled.any(axis=1), np.concatenate([low, high], axis=1), 0)


def fill_boxes(boxes: np.ndarray, keypoints: np.ndarray, what: str, notes: list[str]) -> None:
    """Puts boxes (P, 4) xyxy that are empty around the keypoints (P, K, 3), and notes it."""
    empty = np.all(boxes[:, 2:] <= boxes[:, :2], axis=1)
    if empty.any():
        boxes[empty] = box_of(keypoints[empty])
        notes.append(
            f"{what} is missing for {empty.sum()} of {len(boxes)} annotations: taken around their "
            "keypoints"
        )


def say(source: object, notes: list[str]) -> None:
    """Warns of what was taken how, once a dataset."""
    if notes:
        warnings.warn(f"{source}: {'; '.join(notes)}", stacklevel=3)


def table_of(rows: list[tuple[Sequence, str]], count: int, what: str, meaning: str) -> np.ndarray:
    """(P, count) float64 from P lists of numbers, each with its place in the file for error
    messages."""
    try:  # all at once, which is fast; on failure one by one, to name the faulty one
        table = np.array([values for values, _ in rows], dtype=np.float64).reshape(len(rows), count)
        if (np.abs(table) < LARGEST).all():
            return table
    except (TypeError, ValueError, OverflowError):
        pass
    return np.array(
        [numbers_of(values, count, f"{where}: {what}", meaning) for values, where in rows]
    )


def require(record, keys: tuple[str, ...], where: str) -> Mapping:
    if not isinstance(record, Mapping):
        raise PoseError(f"{where}: expected an object, got {record!r:.60}")
    missing = [key for key in keys if key not in record]
    if missing:
        raise PoseError(
            f"{where}: missing {', '.join(missing)}; it has {', '.join(record) or 'no keys'}"
        )
    return record


def identity_of(value, where: str) -> int | str:
    """An id as an integer, whether written 7, 7.0 or "7"; any other text as it is."""
    if type(value) is int:
        return value
    if isinstance(value, str):
        text = value.strip()
        return int(text) if text.isdecimal() and len(text) < 19 else value
    if isinstance(value, float) and value.is_integer():
        return int(value)
    raise PoseError(f"{where}: expected an integer or text, got {value!r:.60}")


def numbers_of(values, count: int, where: str, meaning: str) -> np.ndarray:
    """(count,) float64 from a list of numbers."""
    if not isinstance(values, Sequence) or isinstance(values, str):
        raise PoseError(
            f"{where} is {values!r:.60}, expected a list of {count} numbers ({meaning})"
        )
    if len(values) != count:
        raise PoseError(f"{where} has {len(values)} numbers, expected {count} ({meaning})")
    try:
        numbers = np.array([float(v) for v in values])
    except (TypeError, ValueError, OverflowError) as error:
        raise PoseError(f"{where} must be {count} numbers ({meaning}): {error}") from error
    if not (np.abs(numbers) < LARGEST).all():
        raise PoseError(f"{where} must be finite numbers ({meaning}), got {values!r:.80}")
    return numbers


def flat(keypoints):
    """A list of keypoints as one list of numbers."""
    if not isinstance(keypoints, list) or not keypoints:
        return keypoints
    if all(isinstance(keypoint, list) for keypoint in keypoints):
        return [number for keypoint in keypoints for number in keypoint]
    return keypoints


def without_nulls(rows: list, columns: int, notes: list[str]) -> list:
    """Lists of numbers, in which keypoints that have a null are zeros: not labeled. Those that have
    another value are noted."""
    partial = 0
    filled = []
    for row in rows:
        if isinstance(row, list) and None in row:
            starts = range(0, len(row), columns)
            keypoints = [row[start : start + columns] for start in starts]
            partial += sum(None in keypoint and any(keypoint) for keypoint in keypoints)
            row = flat([[0] * len(k) if None in k else k for k in keypoints])
        filled.append(row)
    if partial:
        notes.append(f"null is taken as not labeled, for {partial} keypoints")
    return filled


def limbs_of(category: Mapping, notes: list[str]) -> list:
    """The limbs of a category, counted from 1, without those that point nowhere."""
    limbs, names = category.get("skeleton") or [], category["keypoints"]
    try:
        count = len(names)
        pairs = [(int(a), int(b)) for a, b in limbs]
    except (TypeError, ValueError, OverflowError):
        return limbs  # whose error is raised where they are read
    if any(0 in pair for pair in pairs) and all(0 <= k < count for pair in pairs for k in pair):
        notes.append("the skeleton counts keypoints from 0: taken so")
        return [[a + 1, b + 1] for a, b in pairs]
    kept = [pair for pair in pairs if all(1 <= k <= count for k in pair)]
    if len(kept) < len(pairs):
        wrong = next(pair for pair in pairs if pair not in kept)
        notes.append(
            f"{len(pairs) - len(kept)} limbs of the skeleton ({list(wrong)}) are ignored; expected "
            f"pairs of keypoints, counted from 1 to {count}"
        )
    return kept

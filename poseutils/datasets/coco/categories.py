"""The categories of a COCO file: which have keypoints, and the annotations of each."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from ...errors import PoseError
from ...keypoints import MAX_KEYPOINTS, KeypointLayout, layout_for, layout_from_coco_category
from ..numbers import check_count, columns_of, flat, identity_of, limbs_of, require, table_of


def keypoint_categories(
    document: dict, path: Path, notes: list[str]
) -> tuple[dict[int | str, str], KeypointLayout]:
    """The names of the categories with keypoints by id, and their common layout.

    If they differ, only those that an annotation uses count. If none has names of keypoints, the
    annotations tell their number.
    """
    categories = _by_id(document, path)
    known = {i: c for i, c in categories.items() if c.get("keypoints")}
    for category in known.values():
        if isinstance(category["keypoints"], list):
            check_count(len(category["keypoints"]), MAX_KEYPOINTS, "keypoints", str(path))
    with_keypoints = [a for a in document["annotations"] if isinstance(a, dict)]
    with_keypoints = [a for a in with_keypoints if a.get("keypoints")]
    if _differ(known):
        used = {_category(a, next(iter(known)), str(path)) for a in with_keypoints}
        known = {i: c for i, c in known.items() if i in used} or known
    if not known and with_keypoints:
        return _without_names(categories, with_keypoints, path, notes)
    names = _names(known)
    if not known or _differ(known):
        raise PoseError(
            f"{path}: expected one category with 'keypoints' (their names), or several with the "
            f"same ones; found {len(known)} ({', '.join(names.values()) or 'none'})"
        )
    first = next(iter(known.values()))
    try:
        return names, layout_from_coco_category(first | {"skeleton": limbs_of(first, notes)})
    except PoseError as error:
        raise PoseError(f"{path}: category {first.get('name')!r}: {error}") from error


def _by_id(document: Mapping, path: Path) -> dict[int | str, dict]:
    """The categories by id, which is 1 where it is missing; the same one may be there twice.

    Raises:
        PoseError: if two have the same id.
    """
    found: dict[int | str, dict] = {}
    for index, category in enumerate(document["categories"]):
        if not isinstance(category, dict):
            continue
        where = f"{path}: categories[{index}] {category.get('name')!r:.60}"
        identity = identity_of(category.get("id", 1), f"{where}: id")
        first = found.setdefault(identity, category)
        if any(first.get(key) != category.get(key) for key in ("name", "keypoints")):
            raise PoseError(
                f"{where} has the id {identity!r}, which is also that "
                f"of {first.get('name')!r:.60}; give each its own, and correct the annotations"
            )
    return found


def _differ(categories: Mapping[int | str, dict]) -> bool:
    """Whether they have different keypoints."""
    return len({json.dumps(c["keypoints"]) for c in categories.values()}) > 1


def _names(categories: Mapping[int | str, dict]) -> dict[int | str, str]:
    return {i: str(c.get("name") or f"category {i}") for i, c in categories.items()}


def _without_names(
    categories: Mapping[int | str, dict], with_keypoints: list[dict], path: Path, notes: list[str]
) -> tuple[dict[int | str, str], KeypointLayout]:
    """What :func:`keypoint_categories` returns if no category names its keypoints."""
    count = _count_of(with_keypoints, path)
    layout = layout_for(count)
    notes.append(
        f"no category names its keypoints: taken as the usual {count} "
        f"({', '.join(layout.names[:3])}, …)"
    )
    ids = list(dict.fromkeys(_category(a, 1, str(path)) for a in with_keypoints))
    return {i: _names(categories).get(i, f"category {i}") for i in ids}, layout


def _category(record: Mapping, default: int | str, where: str) -> int | str:
    given = record.get("category_id")
    return default if given is None else identity_of(given, f"{where}: category_id")


def _count_of(annotations: list[dict], path: Path) -> int:
    """The number of keypoints of annotations whose category does not name them."""
    rows = [flat(a["keypoints"]) for a in annotations]
    sizes = sorted({len(row) if isinstance(row, list) else 0 for row in rows})
    check_count(sizes[-1] / 3, MAX_KEYPOINTS, "keypoints", str(path))
    values = table_of(
        [
            ([-1 if number is None else number for number in row], str(path))
            for row in rows[: len(rows) if len(sizes) == 1 else 0]
        ],
        sizes[-1],
        "keypoints",
        "x, y, visibility",
    )
    columns = columns_of(values) if len(values) else 0
    if not columns:
        raise PoseError(
            f"{path}: no category has 'keypoints' (their names), and annotations have "
            f"{', '.join(map(str, sizes[:5]))} numbers; expected x, y, visibility for each of as "
            "many keypoints: add their names to the category"
        )
    return sizes[-1] // columns


def annotations_of(
    document: dict, classes: list[int | str], path: Path, notes: list[str]
) -> tuple[list[tuple[Mapping, str]], np.ndarray]:
    """The annotations of these categories, each with its place in the file for error messages, and
    the indices of their categories; adds to the notes which others have keypoints."""
    records, indices, unknown, nameless = [], [], [], []
    names = _names(_by_id(document, path))
    for index, annotation in _distinct(document["annotations"], notes):
        where = f"{path}: annotations[{index}]"
        record = require(annotation, ("image_id",), where)
        category = _category(record, classes[0], where)
        if category in classes:
            records.append((record, where))
            indices.append(classes.index(category))
        elif category not in names:
            unknown.append(category)
        elif record.get("keypoints"):
            nameless.append(names[category])
    count = len(document["annotations"])
    if unknown:
        listed = ", ".join(f"{i} {name}" for i, name in list(names.items())[:10])
        text = (
            f"{len(unknown)} of {count} annotations have a category_id that no category has "
            f"({unknown[0]!r}; categories: {listed or 'none'}){_shift(unknown, names)}"
        )
        if not records:
            raise PoseError(f"{path}: {text}. Correct them, or the categories")
        notes.append(f"{text}: left out")
    if nameless:
        notes.append(
            f"{len(nameless)} of {count} annotations have keypoints, but their category "
            f"({nameless[0]}) has no names for them: left out"
        )
    return records, np.array(indices, int)


def _distinct(annotations: list, notes: list[str]) -> list[tuple[int, object]]:
    """The annotations with their indices, each once: files that were merged may have the same one
    twice. Different ones may have the same id, which nothing refers to."""
    first: dict[str, object] = {}
    distinct = []
    for index, annotation in enumerate(annotations):
        identity = annotation.get("id") if isinstance(annotation, dict) else None
        same = None if identity is None else first.setdefault(str(identity), annotation)
        if same is annotation or same != annotation:
            distinct.append((index, annotation))
    if len(distinct) < len(annotations):
        notes.append(f"{len(annotations) - len(distinct)} annotations are there twice: taken once")
    return distinct


def _shift(unknown: list[int | str], names: Mapping[int | str, str]) -> str:
    """The likely cause of unknown categories."""
    for step, first in ((1, 0), (-1, 1)):
        if all(isinstance(i, int) and i + step in names for i in unknown):
            return f", probably as annotations count from {first}, categories from {1 - first}"
    return ""

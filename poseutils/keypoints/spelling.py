"""Which keypoints of two lists are the same, by their names, however they are spelled."""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Mapping, Sequence
from typing import Any

from ..errors import PoseError

_SIDES = {side: side for side in ("left", "right")} | {
    "l": "left",
    "lt": "left",
    "lft": "left",
    "r": "right",
    "rt": "right",
    "rgt": "right",
}
_OTHER_SIDE = {"left": "right", "right": "left", "": ""}
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_WORD = re.compile(r"[^\W\d_]+|\d+")
_SHORTEST_PLURAL = 4
_BEFORE_A_NAME = re.compile(r"\s*(?:\d+|kpt?|keypoint)[\s._:)\-]+(?=[^\W\d_])", re.IGNORECASE)
_FINGERS = {"pinky": "little", "pinkie": "little", "forefinger": "index"}
_THUMB = {"cmc": "1", "mcp": "2", "ip": "3", "tip": "4"}
_FINGER = {"mcp": "1", "pip": "2", "dip": "3", "tip": "4"}
Key = tuple[str, str]
"""A side (``left``, ``right`` or empty) and the rest of a name."""


def keys(names: Sequence[str]) -> list[Key]:
    """What is the same for all spellings of a name: case, spaces, hyphens, underscores, camelCase,
    the place and the abbreviation of its side, the plural, and numbers or ``kp`` before all names
    do not count; joints of fingers are numbered from the palm.

    ``lshoulder`` is a left shoulder only where the list has ``rshoulder``, too.
    """
    found = [_key(name) for name in _bare(names)]
    rest = {word for side, word in found if not side}
    return [(side, word) if side else _glued(word, rest) for side, word in found]


def _bare(names: Sequence[str]) -> Sequence[str]:
    """``nose`` and ``left_eye`` for ``0_nose`` and ``1_left_eye``, or ``kp_nose`` and
    ``kp_left_eye``, if all names begin so."""
    bare = [_BEFORE_A_NAME.sub("", name, count=1) for name in names]
    return bare if all(map(_BEFORE_A_NAME.match, names)) and len(set(bare)) == len(bare) else names


def _key(name: str) -> Key:
    text = _CAMEL.sub(" ", unicodedata.normalize("NFKC", name))
    words = _of_finger([_singular(word) for word in _WORD.findall(text.casefold())])
    for index, word in enumerate(words):
        if word in _SIDES:
            return _SIDES[word], "".join(words[:index] + words[index + 1 :])
    joined = "".join(words)
    for side in ("left", "right"):
        if joined != side and (joined.startswith(side) or joined.endswith(side)):
            start = len(side) if joined.startswith(side) else 0
            return side, joined[start : start + len(joined) - len(side)]
    return "", joined or name


def _of_finger(words: list[str]) -> list[str]:
    """MediaPipe's ``PINKY_TIP`` and COCO-WholeBody's ``pinky_finger4`` as ``little``, ``4``."""
    words = [_FINGERS.get(word, word) for word in words]
    if not {"thumb", "index", "middle", "ring", "little"} & set(words):
        return words
    joints = _THUMB if "thumb" in words else _FINGER
    return [joints.get(word, word) for word in words if word != "finger"]


def _singular(word: str) -> str:
    plural = len(word) >= _SHORTEST_PLURAL and word.endswith("s") and not word.endswith("ss")
    return word[:-1] if plural else word


def _glued(word: str, words: set[str]) -> Key:
    """The side in a single letter before a word, or after it, where the other side is there."""
    for letter, other, side in (("l", "r", "left"), ("r", "l", "right")):
        if len(word) > 2 and word[0] == letter and other + word[1:] in words:
            return side, word[1:]
        if len(word) > 2 and word[-1] == letter and word[:-1] + other in words:
            return side, word[:-1]
    return "", word


def same_keypoints(wanted: Sequence[str], given: Sequence[str]) -> list[int] | None:
    """For each wanted name the index of the given one that means the same keypoint; None if one is
    missing, or if two names of a list mean the same."""
    if tuple(wanted) == tuple(given):
        return list(range(len(given)))
    of_wanted, of_given = keys(wanted), keys(given)
    index = {key: i for i, key in enumerate(of_given)}
    if len(index) < len(of_given) or len(set(of_wanted)) < len(of_wanted):
        return None
    return [index[key] for key in of_wanted] if index.keys() >= set(of_wanted) else None


def are_numbers(names: Sequence[str]) -> bool:
    """Whether the names only count: ``keypoint_0``, ``keypoint_1``…"""
    return len({re.sub(r"\d+", "", name) for name in names}) == 1 and any(
        map(str.isdigit, "".join(names))
    )


def mirror_by_name(names: Sequence[str]) -> tuple[tuple[int, ...], bool]:
    """The index of each keypoint's mirror image, left and right exchanged, all others themselves;
    and whether the names tell it: at least one has a side, and each of those its counterpart."""
    found = keys(names)
    index = {key: i for i, key in enumerate(found)}
    other = [index.get((_OTHER_SIDE[side], word)) for side, word in found]
    told = any(side for side, _ in found) and None not in other and len(index) == len(found)
    if len(index) < len(found):
        other = list(range(len(found)))
    return tuple(i if o is None else o for i, o in enumerate(other)), told


def check_same_order(wanted: Sequence[str], given: Sequence[str], source: object) -> str:
    """What to warn of where keypoints are taken by their order, as their number is the same and
    their names are not; empty if one of the lists only counts.

    Raises:
        PoseError: if a name is in both lists, but in another place.
    """
    index = {key: i for i, key in enumerate(keys(given))}
    both = f"{', '.join(map(str, given))}; expected {', '.join(map(str, wanted))}"
    for place, key in enumerate(keys(wanted)):
        if index.get(key, place) != place:
            raise PoseError(
                f"{source} has other keypoints than expected, and {wanted[place]!r} is in another "
                f"place: it has {both}. Give annotations of the same keypoints, or keypoint_map="
            )
    return f"{source} has keypoints of other names, taken in their order: {both}"


def listed_names(given: Any) -> Any:
    """Names that a file has by their index, also where it is text, as a list, other keys last; of
    names for each class those of the first one. Anything else unchanged."""
    if isinstance(given, Mapping):
        given = [given[index] for index in sorted(given, key=_by_index)]
    nested = isinstance(given, (list, tuple)) and given and isinstance(given[0], (list, tuple))
    return given[0] if nested else given


def _by_index(key: Any) -> tuple[float, str]:
    return (int(key), "") if str(key).isdecimal() else (math.inf, "")

"""An annotation tool: the model guesses, a person corrects."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import anywidget
import numpy as np
import traitlets

from ..errors import PoseError
from ..images import find_images, read_image
from ..keypoints import KeypointLayout, same_keypoints
from ..keypoints.spelling import are_numbers
from ..labeling import by_doubt
from ..models import Model
from ..poses import Poses
from .labels import LabelFile, People, checked, guessed, open_labels
from .pages import page, sentence, to_jpeg


def label(
    folder: str | os.PathLike[str], layout: KeypointLayout, model: Model | None = None
) -> Labeler:
    """An annotation tool for the images of a folder: a point is dragged to its place, or clicked
    if the model has no guess of it.

    Labels are in ``keypoints.json`` in the folder, in COCO's format for :func:`load_dataset`. The
    file is written at every change; the same call goes on where it was left. A guess has its score,
    between 0 and 1, as its visibility, until the image is accepted ("next") or the point moved.

    Args:
        folder: of images, without other annotations.
        layout: of the keypoints.
        model: guesses the keypoints of the images that are not labeled, those that it doubts most
            first; without one, they come in the order of their names.

    Raises:
        PoseError: if there is no image; if ``keypoints.json`` is damaged, of another tool or of
            other keypoints (it is left as it is); if the model has other keypoints.
    """
    folder = Path(folder)
    images = find_images(folder)
    file = open_labels(folder, layout, images)
    new = [image for image in images if image not in file.samples]
    guesses = {image: _blank(layout) for image in new}
    if model is not None:
        order = _order(model.layout, layout)
        guesses = {
            image: _people(poses, order) or _blank(layout)
            for image, poses in by_doubt(model, new).items()
        }
    return Labeler(file, guesses)


class Labeler(anywidget.AnyWidget):
    """The widget of :func:`label`.

    The browser sends every change as a message with the name of its image, and gets the state back
    in ``view``: the image's name and people, its place among all, and a sentence if the labels
    could not be written.
    """

    _esm = page("parts.js", "label.js")
    _css = page("label.css")
    names = traitlets.List(traitlets.Unicode()).tag(sync=True)
    edges = traitlets.List(traitlets.List(traitlets.Int())).tag(sync=True)
    image = traitlets.Bytes().tag(sync=True)
    view = traitlets.Dict().tag(sync=True)

    def __init__(self, file: LabelFile, guesses: dict[Path, People]):
        super().__init__(names=list(file.layout.names), edges=[list(e) for e in file.layout.limbs])
        self._file, self._guesses = file, guesses
        done = [image for image in file.samples if file.is_done(image)]
        begun = [image for image in file.samples if not file.is_done(image)]
        self._images = done + begun + list(guesses)
        self._names = {image.relative_to(file.folder).as_posix(): image for image in self._images}
        self._undo: list[tuple[Path, People | None]] = []
        self._place, self._error = min(len(done), len(self._images) - 1), ""
        self.on_msg(self._receive)
        self._show(0)

    def _receive(self, _, message: Any, __) -> None:
        self._error, number = "", None
        try:
            if not isinstance(message, Mapping) or message.get("name") not in self._names:
                raise PoseError(f"{message!r:.80} given; expected a change of one of the images")
            number = message.get("number")
            self._do(message)
        except Exception as error:  # of a message that is no change, too
            self._error = sentence(error)
        number = number if isinstance(number, int) else self.view["number"]
        try:
            self._show(number)
        except PoseError as error:  # the page waits for an answer
            self.view = self.view | {"number": number, "error": str(error)}

    def _do(self, message: Mapping[str, Any]) -> None:
        image, action = self._names[message["name"]], message["do"]
        if action == "edit":
            self._put(image, checked(message["people"], self._file.layout))
        elif action == "undo" and self._undo:
            image, before = self._undo.pop()
            self._place = self._images.index(image)
            self._file.put(image, before)
        elif action == "next" and not self._file.is_done(image):
            self._put(image, _confirmed(self._people(image)))
        if action in ("next", "skip", "previous"):
            self._move(self._images.index(image) + (-1 if action == "previous" else 1))

    def _move(self, place: int) -> None:
        """Goes to a place; after the last image to the first that is not labeled."""
        if place == len(self._images):
            undone = (n for n, image in enumerate(self._images) if not self._file.is_done(image))
            place = next(undone, place - 1)
        self._place = max(place, 0)

    def _put(self, image: Path, people: People) -> None:
        self._undo.append((image, self._file.people(image)))
        self._file.put(image, people)

    def _people(self, image: Path) -> People:
        """Labeled, begun or guessed."""
        found = self._file.people(image)
        return self._guesses[image] if found is None else found

    def _show(self, number: int) -> None:
        """Sends the state to the browser, which made ``number`` changes so far."""
        pixels = self._read()
        image = self._images[self._place]
        name = image.relative_to(self._file.folder).as_posix()
        with self.hold_sync():
            if self.view.get("name") != name:
                self.image = to_jpeg(pixels)
            self.view = {
                "name": name,
                "people": self._people(image) or _blank(self._file.layout),
                "place": self._place + 1,
                "images": len(self._images),
                "labeled": sum(map(self._file.is_done, self._file.samples)),
                "is_done": self._file.is_done(image),
                "number": number,
                "error": self._error,
            }

    def _read(self) -> np.ndarray:
        """The image at the place; those that cannot be read are left out.

        Raises:
            PoseError: if none is left.
        """
        while True:
            try:
                return read_image(self._images[self._place])
            except PoseError as error:
                self._error = f"{error}: left out"
                if len(self._images) == 1:
                    raise
                del self._images[self._place]
                self._place = min(self._place, len(self._images) - 1)


def _blank(layout: KeypointLayout) -> People:
    """A person of whom nothing is labeled."""
    return [[[0, 0, 0]] * len(layout)]


def _confirmed(people: People) -> People:
    """Guesses become visible keypoints."""
    return [[[x, y, 2 if 0 < v < 1 else v] for x, y, v in person] for person in people]


def _order(model: KeypointLayout, layout: KeypointLayout) -> Sequence[int]:
    """The index in the model of each keypoint of a layout."""
    order = same_keypoints(layout.names, model.names) if len(model) == len(layout) else None
    if order is None and len(model) == len(layout) and are_numbers(model.names):
        order = list(range(len(layout)))
    if order is None:
        raise PoseError(
            f"the model gives {len(model)} keypoints ({', '.join(model.names)}), expected those of "
            f"the layout: {', '.join(layout.names)}"
        )
    return order


def _people(poses: Poses, order: Sequence[int]) -> People:
    return [[person[k] for k in order] for person in guessed(poses)]

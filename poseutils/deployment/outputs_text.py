"""What the outputs of a network are, as the README of an export tells it."""

from __future__ import annotations

from ..decoders import ONE_PERSON_TYPES
from ..decoders.options import Head
from .spec import DeploymentSpec

_OUTPUTS = {
    "heatmaps_spe": "`(1, H, W, K)`: one heatmap per keypoint. The keypoint is at the maximum, its "
    "score is the value there; the cell in column c and row r has its center at ((c + 0.5) · width "
    "/ W, (r + 0.5) · height / H) pixels of the input.",
    "spe": "`(1, 1, K, 3)`: y, x and score of each keypoint, relative to the input's height and "
    "width.",
    "yolo_mpe": "`(1, 5 + 3K, F)`: for each of F candidates the box's center x, center y, width, "
    "height and score, then x, y and score of each keypoint{unit}. Drop candidates below the score "
    "threshold, then those that overlap a better one (non-maximum suppression).",
    "yolo_mpe of classes": "`(1, 4 + C + D·K, F)`: for each of F candidates the box's center x, "
    "center y, width and height, the scores of C = {classes} classes, then D = {columns} numbers "
    "of each keypoint, x, y and, of 3, its score{unit}. Drop candidates whose best score is below "
    "the threshold, then those that overlap a better one of their class (non-maximum suppression).",
    "yolo_mpe of detections": "`(1, N, 6 + D·K)`: for each of N detections, best first, the box's "
    "x0, y0, x1 and y1, its score and class, then D = {columns} numbers of each keypoint, x, y "
    "and, of 3, its score{unit}. Drop those below the score threshold.",
    "hand_spe": "21 points of x, y, z in pixels of the input (of the tensors of 63 numbers, the "
    "one with the lowest number in its name), the presence of a hand, and in some networks its "
    "handedness and the points in meters.",
    "head_spe": "468 points of x, y in pixels of the input, without a score (in some releases x, "
    "y, z and a presence).",
    "detector": "for each anchor the box's center and size and its points, in pixels from the "
    "anchor's center, and a score. Overlapping detections are averaged, weighted by their scores.",
}


def outputs_text(spec: DeploymentSpec) -> str:
    """Shapes and units; nothing of a network without poses."""
    if spec.pose is None:
        return ""
    unit = ", from 0 to 1 of the input" if spec.pose.normalized else ", in pixels of the input"
    head = spec.pose.spec.head or Head(1, len(spec.pose.layout))
    kind = spec.pose.model_type
    if head.end_to_end:
        kind += " of detections"
    elif head != Head(1, head.keypoints):
        kind += " of classes"
    text = _OUTPUTS[kind].format(unit=unit, classes=head.classes, columns=head.columns)
    return f"Outputs: {text}{_person_score(spec)}"


def _person_score(spec: DeploymentSpec) -> str:
    """How a network of one person decides whether there is a person."""
    if spec.pose is None or spec.pose.model_type not in ONE_PERSON_TYPES:
        return ""
    score = " The score of the person is the mean of the highest half of the keypoints' scores"
    confidence = spec.thresholds.confidence
    return f"{score}; up to {confidence:g} there is no person." if confidence else f"{score}."

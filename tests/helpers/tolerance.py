"""Outputs of notebooks whose numbers may differ a little, as another processor rounds otherwise."""

import copy
import re
import shutil

from poseutils.deployment import missing_tools

NUMBER = re.compile(r"(?<![\w.])[-−+]?\d[\d,]*(?:\.\d+)?")
MEASURED = re.compile(r"[-−+]?[\d,]+\.\d{3}|0")
"""Three decimals, as tables show what was computed in floating point; of zero they show none."""
RELATIVE, ABSOLUTE = 0.02, 0.02
"""Of measured numbers: a loss of two points of OKS is a difference."""

NEEDS = {
    "needs-a-compiler": lambda: bool(shutil.which("cc")),
    "needs-an-emulator": lambda: not missing_tools(),
}
"""Tags of cells whose outputs are compared only where something is installed."""


def compare_within_tolerance(cell_class) -> None:
    """Makes nbval's cells take numbers within tolerance as equal: those of three decimals, and in a
    cell with the tag ``within-10%`` all, within that. One with a tag of :data:`NEEDS` is compared
    where there is what it needs."""
    strict = cell_class.compare_outputs

    def compare(self, test, ref, skip_compare=None):
        tags = self.cell.metadata.get("tags", ())
        if not all(NEEDS[tag]() for tag in tags if tag in NEEDS):
            return True
        given = [re.fullmatch(r"within-(\d+)%", tag) for tag in tags]
        share = next((int(match[1]) / 100 for match in given if match), None)
        if len(test) == len(ref):
            test = [_output(copy.deepcopy(t), r, share) for t, r in zip(test, ref)]
        return strict(self, test, ref, skip_compare)

    cell_class.compare_outputs = compare


def _output(output, reference, share: float | None):
    """An output with the numbers of its reference, where they are within tolerance."""
    for key, value in output.items():
        other = reference.get(key)
        if isinstance(value, str) and isinstance(other, str):
            output[key] = aligned(value, other, share)
        elif key == "data" and isinstance(other, dict):
            output[key] = _output(value, other, share)
    return output


def aligned(text: str, reference: str, share: float | None = None) -> str:
    """A text with the numbers of another one, where they are within tolerance and there are as
    many of them.

    Args:
        share: the relative tolerance of all numbers; None: that of measured numbers alone.
    """
    numbers, others = NUMBER.findall(text), NUMBER.findall(reference)
    if len(numbers) != len(others):
        return text
    chosen = (b if _close(a, b, share) else a for a, b in zip(numbers, others))
    return NUMBER.sub(lambda _: next(chosen), text)


def _close(text: str, other: str, share: float | None) -> bool:
    a, b = (float(each.replace(",", "").replace("−", "-")) for each in (text, other))
    if share is not None:
        return abs(a - b) <= share * abs(b)
    measured = MEASURED.fullmatch(text) and MEASURED.fullmatch(other)
    return bool(measured) and abs(a - b) <= max(ABSOLUTE, RELATIVE * abs(b))

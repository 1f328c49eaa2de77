"""The folder of a small network with its own layout, and how its C is compiled."""

import poseutils as pu
from poseutils.deployment import export

STRICT = ["gcc", "-Wall", "-Wextra", "-Werror"]
THREE = pu.layout_from_names(["tip", "middle", "base"])


def exported(path, out, **options):
    """A folder for a network of three heatmaps."""
    return export(pu.load_model(path, "heatmaps_spe", layout=THREE), out, **options)

"""Configurations, and what they hold."""

from poseutils.config import Config


def given(section):
    """What a section holds that was written, by attribute."""
    values = {name: getattr(section, name) for name in section.model_fields_set}
    return {
        name: given(value) if hasattr(value, "model_fields_set") else value
        for name, value in values.items()
    }


def on_line(url):
    """A configuration whose board is on a serial line."""
    return Config(
        model={"model_type": "heatmaps_spe"},
        deployment={"hardware_setup": {"serial_port": url}},
    )

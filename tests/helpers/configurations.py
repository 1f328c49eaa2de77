"""What a configuration holds."""


def given(section):
    """What a section holds that was written, by attribute."""
    values = {name: getattr(section, name) for name in section.model_fields_set}
    return {
        name: given(value) if hasattr(value, "model_fields_set") else value
        for name, value in values.items()
    }

"""The error for faults that a user can correct."""


class PoseError(ValueError):
    """Invalid input; the message says what was given, what was expected and what to do."""

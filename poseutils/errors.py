"""The error that a user can cause and mend."""


class PoseError(ValueError):
    """Something given is wrong; the message says what was given, what was expected and what to do."""

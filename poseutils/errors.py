"""The error for faults that a user can correct."""

from __future__ import annotations


class PoseError(ValueError):
    """Invalid input; the message says what was given, what was expected and what to do."""

    def __str__(self) -> str:
        """The message, in which bytes of file names that are not UTF-8 are escaped."""
        return super().__str__().encode(errors="backslashreplace").decode()


def missing_package(error: ModuleNotFoundError, extra: str) -> PoseError:
    """The error for a package that belongs to an extra of ``pip install -e .[extra]``."""
    return PoseError(
        f"the package {error.name} is not installed. In the repository's folder, pip install "
        f"-e '.[{extra}]' installs it, and pip install -r requirements.txt everything."
    )

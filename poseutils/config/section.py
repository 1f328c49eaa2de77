"""The base class of the sections of user_config.yaml."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches
from typing import Any

from pydantic import AliasChoices, BaseModel, ConfigDict, model_validator


class Section(BaseModel):
    """Refuses unknown attributes; an attribute that is left empty has its default."""

    model_config = ConfigDict(
        extra="forbid",
        coerce_numbers_to_str=True,
        protected_namespaces=(),
        validate_by_name=True,
        validate_by_alias=True,
    )

    @model_validator(mode="before")
    @classmethod
    def _empty_means_default(cls, given: Any) -> Any:
        if not isinstance(given, dict):
            return {} if given is None else given
        known = attributes_of(cls)
        return {
            name: value for name, value in given.items() if value is not None or name not in known
        }


def attributes_of(section: type[Section]) -> list[str]:
    """The attribute names of a section, aliases included."""
    aliases = [
        field.validation_alias
        for field in section.model_fields.values()
        if isinstance(field.validation_alias, AliasChoices)
    ]
    return list(
        dict.fromkeys(
            [*section.model_fields, *(str(name) for alias in aliases for name in alias.choices)]
        )
    )


def did_you_mean(word: str, known: Sequence[str]) -> str:
    """``; did you mean 'x'?`` for the known word nearest to a misspelled one, ignoring case; empty
    if none is near."""
    by_lower = {name.lower(): name for name in known}
    nearest = get_close_matches(str(word).lower()[:100], by_lower, n=1)
    return f"; did you mean '{by_lower[nearest[0]]}'?" if nearest else ""

"""How much of a message is taken apart, whoever wrote it."""

from __future__ import annotations

from dataclasses import dataclass, fields

from postseal.errors import InvalidInput

__all__ = ["DEFAULT_LIMITS", "ReadingLimits"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadingLimits:
    """Bounds on one message; what lies behind one is left out, with a defect that says so.

    `max_fields` counts the fields of one header section, `max_field_octets` the value of one
    field. `max_parts` counts parts of all levels, `max_depth` the levels. `max_content_octets`
    is the decoded content of one part. Raises `InvalidInput` for a number below 1.
    """

    max_fields: int = 1000
    max_field_octets: int = 256 * 1024
    max_parts: int = 1000
    max_depth: int = 32
    max_content_octets: int = 256 * 1024 * 1024

    def __post_init__(self) -> None:
        for field in fields(self):
            if getattr(self, field.name) < 1:
                raise InvalidInput(f"{field.name} is less than 1")


DEFAULT_LIMITS = ReadingLimits()
"""More than honest mail needs, and little enough for any machine."""

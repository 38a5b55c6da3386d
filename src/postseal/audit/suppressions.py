"""Findings that somebody accepts for a reason and until a day: `postseal-audit.toml`.

::

    [[suppress]]
    rule = "LAB-N01-*"
    subject = "swaks *"
    reason = "The relay is on the same host; the next release requires TLS."
    expires = 2027-01-31
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from datetime import date, datetime
from fnmatch import fnmatchcase
from typing import Final

from postseal.audit.findings import Finding
from postseal.errors import InvalidSetting

__all__ = ["Suppression", "read_suppressions"]

_KEYS: Final = ("rule", "subject", "reason", "expires")


@dataclass(frozen=True, slots=True, kw_only=True)
class Suppression:
    """Accepts the failures of the rules and subjects that two shell patterns match.

    It holds up to and including the day `expires`.
    """

    rule: str
    subject: str = "*"
    reason: str
    expires: date

    def matches(self, finding: Finding) -> bool:
        """Tell whether a finding is meant."""
        return fnmatchcase(finding.check.id, self.rule) and fnmatchcase(
            finding.subject, self.subject
        )


def read_suppressions(text: str, *, source: str, today: date) -> tuple[Suppression, ...]:
    """Read the suppressions of a file; `source` names it in errors.

    Raises `InvalidSetting` for what is no such file, for a suppression without a reason or a day on
    which it ends, and for one whose day has passed: it must be thought over or removed.
    """
    try:
        document: dict[str, object] = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise InvalidSetting(f"{source} is not TOML: {error}") from None
    except (ValueError, RecursionError):
        # Endless numbers and endless nesting.
        raise InvalidSetting(f"{source} cannot be read as TOML") from None
    for key in document:
        if key != "suppress":
            raise InvalidSetting(
                f"{source} has the key {key!a}, which nobody knows",
                hint="Each suppression is a table [[suppress]].",
            )
    entries = document.get("suppress", [])
    if not isinstance(entries, list):
        raise InvalidSetting(
            f"suppress in {source} is no list", hint="Write [[suppress]] in double brackets."
        )
    return tuple(
        _suppression(entry, f"suppression {number} in {source}", today)
        for number, entry in enumerate(entries, start=1)
    )


def _suppression(entry: object, place: str, today: date) -> Suppression:
    if not isinstance(entry, dict):
        raise InvalidSetting(f"{place} is no table")
    for key in entry:
        if key not in _KEYS:
            raise InvalidSetting(
                f"{place} has the key {key!a}, which nobody knows",
                hint=f"Known are {', '.join(_KEYS)}.",
            )
    expires = entry.get("expires")
    # A moment is a date to Python, and compares with none.
    if not isinstance(expires, date) or isinstance(expires, datetime):
        raise InvalidSetting(
            f"{place} has no day on which it ends", hint="Add: expires = 2027-01-31"
        )
    read = Suppression(
        rule=_text(entry, "rule", place),
        subject=_text(entry, "subject", place) if "subject" in entry else "*",
        reason=_text(entry, "reason", place),
        expires=expires,
    )
    if expires < today:
        raise InvalidSetting(
            f"{place} ended on {expires}: {read.rule!a}, {read.reason!a}",
            hint="Remove it, or decide anew until when it holds.",
        )
    return read


def _text(entry: dict[str, object], key: str, place: str) -> str:
    value = entry.get(key)
    if not isinstance(value, str) or not value.strip():
        raise InvalidSetting(f"{place} has no {key}", hint=f'Add: {key} = "..."')
    return value

"""Rows that show what the DNS said: what was asked, the records, and if they are authentic."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from rich.text import Text

from postseal.cli.layout import Row
from postseal.cli.output import terminal_safe
from postseal.dns import Answer, Lookup, NameDoesNotExist
from postseal.dns.recording import RecordedLookup, ResourceRecord
from postseal.send.explanation.explained_json import record_text
from postseal.tls.tlsa import TLSA

__all__ = ["MAX_RECORDS", "lookup_rows", "row"]

MAX_RECORDS: Final = 8
"""How many records of an answer are shown; the others are counted."""

_MAX_SHOWN: Final = 120
_PROVEN, _FAILED = "green", "red"


def row(label: str, value: str, style: str = "") -> Row:
    """Make a row of a text that may be a stranger's."""
    return Row(label, Text(terminal_safe(value), style=style))


def lookup_rows(lookups: Sequence[RecordedLookup], subject: str) -> Iterator[Row]:
    """Show what the DNS said; the name is left out where the section's title has it."""
    for one in lookups:
        label = "addresses" if one.lookup is Lookup.ADDRESSES else one.lookup.value
        value = Text(terminal_safe("" if one.name == subject else f"{one.name}: "))
        if one.answer is not None:
            value.append(terminal_safe(_records_text(one.answer, one.name)))
            value.append_text(_seal(is_authentic=one.answer.authentic))
        elif isinstance(one.problem, NameDoesNotExist):
            value.append("there is no such name")
            value.append_text(_seal(is_authentic=one.problem.authentic))
        elif one.problem is not None:
            value.append(terminal_safe(one.problem.text), style=_FAILED)
        yield Row(label, value)


def _records_text(answer: Answer[ResourceRecord], name: str) -> str:
    shown = ", ".join(map(_shown, answer.records[:MAX_RECORDS])) or "none"
    if (more := len(answer.records) - MAX_RECORDS) > 0:
        shown += f" and {more} more"
    return shown if answer.name == name else f"{shown} at {answer.name}, of which it is an alias"


def _seal(*, is_authentic: bool) -> Text:
    return Text(" [authentic]", _PROVEN) if is_authentic else Text(" [not authentic]", "dim")


def _shown(record: ResourceRecord) -> str:
    text = str(record) if isinstance(record, TLSA) else record_text(record)
    return text if len(text) <= _MAX_SHOWN else f"{text[:_MAX_SHOWN]}..."

"""Sections of labelled values, each value wrapped beside its label, for people and their pipes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from rich.console import Console
from rich.text import Text

__all__ = ["Row", "Section", "print_sections"]

_INDENT: Final = 2
_LABEL: Final = 12
_NARROWEST: Final = 20


@dataclass(frozen=True, slots=True)
class Row:
    """A value under its label; the text is safe for a terminal by now."""

    label: str
    value: Text


@dataclass(frozen=True, slots=True)
class Section:
    """A title with rows below it."""

    title: Text
    rows: tuple[Row, ...]


def print_sections(sections: Iterable[Section], console: Console | None = None) -> None:
    """Print sections as wide as the terminal, an empty line between two of them."""
    console = console or Console(highlight=False)
    width = max(console.width - _INDENT - _LABEL, _NARROWEST)
    for number, section in enumerate(sections):
        if number:
            console.print()
        console.print(section.title, style="bold", soft_wrap=True)
        for row in section.rows:
            label = row.label
            for line in row.value.wrap(console, width, overflow="fold"):
                line.rstrip()
                beginning = " " * _INDENT + f"{label:<{_LABEL}}"
                console.print(Text.assemble((beginning, "dim"), line), soft_wrap=True)
                label = ""

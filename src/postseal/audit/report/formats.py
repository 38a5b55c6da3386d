"""The formats of a report, known by name and by what a file is called."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import StrEnum, unique
from io import StringIO
from pathlib import Path
from typing import Final

from postseal.audit.report.html_page import html_report
from postseal.audit.report.json_report import json_report
from postseal.audit.report.junit import junit_report
from postseal.audit.report.markdown import markdown_report
from postseal.audit.report.sarif import sarif_report
from postseal.audit.triage import TriagedReport
from postseal.errors import InvalidSetting, MissingExtra

__all__ = ["Format", "written"]

_WIDTH: Final = 120


@unique
class Format(StrEnum):
    """How a report is written."""

    TEXT = "text"
    JSON = "json"
    SARIF = "sarif"
    JUNIT = "junit"
    MARKDOWN = "markdown"
    HTML = "html"

    @classmethod
    def of(cls, path: Path) -> Format:
        """Tell the format of a file by its name; raise `InvalidSetting` where it does not tell."""
        found = _SUFFIXES.get(path.suffix.lower())
        if found is None:
            raise InvalidSetting(
                f"{str(path)!a} does not tell the format of a report by its name",
                hint=f"Let it end in {', '.join(_SUFFIXES)}, or give --format.",
            )
        return found


_SUFFIXES: Final = {
    ".txt": Format.TEXT,
    ".json": Format.JSON,
    ".sarif": Format.SARIF,
    ".xml": Format.JUNIT,
    ".md": Format.MARKDOWN,
    ".html": Format.HTML,
}


def written(triaged: TriagedReport, format_: Format) -> str:
    """Write a report; text is as wide as a file wants it, and without colours.

    Raises `MissingExtra` for text where rich is not installed.
    """
    return _WRITERS[format_](triaged)


def _text(triaged: TriagedReport) -> str:
    try:
        from rich.console import Console

        from postseal.audit.report.terminal import print_report
    except ModuleNotFoundError as error:
        raise MissingExtra(
            f"a report as text needs the package {error.name}",
            hint="Install it with: pip install 'postseal[audit]'.",
        ) from None
    file = StringIO()
    print_report(triaged, Console(file=file, width=_WIDTH, highlight=False, no_color=True))
    return file.getvalue()


_WRITERS: Final[Mapping[Format, Callable[[TriagedReport], str]]] = {
    Format.TEXT: _text,
    Format.JSON: json_report,
    Format.SARIF: sarif_report,
    Format.JUNIT: junit_report,
    Format.MARKDOWN: markdown_report,
    Format.HTML: html_report,
}

"""What is done with the report of any audit: held against what is known, written, and summed up.

Files that are read, and names that are wrong, are found out before anything runs.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import typer
from rich.console import Console

from postseal.audit.exit_codes import ExitCode
from postseal.audit.findings import AuditReport, Location, Severity
from postseal.audit.report.formats import Format, written
from postseal.audit.report.json_report import read_json_report
from postseal.audit.report.terminal import print_report
from postseal.audit.suppressions import Suppression, read_suppressions
from postseal.audit.triage import triage
from postseal.errors import InvalidSetting

__all__ = ["ReportOptions", "Reporting", "read_text"]

_CONFIG: Final = "postseal-audit.toml"


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportOptions:
    """What a person asks of the report of an `audit`, as it stands on the command line."""

    audit: str
    format_name: str | None
    outputs: tuple[Path, ...]
    fail_on: str
    baseline: Path | None
    config: Path | None
    location: Path | None

    def prepared(self) -> Reporting:
        """Read what has to be read; raise `InvalidInput` for all that could fail later."""
        config = self.config or Path(_CONFIG)
        return Reporting(
            files=tuple(self._files()),
            printed=Format.TEXT if self.outputs else Format(self.format_name or Format.TEXT),
            fail_on=Severity[self.fail_on.upper()],
            baseline=None if self.baseline is None else self._baseline(self.baseline),
            suppressions=self._suppressions(config),
            location=Location(str(self.location or config)),
        )

    def _files(self) -> Iterator[tuple[Path, Format]]:
        if self.format_name and len(self.outputs) > 1:
            raise InvalidSetting(
                "--format is for one file, and there are several",
                hint="Leave it out: their names tell the format.",
            )
        for path in self.outputs:
            if not path.parent.is_dir():
                raise InvalidSetting(f"there is no directory {str(path.parent)!a}")
            yield path, Format(self.format_name) if self.format_name else Format.of(path)

    def _baseline(self, path: Path) -> AuditReport:
        baseline = read_json_report(_octets(path), source=str(path))
        if baseline.audit != self.audit:
            raise InvalidSetting(
                f"{path} is a report of the audit {baseline.audit!a}, not of {self.audit!a}"
            )
        return baseline

    def _suppressions(self, config: Path) -> tuple[Suppression, ...]:
        if self.config is None and not config.exists():
            return ()
        today = datetime.now(UTC).date()
        return read_suppressions(read_text(config), source=str(config), today=today)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reporting:
    """What will be done with a report, when there is one."""

    files: tuple[tuple[Path, Format], ...]
    printed: Format
    fail_on: Severity
    baseline: AuditReport | None
    suppressions: tuple[Suppression, ...]
    location: Location

    def finish(self, report: AuditReport) -> ExitCode:
        """Print a report, write it, and give the exit status."""
        triaged = triage(
            report,
            fail_on=self.fail_on,
            location=self.location,
            baseline=self.baseline,
            suppressions=self.suppressions,
        )
        if self.printed is Format.TEXT:
            print_report(triaged, Console(highlight=False))
        else:
            typer.echo(written(triaged, self.printed), nl=False)
        # Last: what was found is not lost with a file.
        for path, format_ in self.files:
            try:
                path.write_text(written(triaged, format_), encoding="utf-8")
            except OSError as error:
                raise InvalidSetting(f"{path} cannot be written: {error.strerror}") from None
        return triaged.exit_code


def read_text(path: Path) -> str:
    """Read a file that somebody named; raise `InvalidSetting` where it cannot be, as UTF-8."""
    try:
        return _octets(path).decode("utf-8")
    except UnicodeDecodeError as error:
        raise InvalidSetting(f"{path} is not UTF-8 at octet {error.start}") from None


def _octets(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise InvalidSetting(f"{str(path)!a} cannot be read: {error.strerror}") from None

"""The report as a person reads it in a terminal, or in the log of a pipeline."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import takewhile
from typing import Final

from rich.box import SIMPLE_HEAD
from rich.console import Console, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from postseal.audit.exit_codes import CONTROL_TAG, ExitCode
from postseal.audit.findings import Finding, Outcome, Reference
from postseal.audit.report.phrases import Remedy, counted, remedies, result, verdict
from postseal.audit.report.plain import one_line, terminal_safe
from postseal.audit.triage import TriagedFinding, TriagedReport

__all__ = ["print_report"]

_GOOD, _DOUBTFUL, _BAD, _DIM = "green", "yellow", "red", "dim"
_STYLES: Final = {
    Outcome.PASSED: _GOOD,
    Outcome.FAILED: _BAD,
    Outcome.INCONCLUSIVE: _DOUBTFUL,
    Outcome.NOT_COVERED: _DIM,
    Outcome.BROKEN: _BAD,
}
_RESULT_STYLES: Final = {ExitCode.CLEAN: _GOOD, ExitCode.INCONCLUSIVE: _DOUBTFUL}


def print_report(triaged: TriagedReport, console: Console) -> None:
    """Print the findings as a table, what to do about those that count, and the result.

    Where a control did not pass, nothing else says anything: it is shown alone, with its evidence.
    """
    failed_controls = [
        one.finding
        for one in triaged.findings
        if CONTROL_TAG in one.finding.check.tags and one.finding.outcome is not Outcome.PASSED
    ]
    if failed_controls:
        for control in failed_controls:
            _print_control(control, console)
    else:
        console.print(_table(triaged))
    for remedy in remedies(triaged):
        for part in _remedy(remedy):
            console.print(part)
        console.print()
    for unused in triaged.unused:
        console.print(_text(f"The suppression of {unused.rule} met no failure.", _DOUBTFUL))
    console.print(_text(f"{counted(triaged)}."))
    style = _RESULT_STYLES.get(triaged.exit_code, _BAD)
    console.print(_text(result(triaged), f"bold {style}"))


def _print_control(control: Finding, console: Console) -> None:
    console.print(_text(f"{control.check.title}: {control.message}", f"bold {_BAD}"))
    console.print(_indented(_text(control.remedy)))
    for evidence in control.evidence:
        console.print(_text(f"{evidence.label}:"))
        console.print(_indented(Text(terminal_safe(evidence.text.strip()), _DIM)))
    console.print()


def _table(triaged: TriagedReport) -> Table:
    table = Table(box=SIMPLE_HEAD, pad_edge=False, header_style="bold", expand=True)
    for heading, ratio in (("check", 5), ("met with", 6), ("what happened", 7), ("verdict", 5)):
        table.add_column(heading, overflow="fold", ratio=ratio)
    names = _short_names([one.finding.check.id for one in triaged.findings])
    for name, one in zip(names, triaged.findings, strict=True):
        table.add_row(
            _text(name),
            _text(one.finding.stimulus),
            _text(one.finding.message),
            _verdict(one, triaged),
        )
    return table


def _short_names(ids: list[str]) -> list[str]:
    """Leave out what all ids begin and end with, up to a hyphen."""
    split = [one.split("-") for one in ids]
    parts = range(min(map(len, split), default=1) - 1)
    head = sum(1 for _ in takewhile(lambda n: len({one[n] for one in split}) == 1, parts))
    rest = range(1, len(parts) - head + 1)
    tail = sum(1 for _ in takewhile(lambda n: len({one[-n] for one in split}) == 1, rest))
    return ["-".join(one[head : len(one) - tail]) for one in split]


def _verdict(one: TriagedFinding, triaged: TriagedReport) -> Text:
    finding = one.finding
    tolerance = triaged.tolerance(one)
    said = _text(verdict(finding), _DOUBTFUL if tolerance else _STYLES[finding.outcome])
    return said.append(f", {one_line(tolerance)}", _DIM) if tolerance else said


def _remedy(remedy: Remedy) -> Iterator[RenderableType]:
    ids = ", ".join(finding.check.id for finding in remedy.findings)
    yield _text(f"{remedy.severity.name.lower()}: {ids}", "bold")
    yield _indented(_text(remedy.text))
    if remedy.references:
        yield _indented(_text("; ".join(map(_reference, remedy.references)), _DIM))


def _indented(text: Text) -> Padding:
    return Padding(text, (0, 0, 0, 2), expand=False)


def _reference(reference: Reference) -> str:
    return f"{reference.label} {reference.url}".rstrip()


def _text(text: str, style: str = "") -> Text:
    return Text(one_line(text), style=style)

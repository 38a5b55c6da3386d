"""The report as Markdown, for comments and wikis: tables, and evidence folded away.

It is GitHub's dialect. All that carries meaning there is written as a reference to a character, so
no text of a stranger is more than text; what he may have written stands in <code>, where nobody is
mentioned.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import escape
from typing import Final
from urllib.parse import quote

from postseal.audit.findings import Outcome, Reference
from postseal.audit.report.phrases import counted, remedies, result, verdict
from postseal.audit.report.plain import one_line, terminal_safe
from postseal.audit.triage import TriagedReport

__all__ = ["markdown_report"]

_MEANINGFUL: Final = re.compile(r"[\\`*_{}\[\]<>#|&~$@!:^=]")

# Without parentheses, which end a link.
_OF_URLS: Final = "%/:?#[]@!$&'*+,;=~"


def markdown_report(triaged: TriagedReport) -> str:
    """Write the whole report."""
    return "\n".join(_lines(triaged)) + "\n"


def _lines(triaged: TriagedReport) -> Iterator[str]:
    report = triaged.report
    yield f"# Postseal audit: {_plain(report.audit)}"
    yield ""
    yield f"**{_plain(result(triaged))}** {_plain(counted(triaged))}."
    yield ""
    yield from _table(
        ("circumstance", "value"),
        [
            ("subject", _code(report.subject)),
            ("started", _plain(f"{report.started:%Y-%m-%d %H:%M:%S %Z}")),
            *((_plain(name), _code(value)) for name, value in report.facts),
        ],
    )
    yield from ("", "## Findings", "")
    yield from _table(
        ("check", "met with", "what happened", "verdict"),
        [
            (
                f"{_plain(one.finding.check.id)}<br>{_plain(one.finding.check.title)}",
                _plain(one.finding.stimulus),
                _code(one.finding.message),
                "<br>".join(
                    _plain(text) for text in (verdict(one.finding), triaged.tolerance(one)) if text
                ),
            )
            for one in triaged.findings
        ],
    )
    yield from _remedies(triaged)
    yield from _evidence(triaged)


def _remedies(triaged: TriagedReport) -> Iterator[str]:
    found = list(remedies(triaged))
    if found:
        yield from ("", "## What to do", "")
    for remedy in found:
        ids = ", ".join(_plain(finding.check.id) for finding in remedy.findings)
        read = "; ".join(map(_link, remedy.references))
        severity = remedy.severity.name.lower()
        text = f"- **{severity}** ({ids}): {_plain(remedy.text)}"
        yield f"{text} Read: {read}" if read else text


def _evidence(triaged: TriagedReport) -> Iterator[str]:
    told = [one.finding for one in triaged.findings if one.finding.outcome is not Outcome.PASSED]
    if any(finding.evidence for finding in told):
        yield from ("", "## Evidence")
    for finding in told:
        for evidence in finding.evidence:
            yield ""
            yield "<details>"
            yield f"<summary>{_html(finding.check.id)}: {_html(evidence.label)}</summary>"
            yield ""
            yield f"<pre>{escape(terminal_safe(evidence.text))}</pre>"
            yield ""
            yield "</details>"


def _table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> Iterator[str]:
    yield f"| {' | '.join(head)} |"
    yield f"|{' --- |' * len(head)}"
    for row in rows:
        yield f"| {' | '.join(row)} |"


def _plain(text: str) -> str:
    return _MEANINGFUL.sub(lambda found: f"&#{ord(found[0])};", one_line(text))


def _code(text: str) -> str:
    return f"<code>{_plain(text)}</code>" if text else ""


def _html(text: str) -> str:
    return escape(one_line(text))


def _link(reference: Reference) -> str:
    if not reference.url.startswith("https://"):
        return _plain(reference.label)
    return f"[{_plain(reference.label)}]({_plain(quote(reference.url, safe=_OF_URLS))})"

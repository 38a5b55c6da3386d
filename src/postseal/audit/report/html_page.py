"""The report as one HTML page that needs nothing else: no script, no font, no other file.

It may be opened from anywhere and printed. The policy in its head allows its own style and nothing
more, so that what a stranger wrote could do nothing even if it were markup.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator
from hashlib import sha256
from html import escape
from typing import Final

from postseal.audit.exit_codes import ExitCode
from postseal.audit.findings import Outcome, Reference
from postseal.audit.report.phrases import counted, remedies, result, verdict
from postseal.audit.report.plain import terminal_safe
from postseal.audit.triage import TriagedFinding, TriagedReport

__all__ = ["html_report"]

_STYLE: Final = """
:root { color-scheme: light dark; --back: #fff; --text: #1c2128; --dim: #57606a; --line: #d0d7de;
  --soft: #f6f8fa; --good: #116329; --bad: #b3121d; --doubtful: #7d4e00; }
@media (prefers-color-scheme: dark) { :root { --back: #0d1117; --text: #e6edf3; --dim: #9198a1;
  --line: #3d444d; --soft: #151b23; --good: #56d364; --bad: #ff8a82; --doubtful: #e3b341; } }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 1.5rem; max-width: 75rem; background: var(--back);
  color: var(--text); font: 1rem/1.5 system-ui, sans-serif; }
h1 { font-size: 1.5rem; margin: 0; } h2 { font-size: 1.2rem; margin: 2rem 0 .5rem; }
p { margin: .5rem 0; }
code, pre { font: .875em/1.45 ui-monospace, monospace; overflow-wrap: anywhere; }
pre { margin: .25rem 0 1rem; padding: .75rem; background: var(--soft); white-space: pre-wrap;
  border: 1px solid var(--line); border-radius: .375rem; }
table { width: 100%; border-collapse: collapse; }
th, td { padding: .4rem .6rem .4rem 0; text-align: left; vertical-align: top;
  border-bottom: 1px solid var(--line); overflow-wrap: anywhere; }
th { font-weight: 600; } td:first-child { width: 22%; } td:last-child { width: 20%; }
.wide { overflow-x: auto; } small, .dim { color: var(--dim); font-size: .875rem; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .1rem 1rem; margin: 1rem 0; }
dt { color: var(--dim); } dd { margin: 0; overflow-wrap: anywhere; }
.good { color: var(--good); } .bad { color: var(--bad); } .doubtful { color: var(--doubtful); }
.bad, .doubtful, .result { font-weight: 600; }
summary { cursor: pointer; margin: .25rem 0; } li { margin: .5rem 0; }
@media print { :root { color-scheme: light; } body { max-width: none; padding: 0; }
  tr, li { break-inside: avoid; } details::details-content { content-visibility: visible; } }
"""
_DIGEST: Final = b64encode(sha256(_STYLE.encode()).digest()).decode()
_CLASSES: Final = {
    Outcome.PASSED: "good",
    Outcome.FAILED: "bad",
    Outcome.INCONCLUSIVE: "doubtful",
    Outcome.NOT_COVERED: "dim",
    Outcome.BROKEN: "bad",
}
_RESULT_CLASSES: Final = {ExitCode.CLEAN: "good", ExitCode.INCONCLUSIVE: "doubtful"}


def html_report(triaged: TriagedReport) -> str:
    """Write the whole page."""
    return "\n".join(_lines(triaged)) + "\n"


def _lines(triaged: TriagedReport) -> Iterator[str]:
    report = triaged.report
    title = _text(f"Postseal audit: {report.audit}")
    yield "<!DOCTYPE html>"
    yield '<html lang="en"><head><meta charset="utf-8">'
    yield (
        '<meta http-equiv="Content-Security-Policy" content="default-src \'none\'; '
        f"style-src 'sha256-{_DIGEST}'; base-uri 'none'; form-action 'none'\">"
    )
    yield '<meta name="viewport" content="width=device-width, initial-scale=1">'
    yield '<meta name="referrer" content="no-referrer">'
    yield f"<title>{title}</title><style>{_STYLE}</style></head><body>"
    yield f"<header><h1>{title}</h1>"
    style = _RESULT_CLASSES.get(triaged.exit_code, "bad")
    yield f'<p class="result {style}">{_text(result(triaged))}</p>'
    yield f"<p>{_text(counted(triaged))}.</p>"
    yield from _facts(triaged)
    yield "</header><main>"
    yield from _remedies(triaged)
    yield from _findings(triaged)
    yield from _evidence(triaged)
    yield "</main></body></html>"


def _facts(triaged: TriagedReport) -> Iterator[str]:
    report = triaged.report
    seconds = (report.finished - report.started).total_seconds()
    yield "<dl>"
    yield f"<dt>subject</dt><dd><code>{_text(report.subject)}</code></dd>"
    yield f"<dt>started</dt><dd>{report.started:%Y-%m-%d %H:%M:%S %Z}, {seconds:.1f} s</dd>"
    yield f"<dt>Postseal</dt><dd>{_text(report.version)}</dd>"
    for name, value in report.facts:
        yield f"<dt>{_text(name)}</dt><dd>{_text(value)}</dd>"
    yield "</dl>"


def _remedies(triaged: TriagedReport) -> Iterator[str]:
    found = list(remedies(triaged))
    if found:
        yield "<h2>What to do</h2><ul>"
        for remedy in found:
            ids = ", ".join(_text(finding.check.id) for finding in remedy.findings)
            read = "; ".join(map(_link, remedy.references))
            yield f"<li><strong>{remedy.severity.name.lower()}</strong>: {_text(remedy.text)}"
            yield f"<small>{ids}{'. ' if read else ''}{read}</small></li>"
        yield "</ul>"


def _findings(triaged: TriagedReport) -> Iterator[str]:
    yield '<h2>Findings</h2><div class="wide"><table><thead><tr>'
    yield "<th>check</th><th>met with</th><th>what happened</th><th>verdict</th>"
    yield "</tr></thead><tbody>"
    for one in triaged.findings:
        finding = one.finding
        yield (
            f"<tr><td>{_text(finding.check.title)}<br><small>{_text(finding.check.id)}</small></td>"
            f"<td>{_text(finding.stimulus)}</td><td>{_text(finding.message)}</td>"
            f"<td>{_verdict(one, triaged)}</td></tr>"
        )
    yield "</tbody></table></div>"


def _verdict(one: TriagedFinding, triaged: TriagedReport) -> str:
    finding = one.finding
    tolerance = triaged.tolerance(one)
    style = "doubtful" if tolerance else _CLASSES[finding.outcome]
    said = f'<span class="{style}">{_text(verdict(finding))}</span>'
    return f"{said}<br><small>{_text(tolerance)}</small>" if tolerance else said


def _evidence(triaged: TriagedReport) -> Iterator[str]:
    told = [one.finding for one in triaged.findings if one.finding.evidence]
    if told:
        yield "<h2>Evidence</h2>"
    for finding in told:
        yield f"<details><summary>{_text(finding.check.id)}: {_text(finding.verdict)}</summary>"
        for evidence in finding.evidence:
            yield f"<p>{_text(evidence.label)}</p><pre>{_text(evidence.text)}</pre>"
        yield "</details>"


def _link(reference: Reference) -> str:
    if not reference.url.startswith("https://"):
        return _text(reference.label)
    return f'<a href="{_text(reference.url)}">{_text(reference.label)}</a>'


def _text(text: str) -> str:
    return escape(terminal_safe(text))

"""The report as JUnit's XML, in the shape that build servers show.

A test case fails where the audit does; what is tolerated, suppressed or could not be told is
skipped with the reason, and what broke in the auditor is an error.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from postseal.audit.findings import Finding, Outcome
from postseal.audit.report.phrases import verdict
from postseal.audit.report.plain import one_line, terminal_safe
from postseal.audit.triage import TriagedFinding, TriagedReport

__all__ = ["junit_report"]

_COUNTED: Final = {"failures": "failure", "errors": "error", "skipped": "skipped"}


def junit_report(triaged: TriagedReport) -> str:
    """Write one suite with a case for each finding."""
    report = triaged.report
    suite = Element("testsuite", name=one_line(f"postseal audit {report.audit}"))
    suite.set("timestamp", report.started.isoformat(timespec="seconds"))
    properties = SubElement(suite, "properties")
    for name, value in (("subject", report.subject), *report.facts):
        SubElement(properties, "property", name=one_line(name), value=one_line(value))
    suite.extend(_test_case(one, triaged) for one in triaged.findings)
    root = Element("testsuites", name="postseal audit")
    seconds = (report.finished - report.started).total_seconds()
    for element in (root, suite):
        element.set("tests", str(len(triaged.findings)))
        element.set("time", f"{seconds:.3f}")
        for attribute, tag in _COUNTED.items():
            element.set(attribute, str(sum(1 for _ in suite.iter(tag))))
    root.append(suite)
    indent(root)
    text: str = tostring(root, encoding="unicode")
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{text}\n'


def _test_case(one: TriagedFinding, triaged: TriagedReport) -> Element:
    finding = one.finding
    element = Element(
        "testcase",
        classname=one_line(finding.subject),
        name=one_line(f"{finding.check.id} {finding.check.title}"),
        time=f"{finding.seconds:.3f}",
    )
    if finding.outcome is not Outcome.PASSED:
        element.append(_shortcoming(one, triaged))
    return element


def _shortcoming(one: TriagedFinding, triaged: TriagedReport) -> Element:
    finding = one.finding
    message = f"{verdict(finding)}: {finding.message}"
    if finding.outcome is Outcome.BROKEN:
        element = Element("error", type=finding.outcome.name)
    elif triaged.fails(one):
        element = Element("failure", type=finding.severity.name)
    else:
        element = Element("skipped")
        if tolerance := triaged.tolerance(one):
            message = f"{message} [{tolerance}]"
    element.set("message", one_line(message))
    element.text = "\n".join(map(terminal_safe, _lines(finding)))
    return element


def _lines(finding: Finding) -> Iterator[str]:
    if finding.stimulus:
        yield f"met with: {finding.stimulus}"
    yield f"remedy: {finding.remedy}"
    for reference in finding.check.references:
        yield f"see: {reference.label} {reference.url}".rstrip()

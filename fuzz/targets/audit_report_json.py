"""Any octets are refused as InvalidInput in one printable line, or are a report that is written in
every format and read back from JSON as the same.
"""

from __future__ import annotations

from postseal.audit.findings import Location, Severity
from postseal.audit.report.formats import Format, written
from postseal.audit.report.json_report import read_json_report
from postseal.audit.triage import triage
from postseal.errors import InvalidInput

__all__ = ["run"]


def run(data: bytes) -> None:
    """Check the invariant for the octets of a file."""
    try:
        report = read_json_report(data, source="report")
    except InvalidInput as error:
        assert str(error).isprintable()
        return
    triaged = triage(
        report, fail_on=Severity.LOW, location=Location("postseal-audit.toml"), baseline=report
    )
    for format_ in Format:
        text = written(triaged, format_)
        assert text.replace("\n", "").isprintable()
        text.encode("utf-8")
    again = read_json_report(written(triaged, Format.JSON).encode("ascii"), source="report")
    used = {finding.check.id for finding in report.findings}
    assert {finding.check.id for finding in again.findings} == used
    assert again == report

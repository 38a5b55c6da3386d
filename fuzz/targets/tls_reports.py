"""Any octets are refused as InvalidReport, or are a report that is written and read back as the
same without defects, with at most a hundred defects in printable lines.
"""

from __future__ import annotations

from postseal.errors import InvalidReport
from postseal.tls.reports import read_report, read_results, report_octets, results_json

__all__ = ["run"]

# Small, so that inputs which grow when unpacked are refused within the time of one run.
_MAX_OCTETS = 65536


def run(data: bytes) -> None:
    """Check the invariant."""
    try:
        read = read_report(data, max_octets=_MAX_OCTETS)
    except InvalidReport as error:
        assert str(error).isprintable()
        return
    assert len(read.defects) <= 100
    assert all(str(defect).isprintable() for defect in read.defects)
    again = read_report(report_octets(read.report))
    # What is empty is left out when it is written, and what is required is missed when it is read.
    assert again.report.policies == read.report.policies
    assert again.report.report_id == read.report.report_id
    assert again.report.period.start == read.report.period.start.replace(microsecond=0)
    for results in read.report.policies:
        entry = results_json(results)
        assert isinstance(entry, dict)
        try:
            assert read_results(entry) == results
        except InvalidReport as error:
            assert "it is missing" in str(error) or "ends before" in str(error)

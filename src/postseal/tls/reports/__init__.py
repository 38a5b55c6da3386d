"""SMTP TLS Reporting: what one side saw of the other's TLS, once a day (RFC 8460).

`postseal.send.tls_reports` sends a report, by mail or by POST.
"""

from __future__ import annotations

from postseal.tls.reports.collecting import (
    ResultStore,
    SessionEnds,
    day_of,
    merged,
    session_results,
)
from postseal.tls.reports.reading import Defect, ReadReport, read_report, read_results
from postseal.tls.reports.record import (
    HTTPSDestination,
    MailDestination,
    ReportDestination,
    parse_reporting_record,
    reporting_destinations,
    reporting_name,
)
from postseal.tls.reports.values import (
    AppliedPolicy,
    Failure,
    FailureCount,
    PolicyResults,
    PolicyType,
    Report,
    ReportPeriod,
)
from postseal.tls.reports.writing import (
    GZIP_TYPE,
    report_filename,
    report_id,
    report_json,
    report_octets,
    results_json,
    submitter_of,
)

__all__ = [
    "GZIP_TYPE",
    "AppliedPolicy",
    "Defect",
    "Failure",
    "FailureCount",
    "HTTPSDestination",
    "MailDestination",
    "PolicyResults",
    "PolicyType",
    "ReadReport",
    "Report",
    "ReportDestination",
    "ReportPeriod",
    "ResultStore",
    "SessionEnds",
    "day_of",
    "merged",
    "parse_reporting_record",
    "read_report",
    "read_results",
    "report_filename",
    "report_id",
    "report_json",
    "report_octets",
    "reporting_destinations",
    "reporting_name",
    "results_json",
    "session_results",
    "submitter_of",
]

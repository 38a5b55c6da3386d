"""The mail that carries a TLS report, read back by another reader of MIME (RFC 8460 5.3)."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, date, datetime
from email import message_from_bytes, policy
from email.message import EmailMessage

import pytest

from postseal.address import Address
from postseal.errors import InvalidInput, InvalidReport
from postseal.mail import Message
from postseal.send.tls_reports import tls_report_message
from postseal.tls.reports import (
    AppliedPolicy,
    MailDestination,
    PolicyResults,
    Report,
    ReportPeriod,
    read_report,
    report_id,
)

DAY = date(2026, 11, 21)
DESTINATIONS = (
    MailDestination(Address.parse("tls@example.org")),
    MailDestination(Address.parse("tls@reports.example.net")),
)
REPORT = Report(
    organization_name="Example",
    contact_info="tls@sender.example",
    report_id=report_id(DAY, policy_domain="example.org", submitter="sender.example"),
    period=ReportPeriod.of_day(DAY),
    policies=(PolicyResults(policy=AppliedPolicy.none("example.org"), successful_sessions=3),),
)
# The ABNF of RFC 8460 5.3, with the names and the id as RFC 6376 and RFC 5322 have them.
SUBJECT = re.compile(
    r"Report Domain: [\w.-]+ Submitter: [\w.-]+ Report-ID: <[^<>@ ]+@[^<>@ ]+>", re.ASCII
)


def made(report: Report = REPORT, *, policy_domain: str = "example.org") -> Message:
    return tls_report_message(
        report,
        DESTINATIONS,
        policy_domain=policy_domain,
        clock=lambda: datetime(2026, 11, 22, 3, 0, tzinfo=UTC),
        random=bytes,
    )


def as_others_read(message: Message) -> EmailMessage:
    return message_from_bytes(bytes(message), policy=policy.default)


def test_the_headers_are_those_of_the_rfc() -> None:
    read = as_others_read(made())
    assert read["TLS-Report-Domain"] == "example.org"
    assert read["TLS-Report-Submitter"] == "sender.example"
    assert read["TLS-Required"] == "No"
    assert read["From"] == "tls@sender.example"
    assert read["To"] == "tls@example.org, tls@reports.example.net"
    assert SUBJECT.fullmatch(read["Subject"])


def test_there_is_a_part_for_people_and_one_for_programs() -> None:
    read = as_others_read(made())
    assert read.get_content_type() == "multipart/report"
    assert read.get_param("report-type") == "tlsrpt"
    text, attached = read.iter_parts()
    assert text.get_content_type() == "text/plain"
    assert "from sender.example about example.org for 2026-11-21" in text.get_content()
    assert attached.get_content_type() == "application/tlsrpt+gzip"
    assert attached.get_filename() == "sender.example!example.org!1795219200!1795305599.json.gz"
    assert read_report(attached.get_content()).report == REPORT


def test_an_international_domain_is_written_in_a_labels() -> None:
    read = as_others_read(made(policy_domain="b\u00fccher.example"))
    assert read["TLS-Report-Domain"] == "xn--bcher-kva.example"
    assert SUBJECT.fullmatch(read["Subject"])


def test_an_identity_without_a_domain_gets_that_of_the_sender() -> None:
    read = as_others_read(made(replace(REPORT, report_id="5065427c")))
    assert read["Subject"].endswith("Report-ID: <5065427c@sender.example>")


def test_without_an_address_there_is_no_message() -> None:
    with pytest.raises(InvalidReport, match="no address"):
        made(replace(REPORT, contact_info="sender"))
    with pytest.raises(InvalidInput):
        tls_report_message(REPORT, (), policy_domain="example.org")

"""Feedback reports as RFC 5965 has them."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from postseal.mail.reading import parse
from postseal.mail.reports import read_delivery_report, read_feedback_report

COMPLAINT = """\
From: abusedesk@provider.example
Subject: FW: Sale
MIME-Version: 1.0
Content-Type: multipart/report; report-type=feedback-report; boundary="b"

--b
Content-Type: text/plain; charset="US-ASCII"

Somebody complained.
--b
Content-Type: message/feedback-report

Feedback-Type: Abuse
User-Agent: Complaints/1.0
Version: 1
Original-Mail-From: <news@shop.example>
Original-Rcpt-To: <user@example.com>
Original-Rcpt-To: other@example.com
Arrival-Date: Thu, 8 Mar 2026 14:00:00 -0500
Reporting-MTA: dns; mail.example.com
Source-IP: 192.0.2.1
Authentication-Results: mail.example.com;
               spf=fail smtp.mail=somespammer@example.com
Reported-Domain: example.net
Reported-Uri: http://example.net/sale.html
Incidents: 12

--b
Content-Type: message/rfc822

From: <news@shop.example>
Message-ID: <5@shop.example>

Buy more.
--b--
"""


def test_a_complaint_is_read() -> None:
    message = parse(COMPLAINT.replace("\n", "\r\n").encode())
    report = read_feedback_report(message)
    assert report is not None
    assert report.feedback_type == "abuse"
    assert (report.user_agent, report.version) == ("Complaints/1.0", "1")
    assert report.original_mail_from == "news@shop.example"
    assert report.original_recipients == ("user@example.com", "other@example.com")
    assert report.arrival_date == datetime(2026, 3, 8, 19, tzinfo=UTC)
    assert report.source_ip == "192.0.2.1"
    assert report.reporting_mta == "mail.example.com"
    assert report.reported_domains == ("example.net",)
    assert report.reported_uris == ("http://example.net/sale.html",)
    assert len(report.authentication_results) == 1
    assert report.incidents == 12
    assert report.original is not None
    assert report.original.message_id == "<5@shop.example>"
    assert read_delivery_report(message) is None


@pytest.mark.parametrize("incidents", ["many", "-1", "9" * 5000, "²", ""])
def test_a_number_that_is_none_is_one(incidents: str) -> None:
    text = f"Content-Type: message/feedback-report\n\nFeedback-Type: x\nIncidents: {incidents}\n"
    report = read_feedback_report(parse(text.encode()))
    assert report is not None
    assert report.incidents == 1


def test_what_is_no_feedback_report() -> None:
    assert read_feedback_report(parse(b"Subject: x\r\n\r\nFeedback-Type: abuse\r\n")) is None
    untyped = b"Content-Type: message/feedback-report\r\n\r\nVersion: 1\r\n"
    assert read_feedback_report(parse(untyped)) is None

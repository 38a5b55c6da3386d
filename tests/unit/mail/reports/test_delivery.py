"""Delivery reports as servers write them, by RFC 3464 and for people alone."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from importlib import resources

import pytest

from postseal.mail import reports
from postseal.mail.reading import parse
from postseal.mail.reports import (
    BounceKind,
    DeliveryAction,
    DeliveryReport,
    RecipientReport,
    read_delivery_report,
)
from postseal.mail.reports.bounce_texts import status_in

POSTFIX = """\
Return-Path: <>
From: MAILER-DAEMON@mx.example (Mail Delivery System)
Subject: Undelivered Mail Returned to Sender
To: ada@example.com
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status;
\tboundary="AF35C1.1763/mx.example"

This is a MIME-encapsulated message.

--AF35C1.1763/mx.example
Content-Description: Notification
Content-Type: text/plain; charset=us-ascii

This is the mail system at host mx.example.

<nobody@example.org>: host mail.example.org[192.0.2.7] said: 550 5.1.1
    <nobody@example.org>: Recipient address rejected (in reply to RCPT TO command)

--AF35C1.1763/mx.example
Content-Description: Delivery report
Content-Type: message/delivery-status

Reporting-MTA: dns; mx.example
X-Postfix-Queue-ID: AF35C1
Original-Envelope-Id: QQ314159
Arrival-Date: Sat, 21 Nov 2026 10:00:00 +0100 (CET)

Final-Recipient: rfc822; nobody@example.org
Original-Recipient: rfc822;Nobody@example.org
Action: failed
Status: 5.1.1
Remote-MTA: dns; mail.example.org
Diagnostic-Code: smtp; 550 5.1.1 <nobody@example.org>: Recipient address
    rejected

Final-Recipient: rfc822; full@example.net
Action: failed (for now)
Status: 5.2.2 (full)
Diagnostic-Code: smtp; 552 5.2.2 over quota

Final-Recipient: rfc822; slow@example.net
Action: delayed
Status: 4.4.1
Will-Retry-Until: Thu, 26 Nov 2026 10:00:00 +0000

Final-Recipient: rfc822; fine@example.net
Action: relayed
Status: 2.0.0

Final-Recipient: rfc822; gone@example.net
Action: failed
Status: 4.4.7

--AF35C1.1763/mx.example
Content-Description: Undelivered Message
Content-Type: message/rfc822

Message-ID: <1@example.com>
Subject: Your invoice

Hello.
--AF35C1.1763/mx.example--
"""


def read(text: str) -> DeliveryReport:
    report = read_delivery_report(parse(text.replace("\n", "\r\n").encode()))
    assert report is not None
    return report


def only(text: str) -> RecipientReport:
    (recipient,) = read(text).recipients
    return recipient


def test_a_report_says_who_reports_on_what() -> None:
    report = read(POSTFIX)
    assert report.is_standard
    assert report.reporting_mta == "mx.example"
    assert report.envelope_id == "QQ314159"
    assert report.arrival_date == datetime(2026, 11, 21, 9, tzinfo=UTC)
    assert report.original is not None
    assert report.original.message_id == "<1@example.com>"


def test_each_recipient_has_an_own_outcome() -> None:
    nobody, full, slow, fine, gone = read(POSTFIX).recipients
    assert nobody == RecipientReport(
        "nobody@example.org",
        DeliveryAction.FAILED,
        "5.1.1",
        original_recipient="Nobody@example.org",
        diagnostic="550 5.1.1 <nobody@example.org>: Recipient address    rejected",
        remote_mta="mail.example.org",
    )
    assert (nobody.kind, nobody.is_retryable) == (BounceKind.HARD, False)
    assert (full.status, full.kind, full.is_retryable) == ("5.2.2", BounceKind.SOFT, False)
    assert (slow.action, slow.kind) == (DeliveryAction.DELAYED, BounceKind.SOFT)
    # It is still being tried: to send again would make two.
    assert not slow.is_retryable
    assert slow.will_retry_until == datetime(2026, 11, 26, 10, tzinfo=UTC)
    assert (fine.action, fine.kind, fine.is_retryable) == (DeliveryAction.RELAYED, None, False)
    assert (gone.kind, gone.is_retryable) == (BounceKind.SOFT, True)


def status_report(fields: str, kind: str = "message/delivery-status") -> str:
    return (
        "Content-Type: multipart/report; boundary=b\n\n--b\n\nSorry.\n--b\n"
        f"Content-Type: {kind}\n\nReporting-MTA: dns; mx.example\n\n{fields}\n--b--\n"
    )


@pytest.mark.parametrize(
    ("fields", "status", "action", "kind"),
    [
        # RFC 3464 2.3.4 asks for a status; without one, the diagnosis has it.
        ("Action: failed\nDiagnostic-Code: smtp; 550 5.7.1 No.", "5.7.1", "failed", "soft"),
        ("Action: failed\nDiagnostic-Code: smtp; 550 No such user", "5.0.0", "failed", "hard"),
        ("Action: failed\nDiagnostic-Code: smtp; 451 Later", "4.0.0", "failed", "soft"),
        ("Action: failed\nStatus: 9.9.9", None, "failed", "hard"),
        ("Action: failed", None, "failed", "hard"),
        ("Status: 5.1.10", "5.1.10", "failed", "hard"),
        ("Status: 2.1.5", "2.1.5", "delivered", None),
        ("Action: exploded\nStatus: 4.2.1", "4.2.1", "failed", "soft"),
        ("ACTION: Expanded\nSTATUS: 2.1.5", "2.1.5", "expanded", None),
        ("Action: failed\nStatus: 5.3.4", "5.3.4", "failed", "soft"),
    ],
)
def test_incomplete_fields(fields: str, status: str | None, action: str, kind: str | None) -> None:
    found = only(status_report(f"Final-Recipient: rfc822; <a@b.example>\n{fields}\n"))
    assert found.recipient == "a@b.example"
    assert (found.status, found.action, found.kind) == (status, action, kind)


def test_recipients_of_all_scripts() -> None:
    # RFC 6533 3
    found = only(
        status_report(
            "Final-Recipient: utf-8; дима@почта.example\nAction: failed\nStatus: 5.1.1\n",
            kind="message/global-delivery-status",
        )
    )
    assert found.recipient == "дима@почта.example"


def test_the_header_of_the_message_is_enough() -> None:
    text = status_report("Final-Recipient: rfc822; a@b.example\nAction: failed\n").replace(
        "--b--", "--b\nContent-Type: text/rfc822-headers\n\nMessage-ID: <7@example.com>\n--b--"
    )
    original = read(text).original
    assert original is not None
    assert original.message_id == "<7@example.com>"


def test_a_report_that_was_only_forwarded_is_none() -> None:
    wrapped = (
        "From: bob@example.org\nSubject: see\nContent-Type: multipart/mixed; boundary=w\n\n"
        f"--w\nContent-Type: message/rfc822\n\n{POSTFIX}\n--w--\n"
    )
    assert read_delivery_report(parse(wrapped.encode())) is None


QMAIL = """\
Return-Path: <>
From: MAILER-DAEMON@mx.example
Subject: failure notice

Hi. This is the qmail-send program at mx.example.
I'm afraid I wasn't able to deliver your message to the following addresses.

<nobody@example.org>:
192.0.2.7 does not like recipient.
Remote host said: 550 sorry, no mailbox here by that name. (#5.1.1)
Giving up on 192.0.2.7.

<full@example.net>:
The user's mailbox is full, sorry.

--- Below this line is a copy of the message.

<third@example.net>:
no such user
"""
EXIM = """\
X-Failed-Recipients: nobody@example.org, other@example.org
From: Mail Delivery System <Mailer-Daemon@mx.example>
Subject: Mail delivery failed: returning message to sender

This message was created automatically by mail delivery software.

A message that you sent could not be delivered to one or more of its
recipients. This is a permanent error. The following address(es) failed:

  nobody@example.org
    Unrouteable address

------ This is a copy of the message, including all the headers. ------

Return-path: <ada@example.com>
"""
DELAY = """\
Return-Path: <>
From: postmaster@mx.example
Subject: Delivery delayed

The message to

<slow@example.org>: connection timed out

has not yet been delivered and will be retried.
"""


def test_qmail_names_recipients_and_reasons() -> None:
    report = read(QMAIL)
    assert not report.is_standard
    nobody, full = report.recipients
    assert (nobody.recipient, nobody.status) == ("nobody@example.org", "5.1.1")
    assert nobody.kind is BounceKind.HARD
    assert (full.recipient, full.status, full.kind) == (
        "full@example.net",
        "5.2.2",
        BounceKind.SOFT,
    )
    assert full.diagnostic == "The user's mailbox is full, sorry."


def test_exim_names_recipients_in_a_field() -> None:
    nobody, other = read(EXIM).recipients
    assert (nobody.recipient, nobody.status) == ("nobody@example.org", "5.1.1")
    assert (other.recipient, other.status) == ("other@example.org", "5.1.1")


def test_a_warning_is_no_failure() -> None:
    found = only(DELAY)
    assert (found.action, found.status) == (DeliveryAction.DELAYED, "4.4.1")
    assert (found.kind, found.is_retryable) == (BounceKind.SOFT, False)


@pytest.mark.parametrize(
    "text",
    [
        "From: ada@example.com\nSubject: failure notice\n\n<bob@example.org>:\nuser unknown\n",
        "From: MAILER-DAEMON@x.example\nSubject: Hello\n\n<bob@example.org>:\nuser unknown\n",
        "From: postmaster@x.example\nSubject: Undelivered\n\nNobody in particular.\n",
        "Subject: x\n\n",
    ],
    ids=["from a person", "about something else", "without recipient", "nothing"],
)
def test_what_is_no_bounce(text: str) -> None:
    assert read_delivery_report(parse(text.encode())) is None


@pytest.mark.parametrize(
    ("text", "status"),
    [
        ("550 5.1.1 unknown", "5.1.1"),
        ("550 unknown", "5.0.0"),
        ("421-busy", "4.0.0"),
        ("host 192.5.1.1 said no", None),
        ("version 5.1.1.2", None),
        ("sent 2550 messages", None),
        ("(#4.4.2)", "4.4.2"),
    ],
)
def test_a_status_in_a_reply(text: str, status: str | None) -> None:
    assert status_in(text) == status


def test_the_phrases_are_such_that_they_can_be_found() -> None:
    lines = resources.files(reports).joinpath("bounces.txt").read_text("ascii").splitlines()
    phrases = [line.split(" ", 1) for line in lines if not line.startswith("#")]
    assert len(phrases) > 50
    assert all(re.fullmatch(r"[45]\.[0-9]\.[0-9]", status) for status, _ in phrases)
    assert all(phrase == " ".join(phrase.lower().split()) for _, phrase in phrases)
    # Behind a phrase that it holds, one would never count.
    for number, (_, phrase) in enumerate(phrases):
        assert not [before for _, before in phrases[:number] if before in phrase], phrase

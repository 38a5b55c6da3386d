"""Feedback reports: a mail provider says that somebody complained (ARF, RFC 5965, RFC 6591)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from postseal.mail.reading.dates import read_date
from postseal.mail.reading.fields import HeaderSection
from postseal.mail.reading.message import ReceivedMessage
from postseal.mail.reports.fields import (
    field_blocks,
    own_parts,
    reported_message,
    without_type,
)

__all__ = ["FeedbackReport", "read_feedback_report"]

_REPORT = "message/feedback-report"
_MAX_DIGITS = 9


@dataclass(frozen=True, slots=True)
class FeedbackReport:
    """A complaint, or a failed authentication, that a provider reports (RFC 5965 3).

    `feedback_type` is a word of the registry in lower case: `abuse`, `fraud`, `virus`, `other`,
    `not-spam`, `auth-failure`. `incidents` is how many alike it stands for. Addresses are as the
    provider wrote them, without brackets. `original` is the message or its header.
    """

    feedback_type: str
    user_agent: str | None
    version: str | None
    original_mail_from: str | None
    original_recipients: tuple[str, ...]
    arrival_date: datetime | None
    source_ip: str | None
    reporting_mta: str | None
    reported_domains: tuple[str, ...]
    reported_uris: tuple[str, ...]
    authentication_results: tuple[str, ...]
    incidents: int
    original: ReceivedMessage | None


def read_feedback_report(message: ReceivedMessage) -> FeedbackReport | None:
    """Read a feedback report; None without a part of that type that names a feedback type."""
    for part in own_parts(message.root):
        if part.media_type == _REPORT:
            block = next(field_blocks(part.content), None)
            if block is not None and (kind := block.get("Feedback-Type")):
                return _report(kind, block, reported_message(message.root))
    return None


def _report(kind: str, block: HeaderSection, original: ReceivedMessage | None) -> FeedbackReport:
    date = block.get("Arrival-Date") or block.get("Received-Date")
    mail_from = block.get("Original-Mail-From")
    incidents = block.get("Incidents") or ""
    is_number = incidents.isascii() and incidents.isdigit() and len(incidents) <= _MAX_DIGITS
    return FeedbackReport(
        feedback_type=kind.lower(),
        user_agent=block.get("User-Agent"),
        version=block.get("Version"),
        original_mail_from=None if mail_from is None else _bare(mail_from),
        original_recipients=tuple(map(_bare, _all(block, "Original-Rcpt-To"))),
        arrival_date=read_date(date)[0] if date else None,
        source_ip=block.get("Source-IP"),
        reporting_mta=without_type(block.get("Reporting-MTA")),
        reported_domains=_all(block, "Reported-Domain"),
        reported_uris=_all(block, "Reported-URI"),
        authentication_results=_all(block, "Authentication-Results"),
        incidents=int(incidents) if is_number else 1,
        original=original,
    )


def _all(block: HeaderSection, name: str) -> tuple[str, ...]:
    return tuple(field.value for field in block.all(name))


def _bare(address: str) -> str:
    return address.strip().removeprefix("<").removesuffix(">")

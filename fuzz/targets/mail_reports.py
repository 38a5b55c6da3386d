"""Any message is no report, or one whose recipients have an address, a status as RFC 3463 writes
it, and a retry only where a failure may pass.
"""

from __future__ import annotations

import re

from postseal.mail.reading import parse
from postseal.mail.reports import (
    BounceKind,
    DeliveryAction,
    read_delivery_report,
    read_feedback_report,
)

__all__ = ["run"]

_STATUS = re.compile(r"[245]\.[0-9]{1,3}\.[0-9]{1,3}\Z")


def run(data: bytes) -> None:
    """Check the invariant."""
    message = parse(data)
    report = read_delivery_report(message)
    if report is not None:
        assert report.recipients
        for each in report.recipients:
            assert each.recipient
            assert each.status is None or _STATUS.match(each.status)
            if each.is_retryable:
                assert each.kind is BounceKind.SOFT
                assert each.action is DeliveryAction.FAILED
    complaint = read_feedback_report(message)
    if complaint is not None:
        assert complaint.feedback_type
        assert complaint.incidents >= 0

"""What other mail systems report on messages that were sent: bounces, delays, complaints."""

from __future__ import annotations

from postseal.mail.reports.delivery import (
    BounceKind,
    DeliveryAction,
    DeliveryReport,
    RecipientReport,
    read_delivery_report,
)
from postseal.mail.reports.feedback import FeedbackReport, read_feedback_report

__all__ = [
    "BounceKind",
    "DeliveryAction",
    "DeliveryReport",
    "FeedbackReport",
    "RecipientReport",
    "read_delivery_report",
    "read_feedback_report",
]

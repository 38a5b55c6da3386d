"""What other mail systems report on messages that were sent: bounces, delays, complaints."""

from __future__ import annotations

from typing import TYPE_CHECKING

from postseal._lazy import lazy_exports

if TYPE_CHECKING:
    from postseal.mail.reports.delivery import (
        BounceKind,
        DeliveryAction,
        DeliveryReport,
        RecipientReport,
        read_delivery_report,
    )
    from postseal.mail.reports.feedback import FeedbackReport, read_feedback_report
else:
    __getattr__, __dir__ = lazy_exports(
        __name__,
        {
            "postseal.mail.reports.delivery": (
                "BounceKind",
                "DeliveryAction",
                "DeliveryReport",
                "RecipientReport",
                "read_delivery_report",
            ),
            "postseal.mail.reports.feedback": (
                "FeedbackReport",
                "read_feedback_report",
            ),
        },
    )

__all__ = [
    "BounceKind",
    "DeliveryAction",
    "DeliveryReport",
    "FeedbackReport",
    "RecipientReport",
    "read_delivery_report",
    "read_feedback_report",
]

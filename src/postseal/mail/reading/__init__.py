"""Reading mail that others wrote: lenient in what it takes, exact in what it says of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from postseal._lazy import lazy_exports

if TYPE_CHECKING:
    from postseal.mail.reading.addresses import AddressList, Group, read_addresses
    from postseal.mail.reading.attachments import ReceivedAttachment
    from postseal.mail.reading.defects import Defect, DefectKind
    from postseal.mail.reading.fields import HeaderSection, ReceivedField
    from postseal.mail.reading.limits import ReadingLimits
    from postseal.mail.reading.message import ReceivedMessage
    from postseal.mail.reading.parser import parse
    from postseal.mail.reading.parts import Disposition, ReceivedPart
else:
    __getattr__, __dir__ = lazy_exports(
        __name__,
        {
            "postseal.mail.reading.addresses": (
                "AddressList",
                "Group",
                "read_addresses",
            ),
            "postseal.mail.reading.attachments": ("ReceivedAttachment",),
            "postseal.mail.reading.defects": (
                "Defect",
                "DefectKind",
            ),
            "postseal.mail.reading.fields": (
                "HeaderSection",
                "ReceivedField",
            ),
            "postseal.mail.reading.limits": ("ReadingLimits",),
            "postseal.mail.reading.message": ("ReceivedMessage",),
            "postseal.mail.reading.parser": ("parse",),
            "postseal.mail.reading.parts": (
                "Disposition",
                "ReceivedPart",
            ),
        },
    )

__all__ = [
    "AddressList",
    "Defect",
    "DefectKind",
    "Disposition",
    "Group",
    "HeaderSection",
    "ReadingLimits",
    "ReceivedAttachment",
    "ReceivedField",
    "ReceivedMessage",
    "ReceivedPart",
    "parse",
    "read_addresses",
]

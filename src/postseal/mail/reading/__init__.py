"""Reading mail that others wrote: lenient in what it takes, exact in what it says of it."""

from __future__ import annotations

from postseal.mail.reading.addresses import AddressList, Group, read_addresses
from postseal.mail.reading.attachments import ReceivedAttachment
from postseal.mail.reading.defects import Defect, DefectKind
from postseal.mail.reading.fields import HeaderSection, ReceivedField
from postseal.mail.reading.limits import ReadingLimits
from postseal.mail.reading.message import ReceivedMessage
from postseal.mail.reading.parser import parse
from postseal.mail.reading.parts import Disposition, ReceivedPart

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

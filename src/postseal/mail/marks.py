"""What a header says to programs: that nobody wrote it by hand, and how urgent it is."""

from __future__ import annotations

from enum import StrEnum, unique

__all__ = ["PRIORITY_FIELDS", "AutoSubmitted", "Priority"]


@unique
class AutoSubmitted(StrEnum):
    """How a message came to be (RFC 3834 5); who sees one that is not `NO` answers it not."""

    NO = "no"
    GENERATED = "auto-generated"
    REPLIED = "auto-replied"


@unique
class Priority(StrEnum):
    """How urgent the sender finds a message, in the words of Importance (RFC 2156 5.3.4)."""

    HIGH = "high"
    NORMAL = "normal"
    LOW = "low"


# No client reads all three: Outlook the first and the last, Apple Mail and Thunderbird the last,
# gateways the second.
PRIORITY_FIELDS = {
    Priority.HIGH: b"Importance: high\r\nPriority: urgent\r\nX-Priority: 1\r\n",
    Priority.NORMAL: b"Importance: normal\r\nPriority: normal\r\nX-Priority: 3\r\n",
    Priority.LOW: b"Importance: low\r\nPriority: non-urgent\r\nX-Priority: 5\r\n",
}
"""The header fields for each priority (RFC 2156 5.3.4 and 5.3.6)."""

"""What is spoken: mail transfer or local delivery, and with which extensions."""

from __future__ import annotations

from enum import Enum, unique

__all__ = ["Extension", "Protocol"]


@unique
class Protocol(Enum):
    """What is spoken: mail transfer, or local delivery with a reply for each recipient."""

    SMTP = "SMTP"
    LMTP = "LMTP"
    """RFC 2033: LHLO in place of EHLO; not for port 25."""


@unique
class Extension(Enum):
    """The service extensions a listener may offer, by their keywords in the reply to EHLO."""

    PIPELINING = "PIPELINING"
    """RFC 2920."""
    SIZE = "SIZE"
    """RFC 1870."""
    EIGHT_BIT_MIME = "8BITMIME"
    """RFC 6152."""
    SMTPUTF8 = "SMTPUTF8"
    """RFC 6531."""
    ENHANCED_STATUS_CODES = "ENHANCEDSTATUSCODES"
    """RFC 2034; without it replies carry none."""
    CHUNKING = "CHUNKING"
    """RFC 3030 2."""
    BINARYMIME = "BINARYMIME"
    """RFC 3030 3; offered beside CHUNKING only."""
    DSN = "DSN"
    """RFC 3461."""
    REQUIRETLS = "REQUIRETLS"
    """RFC 8689; offered under TLS only."""
    DELIVERBY = "DELIVERBY"
    """RFC 2852."""
    FUTURERELEASE = "FUTURERELEASE"
    """RFC 4865."""
    MT_PRIORITY = "MT-PRIORITY"
    """RFC 6710."""
    LIMITS = "LIMITS"
    """RFC 9422; the limits themselves hold whether they are told or not."""

"""Whether a message may be converted for a server that takes 7 bits, and that one cannot be."""

from __future__ import annotations

from enum import Enum, unique

from postseal.errors import InvalidInput

__all__ = ["Conversion", "NotConvertible"]


@unique
class Conversion(Enum):
    """What may be done to 8-bit content for a server that takes none (RFC 6152 3).

    Octets under a signature in the message's own structure (RFC 1847) are changed by no member.
    """

    FORBIDDEN = "forbidden"
    """The message leaves as it is or not at all."""
    UNLESS_SIGNED = "unless-signed"
    """It is converted where no signature of a domain in its header would break.

    A broken signature counts like none (RFC 6376 6.1), and mail without one may be thrown away
    where its domain says so (RFC 7489 6.3), unseen by who sent it. A refusal is seen, and its cure
    is known: signers convert before they sign (RFC 6376 5.3).
    """
    DANGEROUS_EVEN_SIGNED = "dangerous-even-signed"
    """It is converted although receivers will find its DKIM or ARC signatures broken."""


class NotConvertible(InvalidInput):
    """A message cannot be written in 7 bits without a change of what it says or proves.

    `enhanced_code` is what a server says of such a message (RFC 3463 3.7, RFC 6531 4).
    """

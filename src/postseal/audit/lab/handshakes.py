"""How a hostile server meets the TLS handshake of a client."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, unique
from typing import Final, TypeAlias

from postseal.audit.lab.certificates import CertificateMaker, Certificates, good
from postseal.audit.lab.deviations import Then

__all__ = ["SOUND", "ByHand", "Consent", "Handshake", "OpenSSL", "Raw"]


@dataclass(frozen=True, slots=True)
class OpenSSL:
    """A handshake of the local OpenSSL with some certificate, its settings perhaps bent."""

    certificate: CertificateMaker = good
    shape: Callable[[ssl.SSLContext], None] | None = None


@dataclass(frozen=True, slots=True)
class Raw:
    """No handshake: octets made from the client's first ones, such as its ClientHello."""

    answer: Callable[[bytes], bytes]
    then: Then = Then.STALL


@unique
class Consent(Enum):
    """By what a client shows that it goes on with a handshake which it has to refuse."""

    KEY_EXCHANGE = "its part of the key exchange, or anything sealed"
    DATA = "what it seals, for the fault comes behind the key exchange"
    NOTHING = "nothing, for the handshake has no fault"


@dataclass(frozen=True, slots=True)
class ByHand:
    """A handshake said by hand: what `begin` gives for a connection answers each record."""

    begin: Callable[[Certificates], Callable[[bytes], bytes]]
    consent: Consent = Consent.KEY_EXCHANGE


Handshake: TypeAlias = OpenSSL | Raw | ByHand

SOUND: Final = OpenSSL()
"""What an honest server does."""

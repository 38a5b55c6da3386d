"""How a hostile server meets the TLS handshake of a client."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, TypeAlias

from postseal.audit.lab.certificates import CertificateMaker, good
from postseal.audit.lab.deviations import Then

__all__ = ["SOUND", "Handshake", "OpenSSL", "Raw"]


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


Handshake: TypeAlias = OpenSSL | Raw

SOUND: Final = OpenSSL()
"""What an honest server does."""

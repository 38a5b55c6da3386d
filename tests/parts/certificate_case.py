"""One case of a certificate: a server, and what the RFCs say about it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from postseal.audit.lab.flawed_certificates import Chain
from postseal.errors import CertificateReason

HOST = "mail.example.org"


@dataclass(frozen=True, slots=True)
class Case:
    """One server, and why it is refused: None when it is not.

    `openssl` says why OpenSSL's command line judges otherwise; empty where it agrees.
    """

    title: str
    rule: str
    expected: CertificateReason | None
    make: Callable[[], Chain]
    host: str = HOST
    openssl: str = ""

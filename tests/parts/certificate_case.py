"""One case of a certificate: a server's chain, and what the RFCs say about it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from postseal.audit.lab.certificates import Certificates
from postseal.audit.lab.flawed_certificates import ROOT, Chain, Spec, issue
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


def chain_of(leaf: Spec, *above: Spec, root: Spec = ROOT) -> Chain:
    """Issue a chain: the leaf, the authorities above it from the lowest up, and the root."""
    return Certificates(HOST, issue(root, None)).chain(leaf, *above)

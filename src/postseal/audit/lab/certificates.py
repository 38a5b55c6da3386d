"""What the servers of the lab show: chains under the authority that the client knows, or not."""

from __future__ import annotations

import ipaddress
import os
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from ssl import SSLContext
from typing import TypeAlias

from cryptography import x509

from postseal.audit.lab.flawed_certificates import ROOT, Chain, Issued, Spec, issue

__all__ = ["CertificateMaker", "Certificates", "good", "load_chain"]


@dataclass(frozen=True, slots=True)
class Certificates:
    """The certificates of one run: all that the client trusts is `root`, and it asks for `host`."""

    host: str
    root: Issued = field(default_factory=lambda: issue(ROOT, None))

    def spec(self, host: str | None = None) -> Spec:
        """Describe a good certificate for a host, by default the client's."""
        host = host or self.host
        return Spec(subject=host, names=(general_name(host),))

    def chain(self, leaf: Spec, *above: Spec, root: Issued | None = None) -> Chain:
        """Issue a chain: the leaf, the authorities above it from the lowest up, and the root."""
        issuer = trusted = root or self.root
        sent: list[Issued] = []
        for spec in (*reversed(above), leaf):
            issuer = issue(spec, issuer)
            sent.insert(0, issuer)
        return Chain(tuple(sent), trusted)


CertificateMaker: TypeAlias = Callable[[Certificates], Chain]


def good(certificates: Certificates) -> Chain:
    """The chain that an honest server shows."""
    return certificates.chain(certificates.spec())


def general_name(host: str) -> x509.GeneralName:
    """Write a host or an IP address as certificates do (RFC 5280 4.2.1.6)."""
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def load_chain(context: SSLContext, chain: Chain) -> None:
    """Give a context the chain and the key of its first certificate."""
    pem = chain.sent[0].key_pem + b"".join(one.pem for one in chain.sent)
    # Python's ssl takes them from files alone.
    descriptor, name = tempfile.mkstemp(suffix=".pem")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(pem)
        context.load_cert_chain(name)
    finally:
        Path(name).unlink()

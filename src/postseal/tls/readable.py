"""Certificates that `cryptography` can read in full: it reads each part when it is asked for."""

from __future__ import annotations

from typing import Final

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm

__all__ = ["UNREADABLE", "check_readable"]

UNREADABLE: Final = (
    # A TypeError comes of a name with a BIT STRING in it.
    TypeError,
    ValueError,
    UnsupportedAlgorithm,
    x509.DuplicateExtension,
    x509.InvalidVersion,
    x509.UnsupportedGeneralNameType,
)
"""What it raises for certificates, or parts of them, that it cannot make sense of."""


def check_readable(certificate: x509.Certificate) -> None:
    """Raise one of `UNREADABLE` where a name or an extension would raise it later."""
    for part in (certificate.subject, certificate.issuer, certificate.extensions):
        hash(part)

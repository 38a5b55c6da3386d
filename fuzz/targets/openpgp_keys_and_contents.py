"""Any octets are a certificate, a secret key or the contents of a sealed message, bounded in size,
or refused with the error of each.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

from postseal.mail.openpgp import (
    Certificate,
    InvalidCertificate,
    InvalidSecretKey,
    SecretKey,
)
from postseal.mail.openpgp.contents import read_contents
from postseal.mail.openpgp.faults import CannotDecrypt

__all__ = ["run"]

_NOW: Final = datetime(2026, 11, 22, tzinfo=UTC)
_MOST: Final = 1_000_000


def run(data: bytes) -> None:
    """Check the invariant for the octets as each of the three."""
    try:
        certificate = Certificate.from_bytes(data)
    except InvalidCertificate as error:
        assert str(error).isprintable()
    else:
        assert certificate.bound_keys(_NOW)[0].fingerprint == certificate.fingerprint
        assert certificate.fault(_NOW) is None or certificate.fault(_NOW)
    try:
        key = SecretKey.from_bytes(data, passphrase="passphrase")
        for subkey in key.keys:
            key.unlocked(subkey)
        key.signer()
    except (InvalidSecretKey, InvalidCertificate) as error:
        assert str(error).isprintable()
    try:
        contents = read_contents(data, max_octets=_MOST)
    except CannotDecrypt as error:
        assert error.reason.isprintable()
    else:
        assert len(contents.octets) <= max(_MOST, len(data))

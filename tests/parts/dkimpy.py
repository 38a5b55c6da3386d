"""dkimpy, with the records and keys of `tests.parts.signed_mail`."""

from __future__ import annotations

from base64 import b64encode

import dkim  # type: ignore[import-untyped]
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from postseal.mail.authentication import Canonicalization, KeyType
from tests.parts.signed_mail import DOMAIN, ED25519_SEED, records, selector_of, signing_key


def dkimpy_verifies(message: bytes, number: int = 0) -> bool:
    """Whether the signature with that number, from the top, is good."""
    try:
        return bool(dkim.DKIM(message).verify(number, dnsfunc=_lookup))
    except (dkim.DKIMException, ValueError):
        # It leaves the length of an Ed25519 signature to the library below.
        return False


def dkimpy_signs(
    message: bytes,
    kind: KeyType,
    *,
    header_form: Canonicalization = Canonicalization.RELAXED,
    body_form: Canonicalization = Canonicalization.RELAXED,
) -> bytes:
    """Give the field for a message."""
    field: bytes = dkim.sign(
        message,
        selector_of(kind).encode(),
        DOMAIN.encode(),
        _private_key(kind),
        canonicalize=(header_form.encode(), body_form.encode()),
        signature_algorithm=f"{kind}-sha256".encode(),
    )
    return field


def dkimpy_chain(message: bytes) -> str:
    """What it says of the ARC chain."""
    status: bytes = dkim.ARC(message).verify(dnsfunc=_lookup)[0]
    return status.decode()


def dkimpy_seals(message: bytes, service: str) -> bytes:
    """Give the ARC set for a message that has Authentication-Results of the service."""
    lines: list[bytes] = dkim.arc_sign(
        message,
        selector_of(KeyType.RSA).encode(),
        DOMAIN.encode(),
        _private_key(KeyType.RSA),
        service.encode(),
        include_headers=[b"from", b"to", b"subject", b"date"],
    )
    return b"".join(lines)


def _lookup(name: bytes, timeout: float = 5) -> bytes:
    return records()[name.decode().removesuffix(".")].encode()


def _private_key(kind: KeyType) -> bytes:
    # It reads RSA keys in PKCS#1, and the bare seed of Ed25519.
    if kind is KeyType.ED25519:
        return b64encode(ED25519_SEED)
    key = load_pem_private_key(signing_key(kind).to_pem(), None)
    return key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption())

"""The channel binding `tls-server-end-point`: the hash of the server's certificate (RFC 5929 4)."""

from __future__ import annotations

import hashlib
from typing import Final

from postseal.tls.der import only_element

__all__ = ["server_end_point"]

# DER of the object identifiers of signature algorithms, and the hash that each of them uses.
_RSA: Final = bytes.fromhex("2a864886f70d0101")
_ECDSA: Final = bytes.fromhex("2a8648ce3d0403")
_HASHES: Final = {
    # RFC 5929 4.1: SHA-256 in place of MD5 and SHA-1.
    _RSA + b"\x04": "sha256",
    _RSA + b"\x05": "sha256",
    bytes.fromhex("2a8648ce3d0401"): "sha256",
    _RSA + b"\x0b": "sha256",
    _RSA + b"\x0c": "sha384",
    _RSA + b"\x0d": "sha512",
    _ECDSA + b"\x02": "sha256",
    _ECDSA + b"\x03": "sha384",
    _ECDSA + b"\x04": "sha512",
}


def server_end_point(certificate: bytes) -> bytes:
    """Give the binding for a certificate in DER.

    Empty where RFC 5929 defines none: for signatures without a hash of their own (Ed25519), and
    for those that name it in parameters (RSASSA-PSS), as for what is no certificate.
    """
    try:
        # RFC 5280 4.1: Certificate ::= SEQUENCE { tbsCertificate, signatureAlgorithm, ... }
        _, algorithm, *_ = only_element(certificate).children()
        identifier, *_ = algorithm.children()
    except ValueError:
        return b""
    name = _HASHES.get(identifier.content)
    return hashlib.new(name, certificate).digest() if name else b""

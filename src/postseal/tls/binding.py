"""The channel binding `tls-server-end-point`: the hash of the server's certificate (RFC 5929 4)."""

from __future__ import annotations

import hashlib
from typing import Final

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
_SEQUENCE: Final = 0x30
_OBJECT_IDENTIFIER: Final = 0x06


def server_end_point(certificate: bytes) -> bytes:
    """Give the binding for a certificate in DER.

    Empty where RFC 5929 defines none: for signatures without a hash of their own (Ed25519), and
    for those that name it in parameters (RSASSA-PSS), as for what is no certificate.
    """
    try:
        # RFC 5280 4.1: Certificate ::= SEQUENCE { tbsCertificate, signatureAlgorithm, ... }
        content, _ = _element(certificate, 0, _SEQUENCE)
        _, behind = _element(content, 0, _SEQUENCE)
        algorithm, _ = _element(content, behind, _SEQUENCE)
        identifier, _ = _element(algorithm, 0, _OBJECT_IDENTIFIER)
    except (IndexError, ValueError):
        return b""
    name = _HASHES.get(identifier)
    return hashlib.new(name, certificate).digest() if name else b""


def _element(data: bytes, start: int, tag: int) -> tuple[bytes, int]:
    """Read one element of DER (X.690 8.1); return its content and where the next begins."""
    if data[start] != tag:
        raise ValueError("another element")
    length, begin = data[start + 1], start + 2
    if length & 0x80:
        octets = length & 0x7F
        length = int.from_bytes(data[begin : begin + octets], "big")
        begin += octets
    end = begin + length
    if end > len(data):
        raise ValueError("a cut element")
    return data[begin:end], end

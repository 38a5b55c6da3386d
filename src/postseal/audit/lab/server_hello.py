"""The octets of TLS that a server says, made by hand: what no library would say for us."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa

from postseal.audit.lab.flawed_certificates import Issued
from postseal.tls.client_hello import ClientHello

__all__ = [
    "ALERT",
    "APPLICATION_DATA",
    "BROKEN_OFF",
    "CHANGE_CIPHER_SPEC",
    "FINISHED",
    "GREETING",
    "HANDSHAKE",
    "NO_COMMON_VERSION",
    "SSL30",
    "TLS10",
    "TLS12",
    "TLS13",
    "ServerHello",
    "extension",
    "fatal",
    "hash_of",
    "message",
    "offers_tls13",
    "record",
    "signed_by",
    "vector",
    "warning",
]

# RFC 8446 5.1
CHANGE_CIPHER_SPEC: Final = 20
ALERT: Final = 21
HANDSHAKE: Final = 22
APPLICATION_DATA: Final = 23

SSL30: Final = 0x0300
TLS10: Final = 0x0301
TLS12: Final = 0x0303
TLS13: Final = 0x0304
FINISHED: Final = 20
GREETING: Final = b"220 mail.lab.example ESMTP\r\n"
"""Said under TLS, so that a client which waits for it shows that it goes on."""
_SERVER_HELLO: Final = 2
_SUPPORTED_VERSIONS: Final = 43
_LARGEST_RECORD: Final = 1 << 14


def vector(content: bytes, width: int = 2) -> bytes:
    """Write octets behind their length (RFC 8446 3.4)."""
    return len(content).to_bytes(width) + content


def extension(kind: int, content: bytes = b"") -> bytes:
    """Write an extension (RFC 8446 4.2)."""
    return kind.to_bytes(2) + vector(content)


def message(kind: int, body: bytes) -> bytes:
    """Write a message of the handshake (RFC 8446 4)."""
    return bytes([kind]) + vector(body, 3)


def record(kind: int, content: bytes, version: int = TLS12) -> bytes:
    """Write what is said in clear into as many records as it takes (RFC 8446 5.1)."""
    return b"".join(
        bytes([kind]) + version.to_bytes(2) + vector(content[at : at + _LARGEST_RECORD])
        for at in range(0, len(content), _LARGEST_RECORD)
    )


def fatal(description: int) -> bytes:
    """Write a fatal alert (RFC 8446 6)."""
    return record(ALERT, bytes([2, description]))


BROKEN_OFF: Final = bytes([2, 80])
"""internal_error, for those who seal it themselves."""


def warning(description: int) -> bytes:
    """Write an alert that is only a warning (RFC 5246 7.2)."""
    return record(ALERT, bytes([1, description]))


NO_COMMON_VERSION: Final = fatal(70)
"""protocol_version: what even an honest server says to who does not speak what it does."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerHello:
    """A ServerHello (RFC 5246 7.4.1.3, RFC 8446 4.1.3), each field as it is told."""

    random: bytes
    session_id: bytes = b""
    suite: int
    version: int = TLS12
    compression: int = 0
    extensions: bytes = b""

    def message(self) -> bytes:
        """Write it as a message of the handshake."""
        body = (
            self.version.to_bytes(2)
            + self.random
            + vector(self.session_id, 1)
            + self.suite.to_bytes(2)
            + bytes([self.compression])
        )
        # SSLv3 has no extensions, and a list without any may be left out.
        return message(_SERVER_HELLO, body + (vector(self.extensions) if self.extensions else b""))


def offers_tls13(hello: ClientHello) -> bool:
    """Tell whether TLS 1.3 is among the versions that a client offers (RFC 8446 4.2.1)."""
    versions = dict(hello.extensions).get(_SUPPORTED_VERSIONS, b"")[1:]
    return TLS13.to_bytes(2) in (versions[at : at + 2] for at in range(0, len(versions), 2))


def hash_of(data: bytes) -> bytes:
    """Give the SHA-256 of a transcript."""
    digest = hashes.Hash(hashes.SHA256())
    digest.update(data)
    return digest.finalize()


def signed_by(owner: Issued, content: bytes, *, pss: bool) -> bytes:
    """Sign with an owner's key: the scheme and the signature (RFC 8446 4.2.3).

    RSA signs as TLS 1.3 wants it with `pss`, and as TLS 1.2 has it without.
    """
    key = owner.key
    if isinstance(key, ec.EllipticCurvePrivateKey):
        return b"\x04\x03" + vector(key.sign(content, ec.ECDSA(hashes.SHA256())))
    if not isinstance(key, rsa.RSAPrivateKey):
        raise TypeError("a server of the lab has a key of RSA or on P-256")
    if pss:
        scheme: padding.AsymmetricPadding = padding.PSS(
            padding.MGF1(hashes.SHA256()), padding.PSS.DIGEST_LENGTH
        )
        return b"\x08\x04" + vector(key.sign(content, scheme, hashes.SHA256()))
    return b"\x04\x01" + vector(key.sign(content, padding.PKCS1v15(), hashes.SHA256()))

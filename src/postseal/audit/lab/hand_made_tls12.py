"""A server of TLS 1.2 and below that says what no library would: one flaw at a time.

It speaks one suite itself, with AES-128-GCM, to the end of the handshake and behind it. For every
other suite it goes as far as the client's answer to its first flight: whether there is one is the
question.
"""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from postseal.audit.lab.certificates import Certificates
from postseal.audit.lab.hand_made import HandMadeHandshake, spoilt
from postseal.audit.lab.server_hello import (
    ALERT,
    APPLICATION_DATA,
    BROKEN_OFF,
    CHANGE_CIPHER_SPEC,
    FINISHED,
    GREETING,
    HANDSHAKE,
    NO_COMMON_VERSION,
    TLS10,
    TLS12,
    ServerHello,
    extension,
    hash_of,
    message,
    offers_tls13,
    record,
    signed_by,
    vector,
)
from postseal.tls.client_hello import ClientHello

__all__ = ["DHE_RSA", "Group", "TLS12Server", "TemporaryRSA"]

_CERTIFICATE: Final = 11
_SERVER_KEY_EXCHANGE: Final = 12
_SERVER_HELLO_DONE: Final = 14
_CLIENT_KEY_EXCHANGE: Final = 16
_RENEGOTIATION_INFO: Final = 0xFF01
_P_256: Final = b"\x03\x00\x17"  # RFC 8422 5.4: a named curve, secp256r1
_ECDHE_ECDSA: Final = 0xC02B  # TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256
_ECDHE_RSA: Final = 0xC02F  # TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256
DHE_RSA: Final = 0x009E
"""TLS_DHE_RSA_WITH_AES_128_GCM_SHA256"""
_SPOKEN: Final = (_ECDHE_ECDSA, _ECDHE_RSA)
_HEADER: Final = 5


@dataclass(frozen=True, slots=True)
class Group:
    """The parameters of a finite-field exchange (RFC 5246 7.4.3)."""

    prime: int
    generator: int

    def parameters(self) -> bytes:
        """Take part in an exchange, whose secret nobody will need."""
        share = pow(self.generator, secrets.randbits(160), self.prime)
        return b"".join(vector(_octets(one)) for one in (self.prime, self.generator, share))


@dataclass(frozen=True, slots=True)
class TemporaryRSA:
    """An RSA key for one exchange, as suites for export have it (RFC 2246 7.4.3)."""

    modulus: int

    def parameters(self) -> bytes:
        """Write the key."""
        return vector(_octets(self.modulus)) + vector(_octets(65537))


@dataclass(frozen=True, slots=True, kw_only=True)
class TLS12Server:
    """What the server says; by default all of it is right, and the handshake comes to its end.

    `suite` is one of those it speaks unless another is named; of `unoffered`, all of them
    ECDHE_ECDSA, it takes the first that the client did not offer. `for_tls13` answers only clients
    that offer TLS 1.3. `behind` are messages of the handshake, each in a record of its own, that it
    says under TLS in place of a greeting before it breaks off.
    """

    version: int = TLS12
    suite: int | None = None
    unoffered: tuple[int, ...] = ()
    compression: int = 0
    extensions: bytes = b""
    random_end: bytes = b""
    exchange: Group | TemporaryRSA | None = None
    forges_signature: bool = False
    forges_finished: bool = False
    for_tls13: bool = False
    behind: tuple[bytes, ...] = ()

    def begin(self, certificates: Certificates) -> Callable[[bytes], bytes]:
        """Take up a connection; what comes back answers record by record."""
        return _Handshake(self, certificates).answer


class _Handshake(HandMadeHandshake[TLS12Server]):
    """Goes to the end of the handshake, and behind it."""

    def __init__(self, server: TLS12Server, certificates: Certificates) -> None:
        super().__init__(server, certificates)
        self._client_random = b""
        self._random = secrets.token_bytes(32 - len(server.random_end)) + server.random_end
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._master = b""
        self._client = self._own = AESGCM(bytes(16))
        self._client_iv = self._own_iv = b""
        self._is_sealing = False
        self._said = 0

    def _answer_next(self, data: bytes) -> bytes:
        if data[0] == CHANGE_CIPHER_SPEC:
            self._is_sealing = True
        elif data[0] == HANDSHAKE and self._is_sealing:
            return self._last_flight(data)
        elif data[0] == HANDSHAKE and data[_HEADER] == _CLIENT_KEY_EXCHANGE:
            self._transcript += data[_HEADER:]
            self._agree(data[_HEADER + 4 :])
        return b""

    def _answer_hello(self, hello: ClientHello) -> bytes:
        server = self._server
        self._client_random = hello.random
        if server.for_tls13 and not offers_tls13(hello):
            return NO_COMMON_VERSION
        suite = self._suite(hello)
        leaf = self._certificates.spec()
        if suite not in (_ECDHE_ECDSA, *server.unoffered):
            leaf = replace(leaf, key="RSA-2048", usage=None)
        chain = self._certificates.chain(leaf)
        shown = b"".join(vector(one.der, 3) for one in chain.sent)
        # RFC 5746 3.6: without it a client may well refuse.
        extensions = extension(_RENEGOTIATION_INFO, b"\0") + server.extensions
        said = ServerHello(
            random=self._random,
            suite=suite,
            version=server.version,
            compression=server.compression,
            extensions=b"" if server.version < TLS10 else extensions,
        ).message()
        said += message(_CERTIFICATE, vector(shown, 3))
        if parameters := self._parameters(suite):
            signed = signed_by(chain.sent[0], hello.random + self._random + parameters, pss=False)
            if server.forges_signature:
                signed = spoilt(signed)
            said += message(_SERVER_KEY_EXCHANGE, parameters + signed)
        said += message(_SERVER_HELLO_DONE, b"")
        self._transcript = hello.message + said
        return record(HANDSHAKE, said, server.version)

    def _suite(self, hello: ClientHello) -> int:
        server = self._server
        if server.suite is not None:
            return server.suite
        candidates = [suite for suite in server.unoffered if suite not in hello.suites]
        candidates += [suite for suite in _SPOKEN if suite in hello.suites]
        return candidates[0] if candidates else _ECDHE_ECDSA

    def _parameters(self, suite: int) -> bytes:
        """Give the server's part of the exchange; nothing where RSA carries the secret."""
        if (exchange := self._server.exchange) is not None:
            return exchange.parameters()
        if suite not in (*_SPOKEN, *self._server.unoffered):
            return b""
        point = self._key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
        return _P_256 + vector(point, 1)

    def _agree(self, exchange: bytes) -> None:
        """Derive the keys (RFC 5246 8.1, 6.3)."""
        try:
            point = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), exchange[1:])
            secret = self._key.exchange(ec.ECDH(), point)
        except ValueError:
            # Of another exchange than ours, or of nobody who means it.
            secret = b""
        self._master = _prf(secret, b"master secret", self._client_random + self._random, 48)
        block = _prf(self._master, b"key expansion", self._random + self._client_random, 40)
        self._client, self._own = AESGCM(block[:16]), AESGCM(block[16:32])
        self._client_iv, self._own_iv = block[32:36], block[36:]

    def _last_flight(self, data: bytes) -> bytes:
        """Take the client's Finished and say our own, with what stands behind it."""
        sealed = data[_HEADER:]
        aad = bytes(8) + data[:3] + (len(sealed) - 24).to_bytes(2, signed=True)
        try:
            self._transcript += self._client.decrypt(self._client_iv + sealed[:8], sealed[8:], aad)
        except (InvalidTag, ValueError):
            # Whoever gets the Finished wrong may still take a wrong one.
            self._transcript += sealed
        proof = _prf(self._master, b"server finished", hash_of(self._transcript), 12)
        if self._server.forges_finished:
            proof = bytes(12)
        said = record(CHANGE_CIPHER_SPEC, b"\1") + self._seal(HANDSHAKE, message(FINISHED, proof))
        if not self._server.behind:
            return said + self._seal(APPLICATION_DATA, GREETING)
        flood = b"".join(self._seal(HANDSHAKE, one) for one in self._server.behind)
        return said + flood + self._seal(ALERT, BROKEN_OFF)

    def _seal(self, kind: int, content: bytes) -> bytes:
        """Seal a record (RFC 5246 6.2.3.3, RFC 5288 3)."""
        number = self._said.to_bytes(8)
        self._said += 1
        aad = number + bytes([kind]) + TLS12.to_bytes(2) + len(content).to_bytes(2)
        return record(kind, number + self._own.encrypt(self._own_iv + number, content, aad))


def _octets(number: int) -> bytes:
    return number.to_bytes((number.bit_length() + 7) // 8 or 1)


def _prf(secret: bytes, label: bytes, seed: bytes, size: int) -> bytes:
    """Stretch a secret (RFC 5246 5)."""
    seed = label + seed
    stretched, step = b"", seed
    while len(stretched) < size:
        step = hmac.digest(secret, step, "sha256")
        stretched += hmac.digest(secret, step + seed, "sha256")
    return stretched[:size]

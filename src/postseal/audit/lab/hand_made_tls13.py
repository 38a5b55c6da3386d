"""A server of TLS 1.3 that says what no library would: one flaw at a time.

It speaks TLS_AES_128_GCM_SHA256, which everybody has to (RFC 8446 9.1), over X25519 or P-256.
"""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from cryptography.hazmat.primitives.asymmetric import ec, x25519
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
    TLS12,
    TLS13,
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

__all__ = ["TLS13Server"]

_ENCRYPTED_EXTENSIONS: Final = 8
_CERTIFICATE: Final = 11
_CERTIFICATE_VERIFY: Final = 15
_KEY_UPDATE: Final = 24
_SUPPORTED_VERSIONS: Final = 43
_COOKIE: Final = 44
_KEY_SHARE: Final = 51
_AES_128_GCM: Final = 0x1301
_P_256: Final = 0x0017
_X25519: Final = 0x001D
_TYPE_SIZE: Final = 1
_TAG_SIZE: Final = 16
# RFC 8446 4.1.3: the random of a HelloRetryRequest, which is a ServerHello otherwise.
_RETRY: Final = hash_of(b"HelloRetryRequest")
# RFC 8446 4.6.3: the server has new keys and wants the client to have some, too.
_KEY_UPDATE_WANTED: Final = message(_KEY_UPDATE, b"\1")


@dataclass(frozen=True, slots=True, kw_only=True)
class TLS13Server:
    """What the server says; by default all of it is right, and the handshake comes to its end.

    `extensions` are those in its EncryptedExtensions, and `retries` is how often it asks for
    another ClientHello. It says so many `key_updates` in one go, in place of a greeting, before
    it breaks off.
    """

    extensions: bytes = b""
    forges_verify: bool = False
    forges_finished: bool = False
    retries: int = 0
    key_updates: int = 0

    def begin(self, certificates: Certificates) -> Callable[[bytes], bytes]:
        """Take up a connection; what comes back answers record by record."""
        return _Handshake(self, certificates).answer


class _Handshake(HandMadeHandshake[TLS13Server]):
    """Goes up to the server's Finished; what the client says then is for the oracle."""

    _retried = 0

    def _answer_hello(self, hello: ClientHello) -> bytes:
        if not offers_tls13(hello):
            return NO_COMMON_VERSION
        if self._retried < self._server.retries:
            self._retried += 1
            self._await_hello()
            return self._retry(hello)
        self._transcript += hello.message
        return self._flight(hello)

    def _retry(self, hello: ClientHello) -> bytes:
        asked = extension(_COOKIE, vector(secrets.token_bytes(16)))
        said = _server_hello(_RETRY, hello, asked)
        if self._retried == 1:
            # RFC 8446 4.4.1: a hash stands for the first ClientHello.
            self._transcript = message(254, hash_of(hello.message)) + said
        return record(HANDSHAKE, said)

    def _flight(self, hello: ClientHello) -> bytes:
        """Say everything up to Finished, for which one ClientHello is enough."""
        if (agreed := _agree(dict(_shares(hello)))) is None:
            return NO_COMMON_VERSION
        share, secret = agreed
        said = _server_hello(secrets.token_bytes(32), hello, extension(_KEY_SHARE, share))
        self._transcript += said
        early = hmac.digest(bytes(32), bytes(32), "sha256")
        handshake = hmac.digest(_derived(early), secret, "sha256")
        traffic = _expand(handshake, b"s hs traffic", hash_of(self._transcript))
        sealed = _Sealed(traffic)
        proofs = self._proofs(traffic)
        master = hmac.digest(_derived(handshake), bytes(32), "sha256")
        keys = _Sealed(_expand(master, b"s ap traffic", hash_of(self._transcript)))
        if not self._server.key_updates:
            behind = keys.seal(APPLICATION_DATA, GREETING)
        else:
            behind = self._flood(keys)
        # RFC 8446 D.4
        change = record(CHANGE_CIPHER_SPEC, b"\1")
        return record(HANDSHAKE, said) + change + sealed.seal(HANDSHAKE, proofs) + behind

    def _flood(self, keys: _Sealed) -> bytes:
        said = b""
        for _ in range(self._server.key_updates):
            said += keys.seal(HANDSHAKE, _KEY_UPDATE_WANTED)
            keys = keys.updated()
        return said + keys.seal(ALERT, BROKEN_OFF)

    def _proofs(self, traffic: bytes) -> bytes:
        """Say who we are and that we hold the keys (RFC 8446 4.3.1 to 4.4.4)."""
        chain = self._certificates.chain(self._certificates.spec())
        shown = b"".join(vector(one.der, 3) + vector(b"") for one in chain.sent)
        said = message(_ENCRYPTED_EXTENSIONS, vector(self._server.extensions))
        said += message(_CERTIFICATE, vector(b"", 1) + vector(shown, 3))
        context = b"\x20" * 64 + b"TLS 1.3, server CertificateVerify\0"
        signed = signed_by(chain.sent[0], context + hash_of(self._transcript + said), pss=True)
        if self._server.forges_verify:
            signed = spoilt(signed)
        said += message(_CERTIFICATE_VERIFY, signed)
        key = _expand(traffic, b"finished", b"")
        proof = hmac.digest(key, hash_of(self._transcript + said), "sha256")
        if self._server.forges_finished:
            proof = bytes(32)
        said += message(FINISHED, proof)
        self._transcript += said
        return said


class _Sealed:
    """The sending half of the record layer, under one traffic secret (RFC 8446 5.2, 7.3)."""

    def __init__(self, secret: bytes) -> None:
        self._secret = secret
        self._key = AESGCM(_expand(secret, b"key", b"", 16))
        self._iv = int.from_bytes(_expand(secret, b"iv", b"", 12))
        self._said = 0

    def seal(self, kind: int, content: bytes) -> bytes:
        size = len(content) + _TYPE_SIZE + _TAG_SIZE
        header = bytes([APPLICATION_DATA]) + TLS12.to_bytes(2) + size.to_bytes(2)
        nonce = (self._iv ^ self._said).to_bytes(12)
        self._said += 1
        return header + self._key.encrypt(nonce, content + bytes([kind]), header)

    def updated(self) -> _Sealed:
        return _Sealed(_expand(self._secret, b"traffic upd", b""))


def _server_hello(random: bytes, hello: ClientHello, extensions: bytes) -> bytes:
    return ServerHello(
        random=random,
        session_id=hello.session_id,
        suite=_AES_128_GCM,
        extensions=extension(_SUPPORTED_VERSIONS, TLS13.to_bytes(2)) + extensions,
    ).message()


def _shares(hello: ClientHello) -> dict[int, bytes]:
    """Read the client's key shares by their groups (RFC 8446 4.2.8)."""
    shares: dict[int, bytes] = {}
    rest = dict(hello.extensions).get(_KEY_SHARE, b"")[2:]
    while len(rest) > 4:
        group, size = int.from_bytes(rest[:2]), int.from_bytes(rest[2:4])
        shares[group] = rest[4 : 4 + size]
        rest = rest[4 + size :]
    return shares


def _agree(shares: dict[int, bytes]) -> tuple[bytes, bytes] | None:
    """Give our share and the secret, or nothing where the client has no group of ours."""
    try:
        if (theirs := shares.get(_X25519)) is not None:
            own = x25519.X25519PrivateKey.generate()
            secret = own.exchange(x25519.X25519PublicKey.from_public_bytes(theirs))
            public = own.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
            return _X25519.to_bytes(2) + vector(public), secret
        if (theirs := shares.get(_P_256)) is not None:
            key = ec.generate_private_key(ec.SECP256R1())
            point = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), theirs)
            encoding, format_ = Encoding.X962, PublicFormat.UncompressedPoint
            public = key.public_key().public_bytes(encoding, format_)
            return _P_256.to_bytes(2) + vector(public), key.exchange(ec.ECDH(), point)
    except ValueError:
        return None
    return None


def _derived(secret: bytes) -> bytes:
    return _expand(secret, b"derived", hash_of(b""))


def _expand(secret: bytes, label: bytes, context: bytes, size: int = 32) -> bytes:
    """HKDF-Expand-Label (RFC 8446 7.1), for what fits in one block."""
    info = size.to_bytes(2) + vector(b"tls13 " + label, 1) + vector(context, 1)
    return hmac.digest(secret, info + b"\1", "sha256")[:size]

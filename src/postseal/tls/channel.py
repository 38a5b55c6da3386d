"""TLS over memory, in either role and without I/O: ciphertext in, plaintext out, and back.

Because no socket is involved, the code above knows for each octet whether it came before or after
the handshake; that is what keeps anything from crossing STARTTLS.
"""

from __future__ import annotations

import ssl
from enum import Enum, unique
from hashlib import sha256
from typing import Final

from postseal.errors import (
    CertificateReason,
    CertificateRejected,
    HandshakeFailed,
    Phase,
    StartTLSInjection,
    TLSError,
)
from postseal.tls.binding import server_end_point
from postseal.tls.levels import TLSLevel, TLSOutcome
from postseal.tls.trust import Trust, client_context

__all__ = ["Channel", "Opening"]

# RFC 8446 5.1: change_cipher_spec, alert, handshake, application_data.
_RECORD_TYPES: Final = range(20, 24)
_READ_SIZE: Final = 65536

# X509_V_ERR_* of OpenSSL, as ssl.SSLCertVerificationError.verify_code gives them.
_REASONS: Final = {
    9: CertificateReason.NOT_YET_VALID,
    10: CertificateReason.EXPIRED,
    18: CertificateReason.SELF_SIGNED,
    19: CertificateReason.UNKNOWN_ISSUER,
    20: CertificateReason.UNKNOWN_ISSUER,
    21: CertificateReason.UNKNOWN_ISSUER,
    23: CertificateReason.REVOKED,
    26: CertificateReason.WRONG_PURPOSE,
    62: CertificateReason.WRONG_NAME,
    64: CertificateReason.WRONG_NAME,
    66: CertificateReason.WEAK_KEY,
    67: CertificateReason.WEAK_KEY,
    68: CertificateReason.WEAK_SIGNATURE,
    **dict.fromkeys(range(79, 95), CertificateReason.MALFORMED),
}

_HINTS: Final = {
    CertificateReason.EXPIRED: "The server's operator must renew it; check this host's clock.",
    CertificateReason.NOT_YET_VALID: "Check this host's clock.",
    CertificateReason.WRONG_NAME: "Connect by a name that the certificate holds.",
    CertificateReason.UNKNOWN_ISSUER: "For a private authority, give its certificate as CA file.",
    CertificateReason.SELF_SIGNED: "For a private server, give its certificate as CA file.",
    CertificateReason.MALFORMED: "The certificate breaks RFC 5280; it must be issued anew.",
}


@unique
class Opening(Enum):
    """How a channel comes to be: from the first octet, or behind STARTTLS."""

    IMPLICIT = "implicit"
    STARTTLS = "starttls"


class Channel:
    """One TLS connection.

    Feed what is read from the peer to `receive`, write `data_to_send` after each call. All
    failures are `TLSError`s; after one the channel is dead and `data_to_send` holds the alert.
    """

    def __init__(
        self, context: ssl.SSLContext, *, server_hostname: str | None = None, opening: Opening
    ) -> None:
        server_side = server_hostname is None
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        self._object = context.wrap_bio(
            self._incoming,
            self._outgoing,
            server_side=server_side,
            server_hostname=server_hostname,
        )
        self._server_hostname = server_hostname
        self._opening = opening
        self._heard = False
        self.is_established = False
        self.is_ended = False

    @classmethod
    def client(cls, host: str, *, trust: Trust, level: TLSLevel, opening: Opening) -> Channel:
        """A channel to `host`, whose name (or address) its certificate must hold."""
        context = client_context(trust, level)
        channel = cls(context, server_hostname=host.rstrip("."), opening=opening)
        channel._advance()
        return channel

    @classmethod
    def server(cls, context: ssl.SSLContext, *, opening: Opening) -> Channel:
        """A channel for a client that connected to us."""
        return cls(context, opening=opening)

    def data_to_send(self) -> bytes:
        """Take the ciphertext due to the peer."""
        return self._outgoing.read()

    def send(self, plaintext: bytes) -> None:
        """Seal plaintext; the handshake must be done."""
        view = memoryview(plaintext)
        try:
            while view:
                view = view[self._object.write(view) :]
        except ssl.SSLError as error:
            raise TLSError(f"the TLS connection broke: {_words(error)}") from None

    def receive(self, ciphertext: bytes) -> bytes:
        """Take ciphertext; return the plaintext it completes.

        `is_ended` is set once the peer said close_notify: nothing follows.
        """
        if not self._heard and ciphertext:
            self._heard = True
            self._check_record(ciphertext)
        self._incoming.write(ciphertext)
        if not self.is_established:
            self._advance()
            if not self.is_established:
                return b""
        return self._read()

    def end_of_stream(self) -> None:
        """The connection ended below: during the handshake, that is its failure."""
        self.is_ended = True
        if not self.is_established:
            raise HandshakeFailed(
                "the peer closed the connection during the TLS handshake", phase=Phase.HANDSHAKE
            )

    def close(self) -> None:
        """Say close_notify, so that the peer can tell the end from a cut."""
        try:
            self._object.unwrap()
        except ssl.SSLError:
            # Either its close_notify has not come (we do not wait for it), or the channel broke.
            return

    def outcome(self, *, trust: Trust | None = None) -> TLSOutcome:
        """What the channel has; `trust` names the authorities that were asked, for clients."""
        cipher = self._object.cipher()
        certificate = self._object.getpeercert(binary_form=True)
        verified = self._object.context.verify_mode is ssl.CERT_REQUIRED
        return TLSOutcome(
            level=TLSLevel.AUTHENTICATED if verified else TLSLevel.ENCRYPTED,
            version=self._object.version(),
            cipher=cipher[0] if cipher else None,
            authenticated_by=(
                f"certificate for {self._server_hostname}, {trust or 'given authorities'}"
                if verified
                else ""
            ),
            peer_certificate=sha256(certificate).hexdigest() if certificate else "",
        )

    def channel_binding(self) -> bytes:
        """The `tls-server-end-point` of the peer's certificate; empty where there is none."""
        return server_end_point(self._object.getpeercert(binary_form=True) or b"")

    def _advance(self) -> None:
        try:
            self._object.do_handshake()
        except ssl.SSLWantReadError:
            return
        except ssl.SSLError as error:
            raise self._handshake_error(error) from None
        self.is_established = True

    def _read(self) -> bytes:
        pieces: list[bytes] = []
        try:
            while data := self._object.read(_READ_SIZE):
                pieces.append(data)
            self.is_ended = True
        except ssl.SSLWantReadError:
            return b"".join(pieces)
        except ssl.SSLZeroReturnError:
            self.is_ended = True
        except ssl.SSLError as error:
            raise TLSError(f"the TLS connection broke: {_words(error)}") from None
        return b"".join(pieces)

    def _check_record(self, ciphertext: bytes) -> None:
        if ciphertext[0] in _RECORD_TYPES:
            return
        if self._server_hostname is None:
            # What a client says in clear may be its password: it is repeated nowhere.
            if self._opening is Opening.STARTTLS:
                raise StartTLSInjection(
                    "data in clear arrived where the TLS handshake was due", phase=Phase.HANDSHAKE
                )
            raise HandshakeFailed(
                "the client does not speak TLS on this port", phase=Phase.HANDSHAKE
            )
        heard = ascii(ciphertext[:40].decode("latin-1"))
        if self._opening is Opening.STARTTLS:
            raise StartTLSInjection(
                f"data in clear arrived where the TLS handshake was due: {heard}",
                phase=Phase.HANDSHAKE,
                hint="Somebody on the path may be injecting data. Nothing was sent.",
            )
        raise HandshakeFailed(
            f"the peer does not speak TLS on this port; it said {heard}",
            phase=Phase.HANDSHAKE,
            hint="A port that greets in clear wants STARTTLS: use smtp:// instead of smtps://.",
        )

    def _handshake_error(self, error: ssl.SSLError) -> TLSError:
        if not isinstance(error, ssl.SSLCertVerificationError):
            return HandshakeFailed(
                f"the TLS handshake failed: {_words(error)}", phase=Phase.HANDSHAKE
            )
        reason = _REASONS.get(error.verify_code, CertificateReason.OTHER)
        return CertificateRejected(
            f"the certificate was not accepted: {reason} ({error.verify_message})",
            reason=reason,
            phase=Phase.HANDSHAKE,
            hint=_HINTS.get(reason),
        )


def _words(error: ssl.SSLError) -> str:
    return (error.reason or str(error)).replace("_", " ").lower()

"""TLS over memory, in either role and without I/O: ciphertext in, plaintext out, and back.

Because no socket is involved, the code above knows for each octet whether it came before or after
the handshake; that is what keeps anything from crossing STARTTLS.
"""

from __future__ import annotations

import ssl
from enum import Enum, unique
from hashlib import sha256
from typing import Final, Never

from postseal.errors import (
    CertificateRejected,
    HandshakeFailed,
    Phase,
    StartTLSInjection,
    TLSError,
)
from postseal.tls.alerts import DECODE_ERROR, NO_APPLICATION_PROTOCOL, broken
from postseal.tls.binding import server_end_point
from postseal.tls.client_hello import ClientHelloReader, UnreadableHello
from postseal.tls.contexts import client_context
from postseal.tls.levels import PeerProof, TLSLevel, TLSOutcome
from postseal.tls.names import reference_identifier
from postseal.tls.peer import check_peer
from postseal.tls.pins import Pin
from postseal.tls.profiles import INTERMEDIATE, Profile
from postseal.tls.rejection import handshake_error, peer_chain
from postseal.tls.resumption import ResumableSession, resumable_session
from postseal.tls.sni import ServerContext
from postseal.tls.trust import Trust

__all__ = ["Channel", "Opening"]

# RFC 8446 5.1: change_cipher_spec, alert, handshake, application_data.
_RECORD_TYPES: Final = range(20, 24)
_READ_SIZE: Final = 65536
# None of them is registered (RFC 7301 6), but some clients offer them.
_MAIL_PROTOCOLS: Final = frozenset({b"smtp", b"esmtp", b"lmtp"})


@unique
class Opening(Enum):
    """How a channel comes to be: from the first octet, or behind STARTTLS."""

    IMPLICIT = "implicit"
    STARTTLS = "starttls"


class Channel:
    """One TLS connection.

    Feed what is read from the peer to `receive`, write `data_to_send` after each call. All
    failures are `TLSError`s; after one the channel is dead and `data_to_send` holds the alert.
    Plaintext that came whole before the fault is given first; `failure` then holds the error,
    which the next call raises.

    `is_ended` is set once nothing more will come, and `is_cut` with it where the peer did not say
    so itself. `server_name` is the name that the client asked for, None where it gave none.
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
        self._trust: Trust | None = None
        self._profile: Profile | None = None
        self._heard = False
        self._hello = ClientHelloReader() if server_side else None
        self._resumed: ResumableSession | None = None
        self.server_name = server_hostname
        self.is_established = False
        self.is_ended = False
        self.is_cut = False
        self.failure: TLSError | None = None

    @classmethod
    def client(
        cls,
        host: str,
        *,
        trust: Trust,
        level: TLSLevel,
        opening: Opening,
        profile: Profile = INTERMEDIATE,
        resume: ResumableSession | None = None,
    ) -> Channel:
        """A channel to `host`, whose name (or address) its certificate must hold.

        `resume` is offered to the server if it was gained for the same host, trust, level and
        profile, and passed over otherwise; it must not be offered again.
        """
        context = client_context(trust, level, profile)
        channel = cls(context, server_hostname=reference_identifier(host), opening=opening)
        if resume is not None and resume.fits(context, channel._server_hostname or ""):
            channel._object.session = resume.session
            channel._resumed = resume
        channel._profile = profile
        if level >= TLSLevel.AUTHENTICATED:
            channel._trust = trust
        channel._advance()
        return channel

    @classmethod
    def server(cls, context: ssl.SSLContext, *, opening: Opening) -> Channel:
        """A channel for a client that connected to us.

        A `ServerContext` with others for other names gives way to the one that the client names.
        """
        return cls(context, opening=opening)

    @property
    def has_data_to_send(self) -> bool:
        """True when ciphertext is due to the peer."""
        return self._outgoing.pending > 0

    def data_to_send(self) -> bytes:
        """Take the ciphertext due to the peer."""
        return self._outgoing.read()

    def send(self, plaintext: bytes) -> None:
        """Seal plaintext; the handshake must be done."""
        if self.failure is not None:
            raise self.failure
        if not self.is_established:
            raise TLSError("nothing can be sealed before the end of the TLS handshake")
        view = memoryview(plaintext)
        try:
            while view:
                view = view[self._object.write(view) :]
        except ssl.SSLError as error:
            raise broken(error) from None

    def receive(self, ciphertext: bytes) -> bytes:
        """Take ciphertext; return the plaintext it completes."""
        if self.failure is not None:
            raise self.failure
        if not self._heard and ciphertext:
            self._heard = True
            self._check_record(ciphertext)
        self._incoming.write(ciphertext)
        if not self.is_established:
            if self._hello is None or self._hear_hello(self._hello, ciphertext):
                self._advance()
            if not self.is_established:
                return b""
        return self._read()

    def end_of_stream(self) -> None:
        """The connection ended below: a cut, and during the handshake its failure."""
        self.is_cut = not self.is_ended
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

    def resumable(self) -> ResumableSession | None:
        """What a client needs to resume this session in another connection, if the server lets it.

        To be asked after the first plaintext: before, the server may not have given it yet. It
        costs as much time as a part of a handshake.
        """
        if self._server_hostname is None or not self.is_established or self.failure is not None:
            return None
        return resumable_session(
            self._object,
            server_name=self._server_hostname,
            chain=self.peer_chain(),
            resumed=self._resumed if self.is_resumed else None,
        )

    @property
    def is_resumed(self) -> bool:
        """Whether the handshake took up an earlier session, and its proof of who the peer is."""
        return bool(self._object.session_reused)

    def peer_chain(self) -> tuple[bytes, ...]:
        """The certificates that the peer showed, in DER, its own first.

        Of a resumed connection they are those of the first handshake.
        """
        if self._resumed is not None and self.is_resumed:
            return self._resumed.chain
        return peer_chain(self._object)

    def outcome(self) -> TLSOutcome:
        """What the channel has, once it is established."""
        cipher = self._object.cipher()
        certificate = self._object.getpeercert(binary_form=True) or b""
        proof = self._trust.proof if self._trust else None
        authenticated_by = ""
        if proof is PeerProof.PKIX:
            # What was done counts here, not what was asked for.
            if self._object.context.verify_mode is ssl.CERT_REQUIRED:
                authenticated_by = f"certificate for {self._server_hostname}, {self._trust}"
            else:
                proof = None
        elif proof is PeerProof.PIN:
            authenticated_by = f"pinned key {Pin.of_certificate(certificate)}"
        return TLSOutcome(
            level=TLSLevel.AUTHENTICATED if authenticated_by else TLSLevel.ENCRYPTED,
            version=self._object.version(),
            cipher=cipher[0] if cipher else None,
            authenticated_by=authenticated_by,
            peer_certificate=sha256(certificate).hexdigest() if certificate else "",
            proof=proof,
            profile=self._profile.name if self._profile else "",
            is_resumed=self.is_resumed,
            group=self._group(),
            server_name=self.server_name or "",
        )

    def channel_binding(self) -> bytes:
        """The `tls-server-end-point` of the server's certificate; empty where there is none."""
        context = self._object.context
        if self._server_hostname is None:
            return context.end_point if isinstance(context, ServerContext) else b""
        return server_end_point(self._object.getpeercert(binary_form=True) or b"")

    def _advance(self) -> None:
        try:
            self._object.do_handshake()
        except ssl.SSLWantReadError:
            return
        except ssl.SSLError as error:
            raise handshake_error(error, self._object) from None
        if self._trust is not None:
            try:
                check_peer(self._object, self._server_hostname or "", self._trust)
            except CertificateRejected:
                # The end of the handshake stays unsaid, and with it our own certificate.
                self._outgoing.read()
                raise
        self.is_established = True

    def _group(self) -> str | None:
        # Python 3.15 tells; before, nothing does.
        group = getattr(self._object, "group", None)
        return str(group()) if callable(group) else None

    def _hear_hello(self, reader: ClientHelloReader, ciphertext: bytes) -> bool:
        """Tell whether the ClientHello is complete; then the certificate for it is chosen."""
        try:
            hello = reader.feed(ciphertext)
        except UnreadableHello as error:
            self._refuse_unread(error)
        if hello is None:
            return False
        self._hello = None
        if hello.protocols and _MAIL_PROTOCOLS.isdisjoint(hello.protocols):
            # RFC 7301 3.2. A browser whose connection was led here must not be answered: what
            # mail servers say can be made to look like a page (the ALPACA attack).
            self._refuse(NO_APPLICATION_PROTOCOL, "the client offers other protocols than mail")
        self.server_name = hello.server_name
        context = self._object.context
        if isinstance(context, ServerContext):
            self._object.context = context.for_name(hello.server_name)
        return True

    def _refuse_unread(self, unread: UnreadableHello) -> Never:
        # OpenSSL has an alert for most faults. Where it finds none, it would go on with a client of
        # which nobody knows what name and what protocols it asked for.
        self._advance()
        self._outgoing.read()
        self._refuse(DECODE_ERROR, f"the ClientHello cannot be read: {unread}")

    def _refuse(self, alert: bytes, reason: str) -> Never:
        self._outgoing.write(alert)
        self.failure = HandshakeFailed(reason, phase=Phase.HANDSHAKE)
        raise self.failure

    def _read(self) -> bytes:
        pieces: list[bytes] = []
        try:
            while data := self._object.read(_READ_SIZE):
                pieces.append(data)
                if not (self._incoming.pending or self._object.pending()):
                    # To ask for what is not there is answered by an exception, which costs as much
                    # as to read what was.
                    return b"".join(pieces)
            self.is_ended = True
        except ssl.SSLWantReadError:
            return b"".join(pieces)
        except ssl.SSLZeroReturnError:
            self.is_ended = True
        except ssl.SSLError as error:
            self.failure = broken(error)
            if not pieces:
                raise self.failure from None
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

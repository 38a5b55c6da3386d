"""What a client needs to resume a session, and how long it may (RFC 8446 2.2, RFC 5246 7.3).

A resumed connection proves nothing anew: OpenSSL repeats the certificate and the verdict of the
full handshake. So a session is worth what it was worth there, for as long as that holds.
"""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from typing import Final

__all__ = ["ResumableSession", "resumable_session"]

# RFC 8446 4.6.1 allows seven days, in which a certificate may have been revoked or replaced.
_LIFETIME: Final = 3600.0


@dataclass(frozen=True, slots=True, eq=False)
class ResumableSession:
    """A session of a client, with what the full handshake was about.

    It is for one connection (RFC 8446 C.4), with the same `context` and `server_name`. `chain` is
    what the peer showed, in DER. `expires`, in seconds since the epoch, does not move on when the
    session is resumed: the peer has to prove itself again after an hour, and before its
    certificate ends.
    """

    session: ssl.SSLSession
    context: ssl.SSLContext
    server_name: str
    chain: tuple[bytes, ...]
    expires: float

    def fits(self, context: ssl.SSLContext, server_name: str) -> bool:
        """Tell whether it was gained under these very settings, for this very name."""
        return self.context is context and self.server_name == server_name


def resumable_session(
    peer: ssl.SSLObject,
    *,
    server_name: str,
    chain: tuple[bytes, ...],
    resumed: ResumableSession | None,
) -> ResumableSession | None:
    """Give the session of an open connection; None where the server offered none.

    `resumed` is what the connection itself was resumed from. In TLS 1.3 the ticket comes behind
    the handshake: ask once plaintext was received.
    """
    try:
        session = peer.session
    except ValueError:
        # Python keeps no session that takes 64 KiB; certificates with many names make it so long.
        return None
    if session is None or not (session.has_ticket or session.id):
        return None
    expires = session.time + min(float(session.timeout), _LIFETIME)
    # OpenSSL reads the certificate only for who verifies it; nothing else could be believed in.
    if (not_after := (peer.getpeercert() or {}).get("notAfter")) is not None:
        expires = min(expires, ssl.cert_time_to_seconds(str(not_after)))
    if resumed is not None:
        expires = min(expires, resumed.expires)
    return ResumableSession(session, peer.context, server_name, chain, expires)

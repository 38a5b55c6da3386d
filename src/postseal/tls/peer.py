"""What a client asks of a server's certificate besides what OpenSSL verifies."""

from __future__ import annotations

import ssl
from typing import Final

from postseal.errors import CertificateReason, CertificateRejected
from postseal.tls.certificates import read_certificate
from postseal.tls.levels import PeerProof
from postseal.tls.names import is_presented
from postseal.tls.pins import Pin
from postseal.tls.rejection import peer_chain, rejection
from postseal.tls.trust import Trust

__all__ = ["check_peer"]

# OpenSSL would follow a hundred; public chains have two to four, and Postfix follows nine.
_MAX_CHAIN: Final = 10


def check_peer(peer: ssl.SSLObject, host: str, trust: Trust) -> None:
    """Refuse a server, after the handshake, whose certificate is not what `trust` asks for `host`.

    Raises `CertificateRejected`: `WRONG_NAME` by RFC 9525, where OpenSSL is laxer; `WRONG_PIN`;
    `CHAIN_TOO_LONG`; `MALFORMED` for certificates that OpenSSL overlooks something in.
    """
    if trust.proof is PeerProof.WAIVED:
        return
    certificate = peer.getpeercert(binary_form=True) or b""
    try:
        content = read_certificate(certificate)
    except CertificateRejected as error:
        raise rejection(error.reason, error.text, peer) from None
    pin = Pin.of_key(content.public_key_info)
    if (trust.pins or not trust.verifies_chain) and pin not in trust.pins:
        raise rejection(CertificateReason.WRONG_PIN, f"its key is {pin}", peer)
    if not trust.verifies_chain:
        return
    if not is_presented(host, content.names):
        raise rejection(
            CertificateReason.WRONG_NAME, f"it is not valid for {host!a} by RFC 9525", peer
        )
    if (count := len(peer_chain(peer))) > _MAX_CHAIN:
        raise rejection(
            CertificateReason.CHAIN_TOO_LONG,
            f"the server sent {count} certificates, more than {_MAX_CHAIN}",
            peer,
        )

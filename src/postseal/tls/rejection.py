"""Why OpenSSL refused a peer: its numbers as typed reasons, each with what to do about it."""

from __future__ import annotations

import _ssl
import ssl
import sys
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from postseal.errors import (
    CertificateReason,
    CertificateRejected,
    HandshakeFailed,
    Phase,
    TLSError,
)
from postseal.tls.alerts import alert_hint, cause
from postseal.tls.certificates import read_certificate

__all__ = ["handshake_error", "peer_chain", "rejection"]

# OpenSSL allows a peer 100 kB of certificates; as many names could be in them.
_SHOWN_NAMES: Final = 5

# What only X509_V_FLAG_X509_STRICT looks at.
_STRICT: Final = range(80, 95)
_WAY_OUT: Final = (
    "It must be issued anew. Where that cannot be, Trust.dangerous_accept_sloppy_certificates() "
    "takes it as it is."
)

# X509_V_ERR_* of OpenSSL, as ssl.SSLCertVerificationError.verify_code gives them.
_REASONS: Final[Mapping[int, CertificateReason]] = MappingProxyType(
    {
        **dict.fromkeys((4, 6, 7, 76, 77, 78), CertificateReason.BAD_SIGNATURE),
        9: CertificateReason.NOT_YET_VALID,
        10: CertificateReason.EXPIRED,
        18: CertificateReason.SELF_SIGNED,
        **dict.fromkeys((2, 19, 20, 21, 27, 28), CertificateReason.UNKNOWN_ISSUER),
        23: CertificateReason.REVOKED,
        **dict.fromkeys(
            (3, 5, 8, 11, 12, 15, 16, 33, 35, 36, 44, 54), CertificateReason.REVOCATION_UNKNOWN
        ),
        **dict.fromkeys((26, 37, 39), CertificateReason.WRONG_PURPOSE),
        **dict.fromkeys((25, 32, 79), CertificateReason.NOT_AN_AUTHORITY),
        22: CertificateReason.CHAIN_TOO_LONG,
        **dict.fromkeys((47, 48), CertificateReason.NAME_NOT_PERMITTED),
        **dict.fromkeys((62, 64), CertificateReason.WRONG_NAME),
        **dict.fromkeys((66, 67), CertificateReason.WEAK_KEY),
        68: CertificateReason.WEAK_SIGNATURE,
        **dict.fromkeys((13, 14, 34, 41, 42, *range(49, 54)), CertificateReason.MALFORMED),
        **dict.fromkeys(_STRICT, CertificateReason.MALFORMED),
    }
)

# What a certificate lacks, by the number of the error, and where RFC 5280 asks for it.
_MISSING: Final[Mapping[int, str]] = MappingProxyType(
    {
        85: "the extension Authority Key Identifier (RFC 5280 4.2.1.1)",
        86: "the extension Subject Key Identifier (RFC 5280 4.2.1.2)",
        92: "the extension Key Usage (RFC 5280 4.2.1.3)",
    }
)

_HINTS: Final[Mapping[CertificateReason, str]] = MappingProxyType(
    {
        CertificateReason.EXPIRED: "The server's operator must renew it; check this host's clock.",
        CertificateReason.NOT_YET_VALID: "Check this host's clock.",
        CertificateReason.WRONG_NAME: "Connect by a name that the certificate holds.",
        CertificateReason.WRONG_PIN: "If the server's key was renewed on purpose, add its new pin.",
        CertificateReason.UNKNOWN_ISSUER: "For a private authority, give its certificate as CA "
        "file; a public server must send its intermediate certificates.",
        CertificateReason.SELF_SIGNED: "For a private server, give its certificate as CA file.",
        CertificateReason.REVOKED: "Its issuer withdrew it: the key may be in other hands.",
        CertificateReason.REVOCATION_UNKNOWN: "Get a revocation list of its issuer that is valid.",
        CertificateReason.WRONG_PURPOSE: "It is not meant for TLS servers; it needs serverAuth.",
        CertificateReason.NOT_AN_AUTHORITY: "Whoever issued it was not allowed to; somebody may "
        "be impersonating the server.",
        CertificateReason.NAME_NOT_PERMITTED: "Its issuer may not vouch for this name; somebody "
        "may be impersonating the server.",
        CertificateReason.CHAIN_TOO_LONG: "The server must send its certificate and its "
        "intermediates alone.",
        CertificateReason.WEAK_KEY: "It needs a key of 2048 bits (RSA) or 224 bits (EC) or more.",
        CertificateReason.WEAK_SIGNATURE: "It must be issued anew, signed with SHA-256 or better.",
        CertificateReason.BAD_SIGNATURE: "It was changed after it was issued, or forged.",
        CertificateReason.MALFORMED: "The certificate breaks RFC 5280; it must be issued anew.",
    }
)


def handshake_error(error: ssl.SSLError, peer: ssl.SSLObject) -> TLSError:
    """Say in our words why a handshake with `peer` failed."""
    if not isinstance(error, ssl.SSLCertVerificationError):
        return HandshakeFailed(
            f"the TLS handshake failed: {cause(error)}",
            phase=Phase.HANDSHAKE,
            hint=alert_hint(error),
        )
    reason = _REASONS.get(error.verify_code, CertificateReason.OTHER)
    detail = error.verify_message.rstrip(".")
    if missing := _MISSING.get(error.verify_code):
        detail = f"a certificate of its chain lacks {missing}"
    refused = rejection(reason, detail, peer)
    if error.verify_code in _STRICT:
        refused.hint = _WAY_OUT
    return refused


def rejection(reason: CertificateReason, detail: str, peer: ssl.SSLObject) -> CertificateRejected:
    """Refuse the certificate of `peer`; the error has its names and its chain."""
    chain = peer_chain(peer)
    names = _names(chain)
    if reason is CertificateReason.WRONG_NAME:
        detail = f"{detail}; it is for {_listed(names)}"
    return CertificateRejected(
        f"the certificate was not accepted: {reason} ({detail})",
        reason=reason,
        phase=Phase.HANDSHAKE,
        hint=_HINTS.get(reason),
        names=names,
        chain=chain,
    )


def peer_chain(peer: ssl.SSLObject) -> tuple[bytes, ...]:
    """Give the certificates that the peer sent, its own first, each in DER.

    Also after a failed verification. Empty where the TLS library does not tell, and before the
    peer has sent any.
    """
    if sys.version_info >= (3, 13):
        return tuple(peer.get_unverified_chain())
    # Python 3.11 and 3.12 have the method, but not in public; they no longer change.
    chain = peer._sslobj.get_unverified_chain() or ()  # type: ignore[attr-defined]
    return tuple(certificate.public_bytes(_ssl.ENCODING_DER) for certificate in chain)


def _names(chain: tuple[bytes, ...]) -> tuple[str, ...]:
    if not chain:
        return ()
    try:
        return read_certificate(chain[0]).names.as_texts()
    except CertificateRejected:
        return ()


def _listed(names: tuple[str, ...]) -> str:
    if not names:
        return "no name at all"
    shown = ", ".join(names[:_SHOWN_NAMES])
    return f"{shown} and {len(names) - _SHOWN_NAMES} more" if len(names) > _SHOWN_NAMES else shown

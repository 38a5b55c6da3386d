"""The seal: levels, policies, trust and TLS itself, without I/O (RFC 9325, 9525).

`postseal.tls.authority`, which needs `cryptography`, is imported by its own name.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from postseal._lazy import lazy_exports

if TYPE_CHECKING:
    from postseal.tls.channel import Channel, Opening
    from postseal.tls.contexts import client_context, server_context
    from postseal.tls.identity import ClientCertificate
    from postseal.tls.levels import (
        ANY_PROOF,
        SOUND_PROOFS,
        PeerProof,
        PolicySource,
        TLSLevel,
        TLSOutcome,
        TLSPolicy,
        meets,
        require,
    )
    from postseal.tls.pins import NoBackupPin, Pin
    from postseal.tls.profiles import INTERMEDIATE, LEGACY, MODERN, Profile
    from postseal.tls.resumption import ResumableSession
    from postseal.tls.server_certificates import CertificateFiles, ServerCertificates
    from postseal.tls.sni import ServerContext
    from postseal.tls.trust import Trust
else:
    __getattr__, __dir__ = lazy_exports(
        __name__,
        {
            "postseal.tls.channel": (
                "Channel",
                "Opening",
            ),
            "postseal.tls.contexts": (
                "client_context",
                "server_context",
            ),
            "postseal.tls.identity": ("ClientCertificate",),
            "postseal.tls.levels": (
                "ANY_PROOF",
                "SOUND_PROOFS",
                "PeerProof",
                "PolicySource",
                "TLSLevel",
                "TLSOutcome",
                "TLSPolicy",
                "meets",
                "require",
            ),
            "postseal.tls.pins": (
                "NoBackupPin",
                "Pin",
            ),
            "postseal.tls.profiles": (
                "INTERMEDIATE",
                "LEGACY",
                "MODERN",
                "Profile",
            ),
            "postseal.tls.resumption": ("ResumableSession",),
            "postseal.tls.server_certificates": (
                "CertificateFiles",
                "ServerCertificates",
            ),
            "postseal.tls.sni": ("ServerContext",),
            "postseal.tls.trust": ("Trust",),
        },
    )

__all__ = [
    "ANY_PROOF",
    "INTERMEDIATE",
    "LEGACY",
    "MODERN",
    "SOUND_PROOFS",
    "CertificateFiles",
    "Channel",
    "ClientCertificate",
    "NoBackupPin",
    "Opening",
    "PeerProof",
    "Pin",
    "PolicySource",
    "Profile",
    "ResumableSession",
    "ServerCertificates",
    "ServerContext",
    "TLSLevel",
    "TLSOutcome",
    "TLSPolicy",
    "Trust",
    "client_context",
    "meets",
    "require",
    "server_context",
]

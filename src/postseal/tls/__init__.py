"""The seal: levels, policies, trust and TLS itself, without I/O (RFC 9325, 9525).

`postseal.tls.authority`, which needs `cryptography`, is imported by its own name.
"""

from __future__ import annotations

from postseal.tls.channel import Channel, Opening
from postseal.tls.levels import PolicySource, TLSLevel, TLSOutcome, TLSPolicy, require
from postseal.tls.trust import Trust, client_context, server_context

__all__ = [
    "Channel",
    "Opening",
    "PolicySource",
    "TLSLevel",
    "TLSOutcome",
    "TLSPolicy",
    "Trust",
    "client_context",
    "require",
    "server_context",
]

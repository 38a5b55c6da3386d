"""Names: what mail asks of the DNS, and how far each answer can be trusted.

`postseal.dns.stub`, which needs `dnspython`, is imported by its own name.
"""

from __future__ import annotations

from postseal.dns.answers import (
    MX,
    SRV,
    Answer,
    BogusAnswer,
    Lookup,
    NameDoesNotExist,
    ResolverFailure,
)
from postseal.dns.cache import CacheLimits, CachingResolver
from postseal.dns.exchangers import exchangers
from postseal.dns.resolver import Resolver

__all__ = [
    "MX",
    "SRV",
    "Answer",
    "BogusAnswer",
    "CacheLimits",
    "CachingResolver",
    "Lookup",
    "NameDoesNotExist",
    "Resolver",
    "ResolverFailure",
    "exchangers",
]

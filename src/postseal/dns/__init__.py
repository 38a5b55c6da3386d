"""Names: what mail asks of the DNS."""

from __future__ import annotations

from postseal.dns.resolver import MX, NameDoesNotExist, Resolver, ResolverFailure, SystemResolver

__all__ = ["MX", "NameDoesNotExist", "Resolver", "ResolverFailure", "SystemResolver"]

"""Credentials: values that are never shown by accident, and the places that keep them.

`secret` names such a place; `SecretSource` is the same with options.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from postseal._lazy import lazy_exports

if TYPE_CHECKING:
    from postseal.secrets.access import Access, AccessLog, Outcome, file_log, log_access
    from postseal.secrets.opaque import Secret
    from postseal.secrets.provider import Need, Provider, SecretReference, SecretVersion
    from postseal.secrets.sealed import SealedStore
    from postseal.secrets.source import SecretSource, secret
else:
    __getattr__, __dir__ = lazy_exports(
        __name__,
        {
            "postseal.secrets.access": (
                "Access",
                "AccessLog",
                "Outcome",
                "file_log",
                "log_access",
            ),
            "postseal.secrets.opaque": ("Secret",),
            "postseal.secrets.provider": (
                "Need",
                "Provider",
                "SecretReference",
                "SecretVersion",
            ),
            "postseal.secrets.sealed": ("SealedStore",),
            "postseal.secrets.source": ("SecretSource", "secret"),
        },
    )

__all__ = [
    "Access",
    "AccessLog",
    "Need",
    "Outcome",
    "Provider",
    "SealedStore",
    "Secret",
    "SecretReference",
    "SecretSource",
    "SecretVersion",
    "file_log",
    "log_access",
    "secret",
]

"""Credentials: values that are never shown by accident."""

from __future__ import annotations

from typing import TYPE_CHECKING

from postseal._lazy import lazy_exports

if TYPE_CHECKING:
    from postseal.secrets.secret import Secret
else:
    __getattr__, __dir__ = lazy_exports(
        __name__,
        {
            "postseal.secrets.secret": ("Secret",),
        },
    )

__all__ = ["Secret"]

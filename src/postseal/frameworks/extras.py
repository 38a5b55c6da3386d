"""The error for a framework that is not there."""

from __future__ import annotations

from postseal.errors import MissingExtra

__all__ = ["missing_framework"]


def missing_framework(error: ModuleNotFoundError, *, extra: str) -> MissingExtra:
    """Say which package an adapter misses, and which extra brings it."""
    return MissingExtra(
        f"postseal.frameworks.{extra} needs the package {error.name}",
        hint=f"Install it with: pip install 'postseal[{extra}]'.",
    )

"""Credentials: values that are never shown by accident."""

from __future__ import annotations

from postseal.secrets.secret import Secret

__all__ = ["Secret"]

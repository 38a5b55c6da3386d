"""Postseal within other frameworks: a module for each, which needs its packages."""

from __future__ import annotations

__all__: list[str] = []

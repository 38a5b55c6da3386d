"""The command `postseal`; each of its commands has a module of its own."""

from __future__ import annotations

from postseal.cli.main import main

__all__ = ["main"]

"""The cases of the lab: one module for each letter, joined in `whole`."""

from __future__ import annotations

from postseal.audit.lab.catalogue.whole import CATALOGUE

__all__ = ["CATALOGUE"]

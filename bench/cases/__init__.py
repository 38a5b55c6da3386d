"""All cases, in the order in which they run."""

from __future__ import annotations

from bench.case import Case
from bench.cases import client_async_plain

__all__ = ["CASES"]

CASES: tuple[Case, ...] = (client_async_plain.CASE,)

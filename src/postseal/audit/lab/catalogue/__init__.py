"""The cases of the lab, in the order in which reports name them."""

from __future__ import annotations

from typing import Final

from postseal.audit.lab.case import Case
from postseal.audit.lab.catalogue.negotiation import NEGOTIATION

__all__ = ["CATALOGUE"]

CATALOGUE: Final[tuple[Case, ...]] = NEGOTIATION

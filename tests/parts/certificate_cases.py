"""All cases of certificates: names and chains."""

from __future__ import annotations

from tests.parts.chain_cases import CHAINS
from tests.parts.name_cases import NAMES

CASES = [*NAMES, *CHAINS]

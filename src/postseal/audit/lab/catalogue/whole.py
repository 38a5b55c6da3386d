"""All cases, in the order in which reports name them."""

from __future__ import annotations

from typing import Final

from postseal.audit.lab.case import Case
from postseal.audit.lab.catalogue import (
    certificate_names,
    certificates,
    injection,
    inputs,
    negotiation,
    parsing,
    versions,
)

__all__ = ["CATALOGUE"]

CATALOGUE: Final[tuple[Case, ...]] = (
    *negotiation.NEGOTIATION,
    *injection.INJECTION,
    *certificates.CERTIFICATES,
    *certificate_names.CERTIFICATE_NAMES,
    *versions.VERSIONS,
    *parsing.PARSING,
    *inputs.INPUTS,
)

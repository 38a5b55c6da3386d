"""The option by which commands that examine are told whom to trust."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, TypeAlias

import typer

from postseal.tls.contexts import client_context
from postseal.tls.levels import TLSLevel
from postseal.tls.profiles import INTERMEDIATE
from postseal.tls.trust import Trust

__all__ = ["AuthoritiesOption", "trust_in"]

AuthoritiesOption: TypeAlias = Annotated[
    Path | None,
    typer.Option("--ca-file", help="Trust the authorities in this PEM file, and no others."),
]


def trust_in(ca_file: Path | None) -> Trust:
    """Trust the authorities in a file, or those of the system where there is none.

    Raises `InvalidSetting` at once for a file that cannot be used: that is no matter of the
    server's that is examined.
    """
    trust = Trust.system() if ca_file is None else Trust.only(ca_file)
    client_context(trust, TLSLevel.AUTHENTICATED, INTERMEDIATE)
    return trust

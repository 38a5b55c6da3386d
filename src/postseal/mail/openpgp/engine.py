"""The engine: Sequoia, by `pysequoia`, imported when it is needed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from types import ModuleType
from typing import Self

from postseal.errors import MissingExtra
from postseal.mail.openpgp.packets import Packet

__all__ = ["SignatureFacts", "engine"]


def engine() -> ModuleType:
    """Give `pysequoia`; raises `MissingExtra` unless all packages of the extra are there."""
    try:
        import pysequoia
        from cryptography.hazmat.decrepit.ciphers import modes  # noqa: F401 # is it there?
    except ModuleNotFoundError as error:
        raise MissingExtra(
            f"OpenPGP needs the package {(error.name or '').partition('.')[0]}",
            hint="Install it with: pip install postseal[openpgp].",
        ) from None
    return pysequoia


@dataclass(frozen=True, slots=True)
class SignatureFacts:
    """What a signature packet says of itself, true or not.

    `fingerprint` and `key_id` name its issuer; `key_validity` is how long the key is to be used
    that it binds.
    """

    kind: int
    hash_name: str
    made: datetime | None
    expires: datetime | None
    fingerprint: str | None
    key_id: str | None
    key_validity: timedelta | None

    @classmethod
    def read(cls, packet: Packet) -> Self | None:
        """Let the engine read a signature packet; None for what it cannot read."""
        try:
            (found,) = engine().packet.PacketPile.from_bytes(packet.octets)
            return cls(
                packet.body[1],
                str(found.hash_algorithm).rpartition(".")[2],
                found.signature_created,
                found.signature_expiration_time,
                found.issuer_fingerprint,
                found.issuer_key_id,
                found.key_validity_period,
            )
        except (IndexError, OverflowError, RuntimeError, ValueError):
            return None

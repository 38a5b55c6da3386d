"""The ARC sets of a message: three fields each, numbered from 1 (RFC 8617 4)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum, unique
from typing import Final

from postseal.mail.authentication.keys import KeyType
from postseal.mail.authentication.message_signature import (
    InvalidSignature,
    MessageSignature,
    read_domain,
    read_key_type,
    read_selector,
    read_signature_octets,
    read_time,
    read_value,
    require,
)
from postseal.mail.authentication.raw_message import RawField

__all__ = [
    "ARC_FIELDS",
    "MAX_INSTANCE",
    "ARCSeal",
    "ARCSet",
    "ChainStatus",
    "arc_sets",
    "highest_instance",
    "seal_scope",
]

RESULTS: Final = "arc-authentication-results"
MESSAGE_SIGNATURE: Final = "arc-message-signature"
SEAL: Final = "arc-seal"
ARC_FIELDS: Final = (RESULTS, MESSAGE_SIGNATURE, SEAL)
"""The names of the fields of a set."""

MAX_INSTANCE: Final = 50
"""The highest number that a set may have (RFC 8617 4.2.1)."""

_INSTANCE = re.compile(r"[0-9]{1,2}\Z")
_RESULTS_INSTANCE = re.compile(rb"[ \t\r\n]*i[ \t\r\n]*=[ \t\r\n]*([0-9]{1,2})[ \t\r\n]*;")


@unique
class ChainStatus(StrEnum):
    """What cv= says of the sets before, and what a verifier says of all (RFC 8617 4.4)."""

    NONE = "none"
    PASS = "pass"  # noqa: S105 # no password
    FAIL = "fail"


@dataclass(frozen=True, slots=True, kw_only=True)
class ARCSeal:
    """What an ARC-Seal says (RFC 8617 4.1.3)."""

    key_type: KeyType
    signature: bytes
    status: ChainStatus
    domain: str
    selector: str
    timestamp: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ARCSet:
    """One set: its number, its fields as they are, and what they say."""

    instance: int
    results_field: RawField
    signature_field: RawField
    seal_field: RawField
    signature: MessageSignature
    seal: ARCSeal

    @property
    def fields(self) -> tuple[RawField, RawField, RawField]:
        """The fields in the order in which they are sealed (RFC 8617 5.1.1)."""
        return self.results_field, self.signature_field, self.seal_field

    @property
    def results(self) -> bytes:
        """The results that the sealer recorded, as octets for `AuthenticationResults.parse`."""
        return self.results_field.value.partition(b";")[2]


def arc_sets(fields: Iterable[RawField]) -> tuple[ARCSet, ...]:
    """Find the sets of a message, in the order of their numbers.

    Raises `InvalidSignature` unless they are 1 to N with each field once, and each can be read
    (RFC 8617 5.2, step 3).
    """
    found: dict[int, dict[str, RawField]] = {}
    for field in fields:
        if field.name in ARC_FIELDS:
            one = found.setdefault(_instance(field), {})
            if field.name in one:
                raise InvalidSignature(f"an ARC set has {field.name} twice")
            one[field.name] = field
    if sorted(found) != list(range(1, len(found) + 1)):
        raise InvalidSignature("the ARC sets are not numbered from 1 without a gap")
    return tuple(_read(instance, found[instance]) for instance in sorted(found))


def seal_scope(sets: Sequence[ARCSet]) -> list[RawField]:
    """Give the fields that the seal of the last set covers, without its own (RFC 8617 5.1.1)."""
    return [field for one in sets for field in one.fields][:-1]


def highest_instance(fields: Iterable[RawField]) -> int:
    """Give the highest number of a set, 0 without one; fields that cannot be read do not count."""
    highest = 0
    for field in fields:
        if field.name in ARC_FIELDS:
            try:
                highest = max(highest, _instance(field))
            except InvalidSignature:
                continue
    return highest


def _instance(field: RawField) -> int:
    if field.name == RESULTS:
        found = _RESULTS_INSTANCE.match(field.value)
        text = found[1].decode("ascii") if found else ""
    else:
        text = require(read_value(field.value), "i")
    if not _INSTANCE.match(text) or not 1 <= int(text) <= MAX_INSTANCE:
        raise InvalidSignature(f"{field.name}: i= is no number from 1 to {MAX_INSTANCE}")
    return int(text)


def _read(instance: int, fields: dict[str, RawField]) -> ARCSet:
    if len(fields) != len(ARC_FIELDS):
        lacking = next(name for name in ARC_FIELDS if name not in fields)
        raise InvalidSignature(f"ARC set {instance} has no {lacking}")
    signature = MessageSignature.from_tags(read_value(fields[MESSAGE_SIGNATURE].value), agent=None)
    # RFC 8617 4.1.2: seals are made over seals, and never a message signature over one.
    if SEAL in signature.headers:
        raise InvalidSignature(f"ARC set {instance} signs a seal in its message signature")
    return ARCSet(
        instance=instance,
        results_field=fields[RESULTS],
        signature_field=fields[MESSAGE_SIGNATURE],
        seal_field=fields[SEAL],
        signature=signature,
        seal=_read_seal(fields[SEAL]),
    )


def _read_seal(field: RawField) -> ARCSeal:
    tags = read_value(field.value)
    # RFC 8617 4.1.3: with one of them the seal is no seal.
    if "h" in tags:
        raise InvalidSignature("a seal has the tag h=")
    said = require(tags, "cv")
    try:
        status = ChainStatus(said.lower())
    except ValueError:
        raise InvalidSignature(f"cv={said[:20]!a} is not none, pass or fail") from None
    return ARCSeal(
        key_type=read_key_type(tags),
        signature=read_signature_octets(tags),
        status=status,
        domain=read_domain(tags),
        selector=read_selector(tags),
        timestamp=read_time(tags, "t"),
    )

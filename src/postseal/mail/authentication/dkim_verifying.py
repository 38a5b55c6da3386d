"""DKIM verifying: each signature of a message with a word, and the reason for it (RFC 6376 6)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from postseal.defaults import Clock, utc_now
from postseal.mail.authentication.checking_input import BodyHashes, MessageToCheck
from postseal.mail.authentication.lookups import TXTLookup
from postseal.mail.authentication.message_signature import InvalidSignature, MessageSignature
from postseal.mail.authentication.raw_message import (
    MAX_HEADER,
    InvalidMessage,
    RawField,
    pieces_of,
)
from postseal.mail.authentication.signature_check import (
    FoundKey,
    check_body,
    check_coverage,
    check_from,
    check_headers,
    check_times,
    find_key,
)
from postseal.mail.authentication.words import ResultWord, SignatureFault

__all__ = ["DKIMResult", "DKIMVerification", "VerificationLimits", "verify_dkim"]

_FIELD: Final = "dkim-signature"


@dataclass(frozen=True, slots=True, kw_only=True)
class VerificationLimits:
    """How much of a message is looked at, and how far clocks may differ.

    `signatures` is how many are checked, from the top; the others are neutral. `header` is in
    octets. `clock_skew`, in seconds, is granted to t= and x=.
    """

    signatures: int = 10
    header: int = MAX_HEADER
    clock_skew: int = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class DKIMResult:
    """What became of one signature.

    `fault` is None where it passed; `text` says more. `signature` is None where the field could
    not be read. `is_testing` is t=y of the key record: the domain only tries DKIM out (RFC 6376
    3.6.1). `authentic` says whether DNSSEC vouches for the key.
    """

    word: ResultWord
    fault: SignatureFault | None = None
    text: str = ""
    signature: MessageSignature | None = None
    key_bits: int | None = None
    is_testing: bool = False
    authentic: bool = False

    @property
    def passed(self) -> bool:
        """Whether the signature is valid; nothing else counts as a pass."""
        return self.word is ResultWord.PASS


async def verify_dkim(
    message: bytes | Iterable[bytes],
    resolver: TXTLookup,
    *,
    limits: VerificationLimits | None = None,
    clock: Clock = utc_now,
) -> tuple[DKIMResult, ...]:
    """Check all signatures of a message; nothing for a message without one.

    `message` has the octets as they were received, whole or in pieces. No message and no record
    makes it raise: each outcome is a result. `MissingExtra` says that `cryptography` is not there.
    """
    verification = DKIMVerification(limits=limits, clock=clock)
    for piece in pieces_of(message):
        verification.feed(piece)
    return await verification.finish(resolver)


class DKIMVerification:
    """The check of one message: `feed` it all, then `finish` looks up the keys."""

    def __init__(self, *, limits: VerificationLimits | None = None, clock: Clock = utc_now) -> None:
        self._limits = limits or VerificationLimits()
        self._clock = clock
        self._message = MessageToCheck(self._read_all, max_header=self._limits.header)
        self._fields: tuple[RawField, ...] = ()
        self._found: list[tuple[RawField, MessageSignature | InvalidSignature]] = []

    def feed(self, piece: bytes) -> None:
        """Take the next octets of the message."""
        self._message.feed(piece)

    async def finish(self, resolver: TXTLookup) -> tuple[DKIMResult, ...]:
        """Give a result for each signature, in the order of the message."""
        try:
            bodies = self._message.finish()
        except InvalidMessage as error:
            fault = SignatureFault.MALFORMED_MESSAGE
            return (DKIMResult(word=fault.word, fault=fault, text=error.text),)
        return tuple([await self._result(*one, bodies, resolver) for one in self._found])

    def _read_all(self, fields: tuple[RawField, ...]) -> list[MessageSignature]:
        self._fields = fields
        for number, field in enumerate(one for one in fields if one.name == _FIELD):
            self._found.append((field, self._read(field, number)))
        return [one for _, one in self._found if isinstance(one, MessageSignature)]

    def _read(self, field: RawField, number: int) -> MessageSignature | InvalidSignature:
        try:
            if number >= self._limits.signatures:
                raise InvalidSignature(
                    f"only the first {self._limits.signatures} signatures are checked",
                    fault=SignatureFault.TOO_MANY,
                )
            return MessageSignature.parse(field.value)
        except InvalidSignature as error:
            return error

    async def _result(
        self,
        field: RawField,
        signature: MessageSignature | InvalidSignature,
        bodies: BodyHashes,
        resolver: TXTLookup,
    ) -> DKIMResult:
        if isinstance(signature, InvalidSignature):
            return DKIMResult(word=signature.fault.word, fault=signature.fault, text=signature.text)
        found: FoundKey | None = None
        fault: InvalidSignature | None = None
        try:
            check_times(signature, now=self._clock().timestamp(), skew=self._limits.clock_skew)
            check_from(signature, self._fields)
            # Before the key is asked for: a changed body needs no lookup.
            check_body(signature, bodies)
            found = await find_key(
                signature.domain, signature.selector, signature.key_type, resolver
            )
            _check_agent(signature, found)
            check_headers(signature, field, self._fields, found.key)
            check_coverage(signature, bodies)
        except InvalidSignature as error:
            fault = error
        return DKIMResult(
            word=fault.fault.word if fault else ResultWord.PASS,
            fault=fault.fault if fault else None,
            text=fault.text if fault else "",
            signature=signature,
            key_bits=found.key.bits if found else None,
            is_testing=found.record.is_testing if found else False,
            authentic=found.authentic if found else False,
        )


def _check_agent(signature: MessageSignature, found: FoundKey) -> None:
    # RFC 6376 3.6.1, t=s.
    agent = signature.agent or ""
    if found.record.is_strict and agent.rpartition("@")[2] != signature.domain:
        raise InvalidSignature(
            f"i= is in a subdomain of {signature.domain}, which the key does not allow",
            fault=SignatureFault.DOMAIN_MISMATCH,
        )

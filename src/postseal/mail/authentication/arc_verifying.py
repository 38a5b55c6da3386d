"""ARC verifying: whether the chain of seals on a message is whole (RFC 8617 5.2)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from postseal.defaults import Clock, utc_now
from postseal.mail.authentication.arc_fields import ARCSet, ChainStatus, arc_sets, seal_scope
from postseal.mail.authentication.canonical import Canonicalization
from postseal.mail.authentication.checking_input import BodyHashes, MessageToCheck
from postseal.mail.authentication.dkim_verifying import VerificationLimits
from postseal.mail.authentication.lookups import TXTLookup
from postseal.mail.authentication.message_signature import InvalidSignature, MessageSignature
from postseal.mail.authentication.raw_message import InvalidMessage, RawField, pieces_of
from postseal.mail.authentication.signature_check import (
    check_body,
    check_coverage,
    check_from,
    check_headers,
    check_times,
    find_key,
)
from postseal.mail.authentication.signed_octets import signed_octets, without_signature
from postseal.mail.authentication.words import SignatureFault

__all__ = ["ARCResult", "ARCVerification", "verify_arc"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ARCResult:
    """Whether the chain holds, which set broke it and why, and the sets themselves.

    `instance` is the number of the set that failed; None where the chain as such cannot be read.
    `has_ended` says that an earlier handler found it broken and sealed that: nobody goes on.
    A chain that passes proves who handled the message, not that they can be trusted.
    """

    status: ChainStatus
    sets: tuple[ARCSet, ...] = ()
    instance: int | None = None
    fault: SignatureFault | None = None
    text: str = ""
    has_ended: bool = False

    @property
    def is_temporary(self) -> bool:
        """Whether it failed for a lookup that may go well another time."""
        return self.fault is SignatureFault.KEY_UNAVAILABLE


async def verify_arc(
    message: bytes | Iterable[bytes],
    resolver: TXTLookup,
    *,
    limits: VerificationLimits | None = None,
    clock: Clock = utc_now,
) -> ARCResult:
    """Check the chain of a message, on the terms of `verify_dkim`."""
    verification = ARCVerification(limits=limits, clock=clock)
    for piece in pieces_of(message):
        verification.feed(piece)
    return await verification.finish(resolver)


class ARCVerification:
    """The check of one message's chain: `feed` it all, then `finish` looks up the keys."""

    def __init__(self, *, limits: VerificationLimits | None = None, clock: Clock = utc_now) -> None:
        self._limits = limits or VerificationLimits()
        self._clock = clock
        self._message = MessageToCheck(self._read, max_header=self._limits.header)
        self._fields: tuple[RawField, ...] = ()
        self._sets: tuple[ARCSet, ...] = ()

    def feed(self, piece: bytes) -> None:
        """Take the next octets of the message."""
        self._message.feed(piece)

    async def finish(self, resolver: TXTLookup) -> ARCResult:
        """Give the status of the chain."""
        try:
            body = self._message.finish()
        except InvalidMessage as error:
            return _failed(SignatureFault.MALFORMED_MESSAGE, error.text)
        except InvalidSignature as error:
            return _failed(error.fault, error.text)
        if not self._sets:
            return ARCResult(status=ChainStatus.NONE)
        return await self._chain(body, resolver)

    def _read(self, fields: tuple[RawField, ...]) -> list[MessageSignature]:
        self._fields = fields
        self._sets = arc_sets(fields)
        return [one.signature for one in self._sets[-1:]]

    async def _chain(self, body: BodyHashes, resolver: TXTLookup) -> ARCResult:
        last = self._sets[-1]
        if last.seal.status is ChainStatus.FAIL:
            return ARCResult(
                status=ChainStatus.FAIL,
                sets=self._sets,
                instance=last.instance,
                fault=SignatureFault.BAD_CHAIN,
                text=f"{last.seal.domain} found the chain broken",
                has_ended=True,
            )
        instance = last.instance
        try:
            for one in self._sets:
                instance = one.instance
                _check_status(one)
            instance = last.instance
            await self._check_message(last, body, resolver)
            for one in reversed(self._sets):
                instance = one.instance
                await self._check_seal(one, resolver)
        except InvalidSignature as error:
            return ARCResult(
                status=ChainStatus.FAIL,
                sets=self._sets,
                instance=instance,
                fault=error.fault,
                text=error.text,
            )
        return ARCResult(status=ChainStatus.PASS, sets=self._sets)

    async def _check_message(self, one: ARCSet, body: BodyHashes, resolver: TXTLookup) -> None:
        signature = one.signature
        check_times(signature, now=self._clock().timestamp(), skew=self._limits.clock_skew)
        check_from(signature, self._fields)
        check_body(signature, body)
        check_coverage(signature, body)
        found = await find_key(signature.domain, signature.selector, signature.key_type, resolver)
        check_headers(signature, one.signature_field, self._fields, found.key)

    async def _check_seal(self, one: ARCSet, resolver: TXTLookup) -> None:
        seal = one.seal
        found = await find_key(seal.domain, seal.selector, seal.key_type, resolver)
        scope = seal_scope(self._sets[: one.instance])
        own = without_signature(one.seal_field.octets)
        octets = signed_octets(scope, own, Canonicalization.RELAXED)
        if not found.key.verifies(seal.signature, octets):
            raise InvalidSignature(
                f"the seal {one.instance} by {seal.domain} is not over these sets",
                fault=SignatureFault.BAD_SIGNATURE,
            )


def _check_status(one: ARCSet) -> None:
    # RFC 8617 5.2, step 3: who comes first has nothing to vouch for, and all others pass it on.
    wanted = ChainStatus.NONE if one.instance == 1 else ChainStatus.PASS
    if one.seal.status is not wanted:
        raise InvalidSignature(
            f"the seal {one.instance} says cv={one.seal.status}, not {wanted}",
            fault=SignatureFault.BAD_CHAIN,
        )


def _failed(fault: SignatureFault, text: str) -> ARCResult:
    return ARCResult(status=ChainStatus.FAIL, fault=fault, text=text)

"""ARC sealing: one more set on the chain of a message that is passed on (RFC 8617 5.1)."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterable, Sequence

from postseal.defaults import Clock, utc_now
from postseal.errors import InvalidInput
from postseal.mail.authentication.arc_fields import MAX_INSTANCE, ChainStatus, highest_instance
from postseal.mail.authentication.arc_verifying import ARCResult
from postseal.mail.authentication.authentication_results import AuthenticationResults
from postseal.mail.authentication.canonical import Canonicalization
from postseal.mail.authentication.raw_message import InvalidMessage, RawField, pieces_of
from postseal.mail.authentication.signature_field import signature_field, with_signature
from postseal.mail.authentication.signed_octets import choose_fields, signed_octets
from postseal.mail.authentication.signing_input import (
    HeaderChoice,
    MessageToSign,
    SigningIdentity,
)

__all__ = ["ARCSealer"]

_RELAXED = Canonicalization.RELAXED
_DKIM = "dkim-signature"


class ARCSealer:
    """Seals messages for whoever passes them on and may change them: lists, forwarders, relays."""

    def __init__(
        self,
        identity: SigningIdentity,
        *,
        headers: HeaderChoice | None = None,
        clock: Clock = utc_now,
    ) -> None:
        if identity.agent is not None:
            raise InvalidInput("ARC knows no agent: its i= is the number of a set")
        self.identity = identity
        self.headers = headers or HeaderChoice()
        self.clock = clock

    def seal(
        self,
        message: bytes | Iterable[bytes],
        *,
        chain: ARCResult,
        results: AuthenticationResults,
    ) -> bytes:
        """Give the three fields of the next set, to be put before the message as they are.

        `chain` and `results` are what was found when the message arrived, and `message` is what it
        is now. Nothing is given where no set may follow: an earlier handler has sealed a broken
        chain, there are 50 sets, or a key could not be looked up and the chain may yet be whole.
        Raises `InvalidMessage` on the terms of `DKIMSigner.sign`, and where the sets of the message
        are not those of `chain`.
        """
        if chain.has_ended or chain.is_temporary or len(chain.sets) >= MAX_INSTANCE:
            return b""
        incoming = MessageToSign(_RELAXED)
        for piece in pieces_of(message):
            incoming.feed(piece)
        fields, digest = incoming.finish()
        if chain.status is ChainStatus.FAIL:
            # RFC 8617 5.1.2: of a broken chain only the own set is sealed.
            earlier: list[RawField] = []
        else:
            earlier = [field for one in chain.sets for field in one.fields]
        if not set(earlier) <= set(fields):
            raise InvalidMessage("the message has other ARC sets than those that were verified")
        instance = _next_instance(chain, fields)
        if instance > MAX_INSTANCE:
            return b""
        now = int(self.clock().timestamp())
        found = f"ARC-Authentication-Results: i={instance}; {results.payload()}\r\n".encode()
        signature = self._signature(fields, digest, instance, now)
        seal = self._seal(
            [
                *earlier,
                RawField("arc-authentication-results", found),
                RawField("arc-message-signature", signature),
            ],
            instance,
            chain.status,
            now,
        )
        return seal + signature + found

    def _signature(
        self, fields: Sequence[RawField], digest: bytes, instance: int, now: int
    ) -> bytes:
        # RFC 8617 4.1.2 asks for all signatures that are there.
        names = self.headers.names(fields)
        names += [_DKIM for field in fields if field.name == _DKIM]
        field = signature_field(
            "ARC-Message-Signature",
            [
                ("i", str(instance)),
                ("a", self.identity.key.type.algorithm),
                ("c", f"{_RELAXED}/{_RELAXED}"),
                ("d", self.identity.domain),
                ("s", self.identity.selector),
                ("t", str(now)),
                ("h", ":".join(names)),
                ("bh", b64encode(digest).decode("ascii")),
            ],
        )
        octets = signed_octets(choose_fields(fields, names), field, _RELAXED)
        return with_signature(field, self.identity.key.sign(octets))

    def _seal(
        self, scope: Sequence[RawField], instance: int, status: ChainStatus, now: int
    ) -> bytes:
        field = signature_field(
            "ARC-Seal",
            [
                ("i", str(instance)),
                ("a", self.identity.key.type.algorithm),
                ("t", str(now)),
                ("cv", status),
                ("d", self.identity.domain),
                ("s", self.identity.selector),
            ],
        )
        return with_signature(field, self.identity.key.sign(signed_octets(scope, field, _RELAXED)))


def _next_instance(chain: ARCResult, fields: Sequence[RawField]) -> int:
    """The number of the next set, which is known although the sets before cannot be read."""
    if chain.status is not ChainStatus.FAIL:
        return len(chain.sets) + 1
    return highest_instance(fields) + 1

"""DKIM signing: one pass over a message, one body hash, a field for each key (RFC 6376 5)."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterable, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Self

from postseal.defaults import Clock, utc_now
from postseal.errors import InvalidInput
from postseal.mail.authentication.canonical import Canonicalization
from postseal.mail.authentication.keys import SigningKey
from postseal.mail.authentication.raw_message import RawField, pieces_of
from postseal.mail.authentication.signature_field import signature_field, with_signature
from postseal.mail.authentication.signed_octets import choose_fields, signed_octets
from postseal.mail.authentication.signing_input import (
    HeaderChoice,
    MessageToSign,
    SigningIdentity,
)

__all__ = ["DKIMSigner", "DKIMSigning"]


class DKIMSigner:
    """Signs messages for one or several identities, each with its own key.

    Where a domain has an RSA and an Ed25519 key, both sign: who does not know the one checks the
    other (RFC 8463 5). `lifetime` is how long after signing the signatures are good (x=).
    """

    def __init__(
        self,
        *identities: SigningIdentity,
        headers: HeaderChoice | None = None,
        header_form: Canonicalization = Canonicalization.RELAXED,
        body_form: Canonicalization = Canonicalization.RELAXED,
        lifetime: timedelta | None = None,
        clock: Clock = utc_now,
    ) -> None:
        if not identities:
            raise InvalidInput("a signer needs at least one identity")
        if lifetime is not None and lifetime < timedelta(seconds=1):
            raise InvalidInput("signatures have to live for a second at least")
        self.identities = identities
        self.headers = headers or HeaderChoice()
        self.header_form = header_form
        self.body_form = body_form
        self.lifetime = lifetime
        self.clock = clock

    @classmethod
    def for_domain(cls, domain: str, *, selector: str, key: SigningKey | str | Path) -> Self:
        """Sign for one domain, with one key or the PEM file that holds it.

        `selector` is the name under which the key's record is published, at
        `selector._domainkey.domain`. Raises `InvalidKey` and `InvalidInput`.
        """
        signing_key = key if isinstance(key, SigningKey) else SigningKey.from_path(key)
        return cls(SigningIdentity(domain, selector, signing_key))

    def sign(self, message: bytes | Iterable[bytes]) -> bytes:
        """Give the DKIM-Signature fields, to be put before the message as they are.

        `message` has the octets that are sent, lines ended by CRLF, whole or in pieces of any size.
        Raises `InvalidMessage` for bare CR or LF, for what is no header, and unless there is
        exactly one From.
        """
        signing = self.start()
        for piece in pieces_of(message):
            signing.feed(piece)
        return signing.finish()

    def start(self) -> DKIMSigning:
        """Begin to sign a message that comes in pieces."""
        return DKIMSigning(self)


class DKIMSigning:
    """The signing of one message: `feed` it all, then `finish` gives the fields."""

    __slots__ = ("_message", "_signer")

    def __init__(self, signer: DKIMSigner) -> None:
        self._signer = signer
        self._message = MessageToSign(signer.body_form)

    def feed(self, piece: bytes) -> None:
        """Take the next octets of the message. Raises `InvalidMessage`."""
        self._message.feed(piece)

    def finish(self) -> bytes:
        """Give the fields in the order of the identities. Raises `InvalidMessage`."""
        signer = self._signer
        fields, digest = self._message.finish()
        names = signer.headers.names(fields)
        chosen = choose_fields(fields, names)
        now = int(signer.clock().timestamp())
        return b"".join(
            self._field(identity, names, chosen, digest, now) for identity in signer.identities
        )

    def _field(
        self,
        identity: SigningIdentity,
        names: Sequence[str],
        chosen: Sequence[RawField],
        digest: bytes,
        now: int,
    ) -> bytes:
        signer = self._signer
        tags = [
            ("v", "1"),
            ("a", identity.key.type.algorithm),
            ("c", f"{signer.header_form}/{signer.body_form}"),
            ("d", identity.domain),
            ("s", identity.selector),
        ]
        if identity.agent is not None:
            tags.append(("i", identity.agent))
        tags.append(("t", str(now)))
        if signer.lifetime is not None:
            tags.append(("x", str(now + int(signer.lifetime.total_seconds()))))
        tags += (("h", ":".join(names)), ("bh", b64encode(digest).decode("ascii")))
        field = signature_field("DKIM-Signature", tags)
        return with_signature(
            field, identity.key.sign(signed_octets(chosen, field, signer.header_form))
        )

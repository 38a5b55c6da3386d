"""A message that is taken in to have its signatures checked, in pieces of any size."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from postseal.mail.authentication.canonical import BodyHash, Canonicalization
from postseal.mail.authentication.message_signature import InvalidSignature, MessageSignature
from postseal.mail.authentication.raw_message import (
    InvalidMessage,
    MessageSplitter,
    RawField,
    read_fields,
)

__all__ = ["BodyHashes", "MessageToCheck"]


class BodyHashes:
    """The hashes of one body that several signatures ask for, each computed once."""

    __slots__ = ("_digests", "_hashes")

    def __init__(self, signatures: Sequence[MessageSignature]) -> None:
        self._hashes = {
            (signature.body_form, signature.length): BodyHash(
                signature.body_form, length=signature.length
            )
            for signature in signatures
        }
        self._digests: dict[tuple[Canonicalization, int | None], bytes] = {}

    def feed(self, piece: bytes) -> None:
        """Take the next octets of the body."""
        for hashing in self._hashes.values():
            hashing.feed(piece)

    def finish(self) -> None:
        """End the body; to be called once."""
        self._digests = {key: hashing.digest() for key, hashing in self._hashes.items()}

    def of(self, signature: MessageSignature) -> tuple[bytes, int]:
        """Give the hash that a signature asks for, and the length of the whole canonical body."""
        key = (signature.body_form, signature.length)
        return self._digests[key], self._hashes[key].canonical_length


class MessageToCheck:
    """A message taken in for checking: `feed` it all, then `finish` gives the hashes of its body.

    `read` is called with the header fields as soon as they are there, and says which signatures the
    body is to be hashed for. What it raises, `finish` raises.
    """

    __slots__ = ("_body", "_broken", "_read", "_splitter")

    def __init__(
        self,
        read: Callable[[tuple[RawField, ...]], Sequence[MessageSignature]],
        *,
        max_header: int,
    ) -> None:
        self._read = read
        self._splitter = MessageSplitter(max_header=max_header)
        self._body: BodyHashes | None = None
        self._broken: InvalidMessage | InvalidSignature | None = None

    def feed(self, piece: bytes) -> None:
        """Take the next octets of the message; what is wrong with them is told by `finish`."""
        if self._broken is not None:
            return
        try:
            body = self._splitter.feed(piece)
            if self._splitter.header is not None:
                self._started().feed(body)
        except (InvalidMessage, InvalidSignature) as error:
            self._broken = error

    def finish(self) -> BodyHashes:
        """End the message. Raises `InvalidMessage`, or the `InvalidSignature` of `read`."""
        if self._broken is not None:
            raise self._broken
        self._splitter.finish()
        body = self._started()
        body.finish()
        return body

    def _started(self) -> BodyHashes:
        if self._body is None:
            self._body = BodyHashes(self._read(read_fields(self._splitter.finish())))
        return self._body

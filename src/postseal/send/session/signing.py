"""DKIM on the way out: a message is read once to be signed, and again as it is sent."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from postseal.errors import InvalidInput, Phase
from postseal.send.outgoing import Content, Outgoing, ReadAnewAsync, can_be_read_again, pieces_of

if TYPE_CHECKING:
    from postseal.mail.authentication.dkim_signing import DKIMSigner

__all__ = ["signed"]


async def signed(outgoing: Outgoing, signer: DKIMSigner) -> Outgoing:
    """Give the message with DKIM-Signature fields before the octets that will be sent.

    What is not 7-bit is converted first, so that no relay has to and breaks the signature
    (RFC 6376 5.3); what cannot be, or must not be, is signed as it is. Raises `InvalidInput` for
    content that can be read only once, and `InvalidMessage` for octets that cannot be signed.
    """
    from postseal.mail.conversion.policy import NotConvertible
    from postseal.send.session.converted import converted, lines_of

    if not can_be_read_again(outgoing.content):
        raise InvalidInput(
            "the content can be read only once: it would have to be read to be signed, and again "
            "to be sent",
            phase=Phase.MAIL,
            hint="Give the content as a list, or any iterable that begins anew.",
        )
    if outgoing.is_8bit or outgoing.is_binary:
        with suppress(NotConvertible):
            outgoing = await converted(outgoing)
    signing, lines, length = signer.start(), lines_of(outgoing), 0
    async for piece in pieces_of(outgoing.content):
        octets = lines.take(piece)
        length += len(octets)
        signing.feed(octets)
    rest = lines.finish()
    length += len(rest)
    signing.feed(rest)
    fields = signing.finish()
    content = outgoing.content
    return replace(
        outgoing,
        content=ReadAnewAsync(lambda: _behind(fields, content)),
        size=len(fields) + length,
    )


async def _behind(fields: bytes, content: Content) -> AsyncIterator[bytes]:
    yield fields
    async for piece in pieces_of(content):
        yield piece

"""A message on its way out: envelope, octets, and what they ask of the server."""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Iterable, Iterator
from dataclasses import dataclass
from enum import Enum, unique
from typing import TYPE_CHECKING, Final, Self, TypeAlias

from postseal.mail.conversion.policy import Conversion
from postseal.mail.envelope import Envelope
from postseal.mail.message import Message
from postseal.mail.prepared import PreparedMessage

if TYPE_CHECKING:
    from postseal.smtp.delivery_options import DeliveryOptions

__all__ = [
    "Content",
    "Framing",
    "Outgoing",
    "ReadAnew",
    "ReadAnewAsync",
    "can_be_read_again",
    "each_piece",
    "pieces_of",
]

Content: TypeAlias = Iterable[bytes] | AsyncIterable[bytes]
"""The octets of a message, in pieces of any size."""


@unique
class Framing(Enum):
    """How a body is told from commands."""

    AUTOMATIC = "automatic"
    """By DATA, but by BDAT where DATA cannot carry the octets: binary content.

    Every server takes DATA, and the next envelope may ride behind its end, so a busy connection
    spends one round trip a message. What `DataWriter` writes holds one end of data, whatever the
    content, so there is nothing to smuggle that BDAT would stop.
    """
    BDAT = "bdat"
    """By BDAT (RFC 3030 2): nothing in a body can look like its end, to the oddest of servers.

    The message is refused before it is sent where the server does not offer CHUNKING.
    """


# By a name of its own: see `postseal.smtp.client_states`.
_BDAT: Final = Framing.BDAT


@dataclass(frozen=True, slots=True, kw_only=True)
class Outgoing:
    """A message on its way out: its envelope, its octets and what they demand of the server.

    `size` in octets, where known, is checked against the server's limit before anything is sent.
    `is_8bit` content needs 8BITMIME (RFC 6152), `is_internationalized` SMTPUTF8 (RFC 6531);
    `is_binary` content, which holds CR, LF or NUL that end no line, BINARYMIME (RFC 3030 3).

    Where a server limits the recipients of a transaction (RFC 9422), the content is read once for
    each of several transactions; then a list, or any iterable that begins anew, is needed. So it is
    where content is converted to 7 bits, as `conversion` allows, for a server that takes no other.
    """

    envelope: Envelope
    content: Content
    size: int | None = None
    is_8bit: bool = False
    is_internationalized: bool = False
    is_binary: bool = False
    framing: Framing = Framing.AUTOMATIC
    conversion: Conversion = Conversion.UNLESS_SIGNED
    options: DeliveryOptions | None = None

    @classmethod
    def of(
        cls,
        message: Message | PreparedMessage,
        *,
        framing: Framing = Framing.AUTOMATIC,
        options: DeliveryOptions | None = None,
    ) -> Self:
        """Make a message ready to go; `InvalidInput` if it can be seen to be unreadable.

        What is composed is 7-bit whatever the server takes: it needs no conversion on the way,
        which would break its signatures (RFC 6376 5.3). Only addresses that cannot be written in
        ASCII need an extension; where just their domain is international, A-labels do. What is
        prepared is never converted.
        """
        if isinstance(message, PreparedMessage):
            return cls(
                envelope=message.envelope,
                content=(message.content,),
                size=len(message.content),
                is_8bit=message.is_8bit,
                is_internationalized=message.is_internationalized,
                framing=framing,
                conversion=Conversion.FORBIDDEN,
                options=options,
            )
        return cls(
            envelope=message.envelope,
            content=ReadAnew(message.chunks),
            size=message.size,
            is_internationalized=message.needs_smtputf8,
            framing=framing,
            options=options,
        )

    @property
    def goes_by_bdat(self) -> bool:
        """Whether its body is framed by BDAT."""
        return self.is_binary or self.framing is _BDAT


def can_be_read_again(content: Content) -> bool:
    """Tell whether a second reading begins anew: what is its own iterator is used up."""
    if isinstance(content, AsyncIterable):
        return content.__aiter__() is not content
    return iter(content) is not content


async def each_piece(content: Content, put: Callable[[bytes], Awaitable[None]]) -> None:
    """Await `put` with each piece of content of either kind.

    Faster than `pieces_of`, of which an event loop has to keep account.
    """
    if isinstance(content, AsyncIterable):
        async for piece in content:
            await put(piece)
    else:
        for piece in content:
            await put(piece)


async def pieces_of(content: Content) -> AsyncIterator[bytes]:
    """Read content of either kind; nothing waits where the content itself does not."""
    if isinstance(content, AsyncIterable):
        async for piece in content:
            yield piece
    else:
        for piece in content:
            yield piece


class ReadAnew:
    """Content from a function that begins to read each time it is called; the first time is now.

    So what can be seen to be unreadable raises before anything is sent.
    """

    def __init__(self, read: Callable[[], Iterator[bytes]]) -> None:
        self._read = read
        self._first: Iterator[bytes] | None = read()

    def __iter__(self) -> Iterator[bytes]:
        first, self._first = self._first, None
        return self._read() if first is None else first


class ReadAnewAsync:
    """Content from a function that begins to read asynchronously each time it is called."""

    def __init__(self, read: Callable[[], AsyncIterator[bytes]]) -> None:
        self._read = read

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self._read()

"""How the octets of a message leave: as one body after DATA, or as chunks by BDAT."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from postseal.errors import MailError
from postseal.send.outgoing import Content, each_piece
from postseal.send.session.connection import Connection
from postseal.smtp import ClientState, Reply
from postseal.smtp.line_endings import LineEndings, LineEndingsFilter
from postseal.smtp.protocol import Protocol

__all__ = ["ChunkedBody", "DataBody"]

_BLOCK: Final = 64 * 1024
# Each has a reply of some forty octets: what comes back while we write must fit into the peer's
# and our own buffers (RFC 2920 3.1).
_CHUNKS_IN_FLIGHT: Final = 32

_GIVING_CHUNKS: Final = (ClientState.TRANSACTION, ClientState.CHUNKING)


class DataBody:
    """Bodies after DATA, one after the other, over one connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._session = connection.session
        self._block = bytearray()
        self._size = 0
        self._deadline = 0.0

    async def send(
        self, content: Content, *, following: Callable[[], bytes], deadline: float
    ) -> None:
        """Write a body and its end, and behind it what `following` gives as it ends."""
        self._deadline = deadline
        self._block.clear()
        self._size = 0
        self._connection.heed_farewell()
        await each_piece(content, self._put)
        await self._connection.check_silence(deadline=deadline)
        self._block += self._session.end_body()
        self._connection.handed_over(self._size + len(self._block))
        self._block += following()
        await self._connection.write(bytes(self._block), deadline=deadline)

    async def _put(self, piece: bytes) -> None:
        # The time for a block is not made for a whole message in one piece, nor is our memory.
        for start in range(0, len(piece), _BLOCK):
            part = piece[start : start + _BLOCK] if len(piece) > _BLOCK else piece
            self._block += self._session.write_body(part)
            if len(self._block) >= _BLOCK:
                self._size += len(self._block)
                await self._connection.write(bytes(self._block), deadline=self._deadline)
                self._block.clear()


class _ChunkRefused(Exception):
    """No more chunks may be sent."""

    def __init__(self, reply: Reply) -> None:
        super().__init__(str(reply))
        self.reply = reply


class ChunkedBody:
    """One body by BDAT (RFC 3030 2), in chunks of 64 KiB."""

    def __init__(self, connection: Connection, *, is_binary: bool, deadline: float) -> None:
        self._connection = connection
        self._session = connection.session
        self._deadline = deadline
        self._lines = None if is_binary else _Lines()
        self._block = bytearray()
        self._size = 0
        self._unanswered = 0
        # In LMTP a refused chunk changes how many replies the last one has (RFC 2033 4.3).
        pipelines = (
            "PIPELINING" in connection.extensions and self._session.protocol is Protocol.SMTP
        )
        self._window = _CHUNKS_IN_FLIGHT if pipelines else 1

    async def send(self, content: Content) -> Reply | None:
        """Send all chunks; the replies to the last are left to be read.

        Returns the reply to a chunk that was refused before the last: then no more is sent, and
        nothing is unanswered, or the connection is closed.
        """
        try:
            await each_piece(content, self._put)
            if self._lines is not None:
                self._block += self._lines.finish()
            await self._write_chunk(is_last=True)
            self._connection.handed_over(self._size)
            while self._unanswered > 1:
                await self._hear()
        except _ChunkRefused as refused:
            await self._hear_the_rest()
            return refused.reply
        return None

    async def _put(self, piece: bytes) -> None:
        for start in range(0, len(piece), _BLOCK):
            part = piece[start : start + _BLOCK] if len(piece) > _BLOCK else piece
            self._block += part if self._lines is None else self._lines.write(part)
            if len(self._block) >= _BLOCK:
                await self._write_chunk()

    async def _write_chunk(self, *, is_last: bool = False) -> None:
        # The session knows of all that has arrived: a refusal, or a farewell, may wait to be read.
        while self._unanswered >= self._window or self._session.state not in _GIVING_CHUNKS:
            await self._hear()
        chunk = self._session.write_chunk(bytes(self._block), is_last=is_last)
        self._size += len(chunk)
        self._block.clear()
        self._unanswered += 1
        await self._connection.write(chunk, deadline=self._deadline)

    async def _hear_the_rest(self) -> None:
        try:
            while self._unanswered:
                self._unanswered -= 1
                await self._connection.reply(deadline=self._deadline)
        except MailError:
            # What the server said of the message stands, whatever becomes of the connection.
            self._connection.close()

    async def _hear(self) -> None:
        reply = await self._connection.reply(deadline=self._deadline)
        self._unanswered -= 1
        if not reply.is_positive:
            raise _ChunkRefused(reply)


class _Lines:
    """Text as DATA would bring it: every line ended by CRLF, the last one included."""

    def __init__(self) -> None:
        self._filter = LineEndingsFilter(LineEndings.NORMALIZE)
        self._is_at_start = True

    def write(self, data: bytes) -> bytes:
        data = self._filter.take(data)
        if data:
            self._is_at_start = data.endswith(b"\r\n")
        return data

    def finish(self) -> bytes:
        rest = self.write(self._filter.finish())
        return rest if self._is_at_start else rest + b"\r\n"

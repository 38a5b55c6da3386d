"""The connection of a mutant client: octets in clear or under TLS, and replies read from them.

It is written by hand and with buffers of its own, so that each mistake that real clients make
with them can be made here.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import Set
from dataclasses import dataclass

from postseal.tls.rejection import peer_chain
from tests.parts.mutant_tls import is_passed_over
from tests.parts.tls_records import RecordType, record, vector
from tests.parts.weaknesses import Weakness

__all__ = ["Answered", "GivenUp", "MutantWire"]

_READ_SIZE = 65536
_MAX_LINE = 4096
_MAX_LINES = 200
# How many timeouts a whole session may take.
_SESSION = 3


# RFC 5246 7.4.7, and something that could be data under TLS: neither is meant.
_KEY_EXCHANGE = record(RecordType.HANDSHAKE, b"\x10" + vector(vector(bytes(65), 1), 3))
_SEALED = record(RecordType.APPLICATION_DATA, bytes(64))
_CLIENT_HELLO = record(RecordType.HANDSHAKE, b"\1" + vector(b"", 3))
_FLOOD = 6000
_TAKES_TWO_CODES = (Weakness.TAKES_FIRST_CODE, Weakness.TAKES_LAST_CODE)


class GivenUp(Exception):
    """The client ends with an error, as it should in front of a hostile server."""


@dataclass(frozen=True, slots=True)
class Answered:
    """One reply of the server."""

    code: int
    lines: tuple[str, ...]

    @property
    def is_positive(self) -> bool:
        return 200 <= self.code < 300


class MutantWire:
    """One connection; every wait ends after `timeout` seconds."""

    def __init__(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        *,
        weaknesses: Set[Weakness],
        timeout: float,
    ) -> None:
        self.buffer = bytearray()
        self._reader = reader
        self._writer = writer
        self._weaknesses = weaknesses
        self._timeout = None if Weakness.WAITS_FOREVER in weaknesses else timeout
        self._due = asyncio.get_running_loop().time() + _SESSION * timeout
        self.peer_chain: tuple[bytes, ...] = ()
        self._heard = 0
        self._tls: ssl.SSLObject | None = None
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()

    @classmethod
    async def connect(
        cls, host: str, port: int, *, weaknesses: Set[Weakness], timeout: float
    ) -> MutantWire:
        """Connect. Raises `GivenUp` where nobody listens."""
        try:
            reader, writer = await asyncio.open_connection(host, port)
        except OSError as error:
            raise GivenUp(f"no connection: {error}") from error
        return cls(reader, writer, weaknesses=weaknesses, timeout=timeout)

    @property
    def is_sealed(self) -> bool:
        return self._tls is not None

    async def close(self) -> None:
        self._writer.close()
        with contextlib.suppress(OSError):
            await self._writer.wait_closed()

    async def write(self, data: bytes) -> None:
        if self._tls is not None:
            self._tls.write(data)
            data = self._outgoing.read()
        await self._write_raw(data)

    async def command(self, line: str) -> Answered:
        await self.write(line.encode() + b"\r\n")
        return await self.reply()

    async def reply(self) -> Answered:
        """Read one reply, by the grammar of RFC 5321 4.2. Raises `GivenUp` for anything else."""
        lines: list[str] = []
        code = None
        while len(lines) < _MAX_LINES or self._is(Weakness.READS_REPLIES_WITHOUT_END):
            line = await self._line()
            if "\0" in line:
                if self._is(Weakness.STOPS_AT_NUL):
                    continue
                raise GivenUp("a NUL in a reply")
            digits, separator, text = line[:3], line[3:4], line[4:]
            if not (digits.isdigit() and digits.isascii() and separator in ("", " ", "-")):
                if self._is(Weakness.GUESSES_CODES):
                    return Answered(250, (line,))
                raise GivenUp(f"not a reply: {line!a}")
            if code not in (None, int(digits)) and not self._is(*_TAKES_TWO_CODES):
                raise GivenUp(f"one reply with two codes: {line!a}")
            if code is None or not self._is(Weakness.TAKES_FIRST_CODE):
                code = int(digits)
            lines.append(text)
            if separator != "-":
                return Answered(code, tuple(lines))
        raise GivenUp("a reply without end")

    async def read_more(self) -> None:
        """Wait for octets and put them into the buffer. Raises `GivenUp` at the end of them."""
        if self._tls is None:
            self.buffer += await self._read_raw()
            return
        while True:
            try:
                data = self._tls.read(_READ_SIZE)
                break
            except ssl.SSLWantReadError:
                self._incoming.write(await self._read_raw())
            except ssl.SSLError as error:
                raise GivenUp(f"TLS: {error}") from error
        if not data:
            raise GivenUp("the server closed TLS")
        self.buffer += data

    def feed_buffer(self) -> None:
        """Hand to TLS what has come in clear."""
        self._incoming.write(bytes(self.buffer))
        self.buffer.clear()

    async def seal(self, context: ssl.SSLContext, host: str) -> None:
        """Do the handshake. Raises `GivenUp` when it fails; the connection is in clear then."""
        tls = context.wrap_bio(self._incoming, self._outgoing, server_hostname=host)
        while True:
            try:
                tls.do_handshake()
                await self._write_raw(self._outgoing.read())
                break
            except ssl.SSLWantReadError:
                await self._write_raw(self._outgoing.read())
                self._incoming.write(await self._read_raw())
            except ssl.SSLError as error:
                if is_passed_over(error, self._weaknesses):
                    # What it would mean does not matter: there are no keys for it.
                    await self._write_raw(_KEY_EXCHANGE + _SEALED)
                elif error.reason == "UNEXPECTED_MESSAGE" and self._is(
                    Weakness.FOLLOWS_EVERY_RETRY
                ):
                    await self._write_raw(_CLIENT_HELLO)
                else:
                    await self._write_raw(self._outgoing.read())
                raise GivenUp(f"TLS: {error}") from error
        self._tls = tls
        self.peer_chain = peer_chain(tls)

    async def _line(self) -> str:
        while (end := self.buffer.find(b"\n")) < 0:
            if len(self.buffer) > _MAX_LINE:
                if not self._is(Weakness.READS_LINES_WITHOUT_END):
                    raise GivenUp("a line without end")
                # What it would keep is not the matter: it goes on reading.
                del self.buffer[_MAX_LINE:]
            await self.read_more()
        line = bytes(self.buffer[: end + 1])
        del self.buffer[: end + 1]
        if line.endswith(b"\r\n"):
            line = line[:-2]
        elif self._is(Weakness.TAKES_BARE_LF):
            line = line[:-1]
        else:
            raise GivenUp("a line that ends in a bare LF")
        if len(line) > _MAX_LINE or (b"\r" in line and not self._is(Weakness.TAKES_BARE_CR)):
            raise GivenUp("not a line of SMTP")
        if self._is(Weakness.CRASHES_ON_8BIT):
            line.decode()
        return line.decode("ascii", "backslashreplace")

    async def _read_raw(self) -> bytes:
        try:
            async with asyncio.timeout_at(self._deadline()):
                data = await self._reader.read(_READ_SIZE)
        except TimeoutError:
            raise GivenUp("the server is silent") from None
        except OSError as error:
            raise GivenUp(f"the connection broke: {error}") from error
        if not data:
            raise GivenUp("the server closed the connection")
        self._heard += len(data)
        if self._heard > _FLOOD and self._is(Weakness.STALLS_ON_FLOODS):
            await asyncio.Event().wait()
        return data

    def _deadline(self) -> float | None:
        if self._timeout is None:
            return None
        deadline = asyncio.get_running_loop().time() + self._timeout
        is_patient = self._is(Weakness.WAITS_FOR_EACH_OCTET)
        return deadline if is_patient else min(deadline, self._due)

    def _is(self, *weaknesses: Weakness) -> bool:
        return not self._weaknesses.isdisjoint(weaknesses)

    async def _write_raw(self, data: bytes) -> None:
        if not data:
            return
        try:
            self._writer.write(data)
            async with asyncio.timeout_at(self._deadline()):
                await self._writer.drain()
        except TimeoutError:
            raise GivenUp("the server does not read") from None
        except OSError as error:
            raise GivenUp(f"the connection broke: {error}") from error

"""A connection as a hostile server has it: in clear or under TLS, and every octet recorded."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import struct
from collections.abc import Callable
from typing import Final

from postseal.audit.lab.deviations import Then
from postseal.audit.lab.handshakes import Consent
from postseal.audit.lab.records import Connection
from postseal.errors import MailError
from postseal.tls import Channel, Opening

__all__ = ["Ended", "Hearing", "Wire"]

_READ_SIZE: Final = 65536
# RFC 8446 5.1: change_cipher_spec, alert, handshake and application_data, all of them version 3.
_RECORD_TYPES: Final = (b"\x14", b"\x15", b"\x16", b"\x17")
_RECORD_HEADER: Final = 5
_HANDSHAKE: Final = 22
_CLIENT_HELLO: Final = b"\1"
_CLIENT_KEY_EXCHANGE: Final = b"\x10"
_APPLICATION_DATA: Final = 23
# A header, level and description, the type inside and an authentication tag (RFC 8446 5.2, 6).
_LONGEST_SEALED_ALERT: Final = 5 + 2 + 1 + 16
# More than any client says in one case; what floods beyond is not kept.
_KEPT: Final = 4 * 1024 * 1024


class Ended(Exception):
    """The server has said its last word; `then` tells how it goes."""

    def __init__(self, then: Then) -> None:
        super().__init__(then.value)
        self.then = then


class Hearing(asyncio.StreamReader):
    """Takes a broken connection for the end of it, so that what came before can still be read."""

    def set_exception(self, exc: BaseException) -> None:
        """See `asyncio.StreamReader.set_exception`."""
        self.feed_eof()


class Wire:
    """Reads and writes plaintext, whichever channel is in place, into a `Connection`."""

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, record: Connection
    ) -> None:
        self.record = record
        self._reader = reader
        self._writer = writer
        self._channel: Channel | None = None
        # What the system still holds when the transport has broken is read from here.
        self._remains: socket.socket = writer.get_extra_info("socket").dup()
        self._unread = b""
        self._early = b""
        self._meets_records = False
        self._half_record = b""
        self._answer: Callable[[bytes], bytes] | None = None
        self._consent = Consent.KEY_EXCHANGE
        self._more_hellos = 0

    @property
    def is_sealed(self) -> bool:
        """True while TLS is below."""
        return self._channel is not None

    @property
    def is_gone(self) -> bool:
        """True once the client is known to have broken the connection off."""
        return self._writer.is_closing()

    async def read(self) -> bytes:
        """Read plaintext; empty when the client has gone."""
        if self._early:
            data, self._early = self._early, b""
            return data
        while data := await self._read_raw():
            if self._channel is None:
                if self._meets_records and not (data := await self._behind_records(data)):
                    continue
                _keep(self.record.clear, data)
                return data
            plaintext = self._channel.receive(data)
            await self._flush(self._channel)
            if plaintext:
                _keep(self.record.sealed, plaintext)
                return plaintext
            if self._channel.is_ended:
                return b""
        return b""

    def unread(self, data: bytes) -> None:
        """Take back the first octets of a handshake that came where commands are read."""
        self._unread = data
        del self.record.clear[-len(data) :]

    async def write(self, data: bytes, *, pace: float = 0.0) -> None:
        """Say plaintext, with a `pace` one octet at a time and so many seconds apart."""
        pieces = [data] if not pace else [data[i : i + 1] for i in range(len(data))]
        for piece in pieces:
            if self._channel is None:
                await self._write_raw(piece)
            else:
                self._channel.send(piece)
                await self._flush(self._channel)
            if pace:
                await self.pause(pace)

    async def pause(self, seconds: float) -> None:
        """Let time pass while the client is there; what it says meanwhile is read after that."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while data := await self._reader.read(_READ_SIZE):
                    self._unread += data
                    if len(self._unread) > _KEPT:
                        await asyncio.sleep(seconds)

    async def begin_tls(self, context: ssl.SSLContext, opening: Opening) -> None:
        """Do the server's half of a handshake. Raises `MailError` when it fails."""
        channel = Channel.server(context, opening=opening)
        try:
            early = b""
            while not channel.is_established:
                if not (data := await self._read_raw()):
                    channel.end_of_stream()
                _keep(self.record.handshake, data)
                early = channel.receive(data)
                await self._flush(channel)
        except MailError:
            await self._flush(channel)
            raise
        self._channel = channel
        outcome = channel.outcome()
        self.record.tls = f"{outcome.version} {outcome.cipher}"
        _keep(self.record.sealed, early)
        self._early = early

    async def first_flight(self) -> bytes:
        """Read what a client opens a handshake with, which is then known to be no plaintext."""
        self._meets_records = True
        data = await self._read_raw()
        while 0 < len(data) < (size := _size_of_record(data)):
            if not (more := await self._read_raw()):
                break
            data += more
        flight, self._unread = (data[:size], data[size:]) if size else (data, b"")
        _keep(self.record.handshake, flight)
        return flight

    def answer_records(self, answer: Callable[[bytes], bytes], consent: Consent) -> None:
        """Say what `answer` makes of each record from now on, and look out for a `consent`."""
        self._answer = answer
        self._consent = consent

    async def finish(self) -> None:
        """Say no more, by close_notify where TLS is below; the client can still be heard."""
        if self._channel is not None and self._channel.failure is None:
            self._channel.close()
            await self._flush(self._channel)
        with contextlib.suppress(OSError):
            if not self._writer.is_closing():
                self._writer.write_eof()

    def close(self) -> None:
        """Close the connection."""
        self._remains.close()
        self._writer.close()

    def cut(self) -> None:
        """End the connection below TLS, which is not told."""
        self._channel = None

    def reset(self) -> None:
        """Break the connection off, so that the client sees a reset and no end."""
        self._remains.close()
        broken = self._writer.get_extra_info("socket")
        broken.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._writer.transport.abort()

    async def _read_raw(self) -> bytes:
        data, self._unread = self._unread, b""
        if data or (data := await self._reader.read(_READ_SIZE)):
            return data
        with contextlib.suppress(OSError):
            return self._remains.recv(_READ_SIZE)
        return b""

    async def _write_raw(self, data: bytes) -> None:
        # Who no longer listens may still have said something before.
        with contextlib.suppress(OSError):
            if not self._writer.is_closing():
                self._writer.write(data)
                await self._writer.drain()

    async def _flush(self, channel: Channel) -> None:
        if data := channel.data_to_send():
            await self._write_raw(data)

    async def _behind_records(self, data: bytes) -> bytes:
        """Take away the records that `data` begins with; give what stands behind them in clear."""
        data = self._half_record + data
        self._half_record = b""
        while size := _size_of_record(data):
            if len(data) < size:
                self._half_record = data
                return b""
            self._keep_handshake(data[:size])
            if self._answer is not None:
                await self._write_raw(self._answer(data[:size]))
            data = data[size:]
        return data

    def _keep_handshake(self, data: bytes) -> None:
        _keep(self.record.handshake, data)
        if self._consent is not Consent.NOTHING and self._consents(data[0], data[5:6], len(data)):
            self.record.continued = True

    def _consents(self, kind: int, message: bytes, size: int) -> bool:
        # A ChangeCipherSpec (RFC 8446 D.4) and an alert are no consent. Under TLS 1.3 alerts pass
        # for data, but none of them is as long as a Finished.
        if kind == _APPLICATION_DATA:
            return size > _LONGEST_SEALED_ALERT
        if kind == _HANDSHAKE and message == _CLIENT_HELLO:
            # RFC 8446 4.1.4: a second one is the answer to a HelloRetryRequest, a third is wrong.
            self._more_hellos += 1
            return self._more_hellos > 1
        is_key_exchange = kind == _HANDSHAKE and message == _CLIENT_KEY_EXCHANGE
        return is_key_exchange and self._consent is Consent.KEY_EXCHANGE


def _size_of_record(data: bytes) -> int:
    """Give how long the record is that `data` begins with, its header alone at least; or 0."""
    # None of these is a character of a command.
    if data[:1] not in _RECORD_TYPES or data[1:2] not in (b"", b"\x03"):
        return 0
    if len(data) < _RECORD_HEADER:
        return _RECORD_HEADER
    return _RECORD_HEADER + int.from_bytes(data[3:_RECORD_HEADER], "big")


def _keep(kept: bytearray, data: bytes) -> None:
    kept += data[: max(0, _KEPT - len(kept))]

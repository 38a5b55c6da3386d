"""A connection as a hostile server has it: in clear or under TLS, and every octet recorded."""

from __future__ import annotations

import asyncio
import socket
import ssl
import struct
from typing import Final

from postseal.audit.lab.deviations import Then
from postseal.audit.lab.records import Connection
from postseal.errors import MailError
from postseal.tls import Channel, Opening

__all__ = ["Ended", "Wire"]

_READ_SIZE: Final = 65536
# RFC 8446 5.1: change_cipher_spec, alert, handshake and application_data, all of them version 3.
_RECORD_TYPES: Final = range(20, 24)
_HANDSHAKE: Final = 22
_CLIENT_KEY_EXCHANGE: Final = 16
# More than any client says in one case; what floods beyond is not kept.
_KEPT: Final = 4 * 1024 * 1024


class Ended(Exception):
    """The server has said its last word; `then` tells how it goes."""

    def __init__(self, then: Then) -> None:
        super().__init__(then.value)
        self.then = then


class Wire:
    """Reads and writes plaintext, whichever channel is in place, into a `Connection`."""

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, record: Connection
    ) -> None:
        self.record = record
        self._reader = reader
        self._writer = writer
        self._channel: Channel | None = None
        self._unread = b""
        self._meets_records = False

    @property
    def is_sealed(self) -> bool:
        """True while TLS is below."""
        return self._channel is not None

    async def read(self) -> bytes:
        """Read plaintext; empty when the client has gone."""
        if self._unread:
            data, self._unread = self._unread, b""
            return data
        while data := await self._read_raw():
            if self._channel is None:
                if self._meets_records and _begins_with_record(data):
                    self._keep_handshake(data)
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
                self._writer.write(piece)
                await self._writer.drain()
            else:
                self._channel.send(piece)
                await self._flush(self._channel)
            if pace:
                await asyncio.sleep(pace)

    async def begin_tls(self, context: ssl.SSLContext, opening: Opening) -> None:
        """Do the server's half of a handshake. Raises `MailError` when it fails."""
        channel = Channel.server(context, opening=opening)
        try:
            early = b""
            while not channel.is_established:
                if not (data := await self._first() or await self._read_raw()):
                    channel.end_of_stream()
                _keep(self.record.handshake, data)
                early = channel.receive(data)
                await self._flush(channel)
        except MailError as error:
            self.record.tls_failure = str(error)
            await self._flush(channel)
            raise
        self._channel = channel
        outcome = channel.outcome()
        self.record.tls = f"{outcome.version} {outcome.cipher}"
        _keep(self.record.sealed, early)
        self._unread = early

    async def first_flight(self) -> bytes:
        """Read what a client opens a handshake with, which is then known to be no plaintext."""
        self._meets_records = True
        data = await self._first() or await self._read_raw()
        _keep(self.record.handshake, data)
        return data

    def close(self) -> None:
        """Close the connection, by close_notify where TLS is below."""
        if self._channel is not None and self._channel.failure is None:
            self._channel.close()
            self._writer.write(self._channel.data_to_send())
        self._writer.close()

    def reset(self) -> None:
        """Break the connection off, so that the client sees a reset and no end."""
        broken = self._writer.get_extra_info("socket")
        broken.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._writer.transport.abort()

    async def _first(self) -> bytes:
        data, self._unread = self._unread, b""
        return data

    async def _read_raw(self) -> bytes:
        try:
            return await self._reader.read(_READ_SIZE)
        except OSError:
            return b""

    async def _flush(self, channel: Channel) -> None:
        if data := channel.data_to_send():
            self._writer.write(data)
            await self._writer.drain()

    def _keep_handshake(self, data: bytes) -> None:
        _keep(self.record.handshake, data)
        if data[0] == _HANDSHAKE and data[5:6] == bytes([_CLIENT_KEY_EXCHANGE]):
            self.record.continued = True


def _begins_with_record(data: bytes) -> bool:
    return data[0] in _RECORD_TYPES and data[1:2] == b"\x03"


def _keep(kept: bytearray, data: bytes) -> None:
    kept += data[: max(0, _KEPT - len(kept))]

"""What a ClientHello asks for, read before the handshake begins (RFC 8446 4.1.2).

The server needs the name to choose a certificate, and the protocols to refuse what is not for it.
OpenSSL judges the rest, which is read for those who answer by hand.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

__all__ = ["ClientHello", "ClientHelloReader", "UnreadableHello", "is_server_name"]

_HANDSHAKE: Final = 22
_CLIENT_HELLO: Final = 1
_SERVER_NAME: Final = 0  # RFC 6066 3
_HOST_NAME: Final = 0
_PROTOCOLS: Final = 16  # RFC 7301 3.1
_RECORD_HEADER: Final = 5
_MESSAGE_HEADER: Final = 4
# A ticket may have 64 KiB, but nobody's has.
_MAX_MESSAGE: Final = 32 * 1024
_VERSION: Final = 2
_VERSION_AND_RANDOM: Final = _VERSION + 32
_NAME: Final = re.compile(r"[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*\Z")
_MAX_NAME: Final = 253


class UnreadableHello(ValueError):
    """It is no ClientHello, or one that nobody would send."""


@dataclass(frozen=True, slots=True)
class ClientHello:
    """`server_name` in lower case, None where none was sent; `protocols` as ALPN offered them.

    `extensions` hold what the client sent by their numbers, and `message` is all of it, with the
    header of handshake messages.
    """

    server_name: str | None = None
    protocols: tuple[bytes, ...] = ()
    random: bytes = field(default=b"", compare=False)
    session_id: bytes = field(default=b"", compare=False)
    suites: tuple[int, ...] = field(default=(), compare=False)
    extensions: tuple[tuple[int, bytes], ...] = field(default=(), compare=False)
    message: bytes = field(default=b"", repr=False, compare=False)


def is_server_name(name: str) -> bool:
    """Tell whether a name is one that hosts have, in A-labels (RFC 6066 3); it is safe to show."""
    return len(name) <= _MAX_NAME and _NAME.match(name) is not None


class ClientHelloReader:
    """Puts a ClientHello together from records that come in pieces of any size."""

    __slots__ = ("_message", "_records")

    def __init__(self) -> None:
        self._records = bytearray()
        self._message = bytearray()

    def feed(self, data: bytes) -> ClientHello | None:
        """Take what came; return the ClientHello once it is complete.

        What follows it is not looked at: anybody on the way can append records. Raises
        `UnreadableHello`.
        """
        self._records += data
        while len(self._records) >= _RECORD_HEADER:
            if self._records[0] != _HANDSHAKE:
                raise UnreadableHello("another record than one of the handshake")
            size = int.from_bytes(self._records[3:5])
            if len(self._message) + size > _MAX_MESSAGE:
                raise UnreadableHello("too long")
            end = _RECORD_HEADER + size
            if len(self._records) < end:
                return None
            self._message += self._records[_RECORD_HEADER:end]
            del self._records[:end]
            if message := self._whole():
                return _read(message)
        return None

    def _whole(self) -> bytes | None:
        message = self._message
        if len(message) < _MESSAGE_HEADER:
            return None
        if message[0] != _CLIENT_HELLO:
            raise UnreadableHello("another message")
        end = _MESSAGE_HEADER + int.from_bytes(message[1:4])
        if end > _MAX_MESSAGE:
            raise UnreadableHello("too long")
        return bytes(message[:end]) if len(message) >= end else None


def _read(message: bytes) -> ClientHello:
    body = message[_MESSAGE_HEADER:]
    random = body[_VERSION:_VERSION_AND_RANDOM]
    session_id, position = _vector(body, _VERSION_AND_RANDOM, 1)
    suites, position = _vector(body, position, 2)
    # legacy_compression_methods
    _, position = _vector(body, position, 1)
    name, protocols = None, tuple[bytes, ...]()
    extensions = tuple(_extensions(body, position))
    for kind, content in extensions:
        if kind == _SERVER_NAME:
            name = _server_name(content)
        elif kind == _PROTOCOLS:
            protocols = tuple(_vectors(_vector(content, 0, 2)[0], 1))
    return ClientHello(
        name,
        protocols,
        random=random,
        session_id=session_id,
        suites=tuple(int.from_bytes(suites[at : at + 2]) for at in range(0, len(suites), 2)),
        extensions=extensions,
        message=message,
    )


def _extensions(body: bytes, position: int) -> Iterator[tuple[int, bytes]]:
    if position == len(body):
        # TLS 1.2 without any (RFC 5246 7.4.1.2).
        return
    extensions, _ = _vector(body, position, 2)
    position = 0
    while position < len(extensions):
        kind = int.from_bytes(extensions[position : position + 2])
        content, position = _vector(extensions, position + 2, 2)
        yield kind, content


def _server_name(content: bytes) -> str | None:
    names, _ = _vector(content, 0, 2)
    if not names or names[0] != _HOST_NAME:
        return None
    octets, _ = _vector(names, 1, 2)
    name = octets.decode("latin-1").lower()
    return name if is_server_name(name) else None


def _vectors(data: bytes, width: int) -> Iterator[bytes]:
    position = 0
    while position < len(data):
        content, position = _vector(data, position, width)
        yield content


def _vector(data: bytes, position: int, width: int) -> tuple[bytes, int]:
    """Read a vector behind its length (RFC 8446 3.4); return it and where the next thing begins."""
    begin = position + width
    end = begin + int.from_bytes(data[position:begin])
    if begin > len(data) or end > len(data):
        raise UnreadableHello("cut off")
    return data[begin:end], end

"""The PROXY protocol: what a load balancer says of a connection before its first octet.

Versions 1 (a line of text) and 2 (binary), as HAProxy specifies them. To be read from peers that
are trusted by configuration alone, and from those always: a header is never guessed at.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum, unique
from ipaddress import IPv4Address, IPv6Address
from typing import Final

from postseal.errors import LocalProtocolError, Phase, RemoteProtocolError

__all__ = ["ProxiedConnection", "ProxyCommand", "ProxyHeaderReader"]

# Section 2.1: the longest line of version 1, CRLF included.
_MAX_LINE: Final = 107

# Section 2.2: the signature, two octets of kind, two of length; and what an address block of two
# Unix paths needs, with room for more TLVs than balancers send.
_SIGNATURE: Final = b"\r\n\r\n\x00\r\nQUIT\n"
_HEAD: Final = 16
_MAX_LENGTH: Final = 520

_LINE: Final = re.compile(
    rb"PROXY (?:UNKNOWN(?: [^\r\n]*)?|(TCP[46]) ([0-9a-fA-F:.]+) ([0-9a-fA-F:.]+)"
    rb" (0|[1-9][0-9]{0,4}) (0|[1-9][0-9]{0,4}))\Z"
)


@unique
class ProxyCommand(Enum):
    """What a connection is for."""

    LOCAL = "LOCAL"
    """The balancer speaks for itself, to see whether we are well."""
    PROXY = "PROXY"
    """It passes on what a client says."""


@dataclass(frozen=True, slots=True)
class ProxiedConnection:
    """The connection behind the balancer.

    Addresses and ports are None where it is LOCAL, and where the balancer could not tell them or
    they are not of TCP over IP: then those of the connection itself are all there is.
    """

    command: ProxyCommand
    source: IPv4Address | IPv6Address | None = None
    source_port: int | None = None
    destination: IPv4Address | IPv6Address | None = None
    destination_port: int | None = None


class ProxyHeaderReader:
    """Reads the one header at the beginning of a connection, from whatever pieces arrive.

    Keeps at most 536 octets; a peer that sends more without ending its header is in error. What
    came behind the header is in `rest` once it is read.
    """

    __slots__ = ("_buffer", "_connection", "_failed", "rest")

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._connection: ProxiedConnection | None = None
        self._failed = False
        self.rest = b""

    def receive(self, data: bytes) -> ProxiedConnection | None:
        """Take octets; give what the header says as soon as it is whole.

        Raises `RemoteProtocolError` as soon as it is certain that there is none to come, and
        `LocalProtocolError` when a header was read, or refused, before.
        """
        if self._failed or self._connection is not None:
            raise LocalProtocolError("a connection has one PROXY header, which was read already")
        self._buffer += data
        try:
            end = self._read()
        except RemoteProtocolError:
            self._failed = True
            self._buffer.clear()
            raise
        if end is not None:
            self.rest = bytes(self._buffer[end:])
            self._buffer.clear()
        return self._connection

    def _read(self) -> int | None:
        """Read the header; return where it ends, None until it is whole."""
        buffer = self._buffer
        if buffer.startswith(_SIGNATURE):
            return self._read_binary()
        if _SIGNATURE.startswith(buffer) or b"PROXY ".startswith(buffer):
            return None
        if buffer.startswith(b"PROXY "):
            return self._read_line()
        raise _malformed("the connection does not begin with one")

    def _read_line(self) -> int | None:
        end = self._buffer.find(b"\r\n", 0, _MAX_LINE)
        if end < 0:
            if len(self._buffer) >= _MAX_LINE:
                raise _malformed(f"a line has at most {_MAX_LINE} octets")
            return None
        found = _LINE.match(bytes(self._buffer[:end]))
        if found is None:
            raise _malformed("the line is not as section 2.1 has it")
        if found[1] is None:
            self._connection = ProxiedConnection(ProxyCommand.PROXY)
            return end + 2
        kind = IPv4Address if found[1] == b"TCP4" else IPv6Address
        try:
            source, destination = kind(found[2].decode()), kind(found[3].decode())
        except ValueError:
            raise _malformed("an address is not well formed") from None
        source_port, destination_port = int(found[4]), int(found[5])
        if max(source_port, destination_port) > 65535:
            raise _malformed("a port is above 65535")
        self._connection = ProxiedConnection(
            ProxyCommand.PROXY, source, source_port, destination, destination_port
        )
        return end + 2

    def _read_binary(self) -> int | None:
        buffer = self._buffer
        # What is wrong is said with the octet that makes it so.
        if len(buffer) > 12 and buffer[12] not in (0x20, 0x21):
            raise _malformed("version and command are not 2 and LOCAL or PROXY")
        if len(buffer) > 13 and (buffer[13] >> 4 > 3 or buffer[13] & 0x0F > 2):
            raise _malformed("the address family or the transport is unknown")
        if len(buffer) < _HEAD:
            return None
        length = int.from_bytes(buffer[14:16], "big")
        if length > _MAX_LENGTH:
            raise _malformed(f"it announces {length} octets, more than {_MAX_LENGTH}")
        end = _HEAD + length
        if len(buffer) < end:
            return None
        self._connection = _binary_connection(
            buffer[12] & 0x0F, buffer[13], bytes(buffer[_HEAD:end])
        )
        return end


def _binary_connection(command: int, family: int, block: bytes) -> ProxiedConnection:
    # Section 2.2: with LOCAL, what stands in the block is to be ignored.
    if command == 0:
        return ProxiedConnection(ProxyCommand.LOCAL)
    match family:
        case 0x11:
            width = 4
        case 0x21:
            width = 16
        case _:
            # Unspecified, datagrams and Unix paths tell nothing about a client by TCP.
            return ProxiedConnection(ProxyCommand.PROXY)
    # Behind the addresses come TLVs, which are not needed here.
    size = 2 * width + 4
    if len(block) < size:
        raise _malformed(f"the addresses need {size} octets, {len(block)} are there")
    kind = IPv4Address if width == 4 else IPv6Address
    return ProxiedConnection(
        ProxyCommand.PROXY,
        kind(block[:width]),
        int.from_bytes(block[2 * width : 2 * width + 2], "big"),
        kind(block[width : 2 * width]),
        int.from_bytes(block[2 * width + 2 : size], "big"),
    )


def _malformed(text: str) -> RemoteProtocolError:
    return RemoteProtocolError(
        f"no PROXY header can be read: {text}",
        phase=Phase.CONNECT,
        hint="Let this peer send the PROXY protocol, or take it off the list of those that do.",
    )

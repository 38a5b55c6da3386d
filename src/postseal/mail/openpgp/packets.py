"""Packets, what all of OpenPGP is made of, and the armor around them (RFC 9580 4 and 6)."""

from __future__ import annotations

import re
from binascii import Error as Base64Error
from binascii import a2b_base64
from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum, unique
from typing import Final

from postseal.mail.openpgp.faults import InvalidPackets

__all__ = ["Packet", "PacketType", "dearmored", "packet_octets", "read_packets", "take_mpi"]

_MAX_PACKETS: Final = 20_000
_ARMOR: Final = re.compile(
    rb"^-----BEGIN PGP ([A-Z ]{1,40})-----[ \t]*+\r?\n"
    rb"(?:[^\r\n:]{1,80}: [^\r\n]*+\r?\n)*+[ \t]*+\r?\n"
    rb"([A-Za-z0-9+/=\r\n \t]*+)-----END PGP \1-----",
    re.MULTILINE,
)
# RFC 9580 6.1.1: the checksum behind the last line tells nobody anything.
_CHECKSUM: Final = re.compile(rb"\n=[A-Za-z0-9+/]{4}\s*+\Z")


@unique
class PacketType(IntEnum):
    """The packet type IDs of RFC 9580 5 that are told apart here."""

    PKESK = 1
    SIGNATURE = 2
    SKESK = 3
    ONE_PASS_SIGNATURE = 4
    SECRET_KEY = 5
    PUBLIC_KEY = 6
    SECRET_SUBKEY = 7
    COMPRESSED = 8
    SED = 9
    MARKER = 10
    LITERAL = 11
    TRUST = 12
    USER_ID = 13
    PUBLIC_SUBKEY = 14
    USER_ATTRIBUTE = 17
    SEIPD = 18
    PADDING = 21


# RFC 9580 4.2.1.4: only data may come in pieces, or end where the octets do.
_DATA: Final = (PacketType.COMPRESSED, PacketType.SED, PacketType.LITERAL, PacketType.SEIPD)


@dataclass(frozen=True, slots=True)
class Packet:
    """One packet: its type ID, its body, and all of its octets as they came."""

    type: int
    body: bytes
    octets: bytes


def dearmored(octets: bytes) -> bytes:
    """Take the first armor off; octets without one are given back.

    Raises `InvalidPackets` for armor that holds no base64.
    """
    found = _ARMOR.search(octets)
    if found is None:
        return octets
    base64 = _CHECKSUM.sub(b"", b"\n" + found[2])
    try:
        return a2b_base64(re.sub(rb"\s", b"", base64), strict_mode=True)
    except Base64Error:
        raise InvalidPackets("the armor holds no base64") from None


def read_packets(octets: bytes) -> tuple[Packet, ...]:
    """Split octets without armor into packets.

    Raises `InvalidPackets` where they end within one or are none, and for more than 20,000.
    """
    packets: list[Packet] = []
    position = 0
    while position < len(octets):
        if len(packets) == _MAX_PACKETS:
            raise InvalidPackets(f"more than {_MAX_PACKETS} packets")
        packet = _read_packet(octets, position)
        packets.append(packet)
        position += len(packet.octets)
    return tuple(packets)


def packet_octets(kind: PacketType, body: bytes) -> bytes:
    """Write a packet with a length of five octets (RFC 9580 4.2.1)."""
    return bytes((0xC0 | kind, 0xFF)) + len(body).to_bytes(4) + body


def take_mpi(octets: bytes, position: int) -> tuple[bytes, int]:
    """Read a multiprecision integer (RFC 9580 3.2); give its octets and the position behind."""
    size = (int.from_bytes(octets[position : position + 2]) + 7) // 8
    end = position + 2 + size
    if end > len(octets):
        raise InvalidPackets("a number ends too early")
    return octets[position + 2 : end], end


def _read_packet(octets: bytes, start: int) -> Packet:
    first = octets[start]
    if not first & 0x80:
        raise InvalidPackets(f"the octet at {start} begins no packet")
    if first & 0x40:
        kind, spans = first & 0x3F, tuple(_new_spans(octets, start + 1))
        if len(spans) > 1 and kind not in _DATA:
            raise InvalidPackets(f"the packet at {start} may not come in pieces")
    else:
        kind, spans = first >> 2 & 0x0F, (_old_span(octets, start + 1, first & 3),)
        if first & 3 == 3 and kind not in _DATA:
            raise InvalidPackets(f"the packet at {start} does not say its length")
    end = spans[-1][1]
    if end > len(octets):
        raise InvalidPackets(f"the packet at {start} ends too early")
    body = b"".join(octets[begin:behind] for begin, behind in spans)
    return Packet(kind, body, octets[start:end])


def _new_spans(octets: bytes, position: int) -> Iterator[tuple[int, int]]:
    """Give where each piece of a body begins and ends (RFC 9580 4.2.1)."""
    while True:
        first = octets[position] if position < len(octets) else 0
        if 224 <= first < 255:
            begin = position + 1
            position = begin + (1 << (first & 0x1F))
            if position >= len(octets):
                raise InvalidPackets("a packet ends within its pieces")
            yield begin, position
            continue
        if first < 192:
            begin, size = position + 1, first
        elif first < 224:
            begin = position + 2
            size = (first - 192 << 8) + int.from_bytes(octets[position + 1 : begin]) + 192
        else:
            begin = position + 5
            size = int.from_bytes(octets[position + 1 : begin])
        yield begin, max(begin, begin + size)
        return


def _old_span(octets: bytes, position: int, length_type: int) -> tuple[int, int]:
    """Give where a body begins and ends (RFC 9580 4.2.2)."""
    if length_type == 3:
        return position, len(octets)
    begin = position + (1 << length_type)
    return begin, begin + int.from_bytes(octets[position:begin])

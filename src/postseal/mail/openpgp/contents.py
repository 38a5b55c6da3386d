"""What is in a decrypted message: its octets, and the signatures over them (RFC 9580 10.3)."""

from __future__ import annotations

import bz2
import zlib
from dataclasses import dataclass
from typing import Final

from postseal.mail.openpgp.faults import CannotDecrypt, InvalidPackets
from postseal.mail.openpgp.packets import Packet, PacketType, read_packets
from postseal.mail.seal_status import DecryptionStatus

__all__ = ["Contents", "read_contents"]

_MAX_LAYERS: Final = 4
_IGNORED: Final = (PacketType.MARKER, PacketType.PADDING)
_RAW_DEFLATE: Final = -15


@dataclass(frozen=True, slots=True)
class Contents:
    """The octets of the literal data, and the signature packets beside them."""

    octets: bytes
    signatures: tuple[Packet, ...]


def read_contents(octets: bytes, *, max_octets: int) -> Contents:
    """Read a signed, compressed or literal message.

    Raises `CannotDecrypt`: REFUSED where any layer is decompressed to more than `max_octets`,
    DAMAGED for anything that is no such message or holds more than one.
    """
    try:
        packets = _undone(octets, max_octets)
        return _contents(packets)
    except InvalidPackets as error:
        raise _malformed(error.text) from None


def _undone(octets: bytes, max_octets: int) -> list[Packet]:
    for _ in range(_MAX_LAYERS):
        packets = [each for each in read_packets(octets) if each.type not in _IGNORED]
        if len(packets) != 1 or packets[0].type != PacketType.COMPRESSED:
            return packets
        octets = _decompressed(packets[0].body, max_octets)
    raise _malformed("compressed over and over")


def _contents(packets: list[Packet]) -> Contents:
    """Take prefix signatures, one-pass signatures and one literal packet apart, in that order."""
    literal = [index for index, each in enumerate(packets) if each.type == PacketType.LITERAL]
    if len(literal) != 1:
        raise _malformed(f"{len(literal)} literal packets")
    before, after = packets[: literal[0]], packets[literal[0] + 1 :]
    begun = [each for each in before if each.type == PacketType.ONE_PASS_SIGNATURE]
    prefixed = [each for each in before if each.type == PacketType.SIGNATURE]
    if len(begun) + len(prefixed) != len(before) or len(begun) != len(after):
        raise _malformed("packets that belong to no signature")
    if any(each.type != PacketType.SIGNATURE for each in after):
        raise _malformed("something behind the literal data")
    body = packets[literal[0]].body
    start = 6 + (body[1] if len(body) > 1 else 0)
    if len(body) < start:
        raise _malformed("literal data that end too early")
    return Contents(body[start:], (*prefixed, *after))


def _decompressed(body: bytes, max_octets: int) -> bytes:
    """Undo one compression (RFC 9580 5.6), and stop where it grows too large."""
    method = body[0] if body else 0
    try:
        match method:
            case 0:
                octets, is_whole = body[1:], True
            case 1 | 2:
                inflater = zlib.decompressobj(_RAW_DEFLATE if method == 1 else zlib.MAX_WBITS)
                octets = inflater.decompress(body[1:], max_octets + 1)
                is_whole = inflater.eof
            case 3:
                unzipper = bz2.BZ2Decompressor()
                octets = unzipper.decompress(body[1:], max_octets + 1)
                is_whole = unzipper.eof
            case _:
                raise _malformed(f"compression {method}")
    except (zlib.error, OSError):
        raise _malformed("damaged compression") from None
    if len(octets) > max_octets:
        raise CannotDecrypt(
            f"the message is more than {max_octets} octets when it is decompressed",
            DecryptionStatus.REFUSED,
        )
    if not is_whole:
        raise _malformed("compression that ends too early")
    return octets


def _malformed(what: str) -> CannotDecrypt:
    return CannotDecrypt(
        f"the decrypted data are no OpenPGP message: {what}", DecryptionStatus.DAMAGED
    )

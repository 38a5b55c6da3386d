"""What is in decrypted data: one literal packet and its signatures, and no more than is allowed."""

from __future__ import annotations

import bz2
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postseal.mail.openpgp import DecryptionStatus
from postseal.mail.openpgp.contents import read_contents
from postseal.mail.openpgp.faults import CannotDecrypt
from postseal.mail.openpgp.packets import PacketType, packet_octets

LITERAL = packet_octets(PacketType.LITERAL, b"b\x01f\0\0\0\0Hello")
ONE_PASS = packet_octets(PacketType.ONE_PASS_SIGNATURE, b"\x03")
SIGNATURE = packet_octets(PacketType.SIGNATURE, b"\x04")
PADDING = packet_octets(PacketType.PADDING, bytes(20))


def deflated(octets: bytes, *, bits: int = -15) -> bytes:
    deflater = zlib.compressobj(9, zlib.DEFLATED, bits)
    return deflater.compress(octets) + deflater.flush()


def compressed(octets: bytes, method: int = 1) -> bytes:
    body = {
        0: lambda: octets,
        1: lambda: deflated(octets),
        2: lambda: deflated(octets, bits=15),
        3: lambda: bz2.compress(octets),
    }[method]()
    return packet_octets(PacketType.COMPRESSED, bytes((method,)) + body)


@pytest.mark.parametrize(
    ("octets", "signatures"),
    [
        (LITERAL, 0),
        (PADDING + LITERAL + PADDING, 0),
        (ONE_PASS + LITERAL + SIGNATURE, 1),
        (ONE_PASS + ONE_PASS + LITERAL + SIGNATURE + SIGNATURE, 2),
        (SIGNATURE + LITERAL, 1),
        (compressed(compressed(ONE_PASS + LITERAL + SIGNATURE)), 1),
        *((compressed(LITERAL, method), 0) for method in range(4)),
    ],
)
def test_what_is_inside(octets: bytes, signatures: int) -> None:
    contents = read_contents(octets, max_octets=1000)
    assert (contents.octets, len(contents.signatures)) == (b"Hello", signatures)


@pytest.mark.parametrize(
    "octets",
    [
        b"",
        b"Hello",
        SIGNATURE,
        LITERAL + LITERAL,
        LITERAL + SIGNATURE,
        ONE_PASS + LITERAL,
        ONE_PASS + LITERAL + LITERAL,
        ONE_PASS + LITERAL + ONE_PASS,
        packet_octets(PacketType.SEIPD, b"\x01") + LITERAL,
        packet_octets(PacketType.LITERAL, b""),
        packet_octets(PacketType.LITERAL, b"b\xff\0\0\0\0"),
        packet_octets(PacketType.COMPRESSED, b""),
        packet_octets(PacketType.COMPRESSED, b"\x01Hello"),
        packet_octets(PacketType.COMPRESSED, b"\x03Hello"),
        packet_octets(PacketType.COMPRESSED, b"\x09Hello"),
        packet_octets(PacketType.COMPRESSED, b"\x01" + deflated(LITERAL)[:-3]),
        compressed(compressed(compressed(compressed(LITERAL)))),
    ],
)
def test_what_is_no_message(octets: bytes) -> None:
    with pytest.raises(CannotDecrypt) as caught:
        read_contents(octets, max_octets=1000)
    assert caught.value.status is DecryptionStatus.DAMAGED


@pytest.mark.parametrize("method", [1, 2, 3])
@pytest.mark.parametrize("layers", [1, 2])
def test_a_message_that_grows_without_end_is_stopped(method: int, layers: int) -> None:
    octets = packet_octets(PacketType.LITERAL, bytes(5_000_000))
    for _ in range(layers):
        octets = compressed(octets, method)
    assert len(octets) < 100_000
    with pytest.raises(CannotDecrypt) as caught:
        read_contents(octets, max_octets=100_000)
    assert caught.value.status is DecryptionStatus.REFUSED


@given(st.lists(st.sampled_from([LITERAL, ONE_PASS, SIGNATURE, PADDING, compressed(LITERAL)])))
def test_any_packets_are_a_message_or_refused(packets: list[bytes]) -> None:
    try:
        contents = read_contents(b"".join(packets), max_octets=1000)
    except CannotDecrypt as error:
        assert error.status is DecryptionStatus.DAMAGED  # noqa: PT017 # or it is none, and read
        return
    assert contents.octets == b"Hello"


@given(st.binary(max_size=100))
def test_any_octets_are_a_message_or_refused(octets: bytes) -> None:
    try:
        contents = read_contents(octets, max_octets=1000)
    except CannotDecrypt:
        return
    assert len(contents.octets) <= 1000

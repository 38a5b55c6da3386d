"""Packets and armor: each form of length, and nothing else than packets or InvalidPackets."""

from __future__ import annotations

from base64 import b64encode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postseal.mail.openpgp.faults import InvalidPackets
from postseal.mail.openpgp.key_packets import KeyPacket
from postseal.mail.openpgp.packets import (
    PacketType,
    dearmored,
    packet_octets,
    read_packets,
    take_mpi,
)
from postseal.mail.openpgp.session_keys import SealedSessionKey

LONG = bytes(range(256)) * 40


@pytest.mark.parametrize(
    ("octets", "body"),
    [
        (b"\xcd\x03Ada", b"Ada"),
        (b"\xcd\xc0\x00" + LONG[:192], LONG[:192]),
        (b"\xcd\xdf\xff" + LONG[:8383], LONG[:8383]),
        (b"\xcd\xff\x00\x00\x00\x03Ada", b"Ada"),
        (b"\xb4\x03Ada", b"Ada"),
        (b"\xb5\x00\x03Ada", b"Ada"),
        (b"\xb6\x00\x00\x00\x03Ada", b"Ada"),
    ],
)
def test_each_form_of_length(octets: bytes, body: bytes) -> None:
    (packet,) = read_packets(octets)
    assert (packet.type, packet.body, packet.octets) == (PacketType.USER_ID, body, octets)
    first, second = read_packets(octets * 2)
    assert first == second == packet


def test_data_may_come_in_pieces() -> None:
    octets = b"\xcb\xe1Ad\xe0a\x02!!"
    (packet, other) = read_packets(octets + b"\xcd\x00")
    assert (packet.body, packet.octets) == (b"Ada!!", octets)
    assert other.body == b""


def test_data_of_the_old_form_may_end_with_the_octets() -> None:
    (packet,) = read_packets(b"\xa3anything")
    assert (packet.type, packet.body) == (PacketType.COMPRESSED, b"anything")


@pytest.mark.parametrize(
    "octets",
    [
        b"\x0d\x00",
        b"\xcd",
        b"\xcd\x04Ada",
        b"\xcd\xc0",
        b"\xcd\xff\x00\x00",
        b"\xcd\xff\xff\xff\xff\xffAda",
        b"\xcd\xe0A\x00",
        b"\xcb\xe4Ada",
        b"\xcb\xe0A",
        b"\xb7Ada",
        b"\xcd\x00" * 20_001,
    ],
)
def test_what_is_no_packets_is_refused(octets: bytes) -> None:
    with pytest.raises(InvalidPackets):
        read_packets(octets)


@given(st.sampled_from(PacketType), st.binary(max_size=300))
def test_what_is_written_is_read(kind: PacketType, body: bytes) -> None:
    (packet,) = read_packets(packet_octets(kind, body))
    assert (packet.type, packet.body) == (kind, body)


@given(st.binary(max_size=200))
def test_any_octets_are_packets_that_make_them_up_or_refused(octets: bytes) -> None:
    try:
        packets = read_packets(octets)
    except InvalidPackets:
        return
    assert b"".join(packet.octets for packet in packets) == octets


@given(st.binary(max_size=80), st.booleans())
def test_any_body_is_a_key_or_refused(body: bytes, is_secret: bool) -> None:
    try:
        key = KeyPacket.read(b"\x04" + body, is_secret=is_secret)
    except InvalidPackets:
        return
    assert len(key.fingerprint) == 40
    assert key.fingerprint.endswith(key.key_id)


@given(st.binary(max_size=80))
def test_any_body_is_a_session_key_or_refused(body: bytes) -> None:
    try:
        sealed = SealedSessionKey.read(body)
    except InvalidPackets:
        return
    (hidden,) = read_packets(sealed.hidden())
    again = SealedSessionKey.read(hidden.body)
    assert (again.recipient, again.algorithm, again.fields) == ("", sealed.algorithm, sealed.fields)


def armor(octets: bytes, *, kind: str = "MESSAGE", header: str = "", end: str = "") -> bytes:
    text = b64encode(octets).decode("ascii")
    lines = "\n".join(text[at : at + 64] for at in range(0, len(text), 64))
    return (
        f"-----BEGIN PGP {kind}-----\n{header}\n{lines}\n{end}-----END PGP {kind}-----\n".encode()
    )


@pytest.mark.parametrize("header", ["", "Version: 1\n", "Comment: ä: b\nHash: SHA1\n"])
@pytest.mark.parametrize("end", ["", "=a+/Z\n"])
@pytest.mark.parametrize("kind", ["MESSAGE", "PUBLIC KEY BLOCK"])
def test_armor_comes_off(header: str, end: str, kind: str) -> None:
    armored = armor(LONG, kind=kind, header=header, end=end)
    assert dearmored(armored) == LONG
    assert dearmored(b"See this:\r\n" + armored.replace(b"\n", b"\r\n") + b"Bye") == LONG
    assert dearmored(armored + armor(b"other")) == LONG


def test_octets_without_armor_are_given_back() -> None:
    assert dearmored(LONG) == LONG
    assert dearmored(b"-----BEGIN PGP MESSAGE-----\n") == b"-----BEGIN PGP MESSAGE-----\n"


def test_armor_without_base64_is_refused() -> None:
    with pytest.raises(InvalidPackets, match="base64"):
        dearmored(armor(b"").replace(b"\n\n", b"\n\nQQ=Q"))


@pytest.mark.parametrize("octets", [b"", b"\x00", b"\x00\x09\x01"])
def test_a_number_that_ends_too_early_is_refused(octets: bytes) -> None:
    if octets == b"":
        assert take_mpi(octets + b"\0\0", 0) == (b"", 2)
        return
    with pytest.raises(InvalidPackets):
        take_mpi(octets, 0)

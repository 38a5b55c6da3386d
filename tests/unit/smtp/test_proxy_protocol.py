"""The PROXY protocol header, in its two versions, whole and in pieces, right and wrong."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postseal.errors import LocalProtocolError, Phase, RemoteProtocolError
from postseal.smtp.proxy_protocol import ProxiedConnection, ProxyCommand, ProxyHeaderReader
from tests.parts.splits import byte_by_byte, segments

SIGNATURE = b"\r\n\r\n\x00\r\nQUIT\n"
V4 = ProxiedConnection(
    ProxyCommand.PROXY, IPv4Address("192.0.2.1"), 56324, IPv4Address("198.51.100.2"), 25
)
V6 = ProxiedConnection(
    ProxyCommand.PROXY, IPv6Address("2001:db8::1"), 56324, IPv6Address("2001:db8::2"), 25
)
UNKNOWN = ProxiedConnection(ProxyCommand.PROXY)
LOCAL = ProxiedConnection(ProxyCommand.LOCAL)


def binary(kind: bytes, block: bytes = b"") -> bytes:
    return SIGNATURE + kind + len(block).to_bytes(2, "big") + block


BLOCK_4 = bytes((192, 0, 2, 1, 198, 51, 100, 2)) + b"\xdc\x04\x00\x19"
BLOCK_6 = IPv6Address("2001:db8::1").packed + IPv6Address("2001:db8::2").packed + BLOCK_4[8:]
TLV = b"\x04\x00\x02\x00\x00" + b"\x01\x00\x04smtp"

HEADERS = [
    (b"PROXY TCP4 192.0.2.1 198.51.100.2 56324 25\r\n", V4),
    (b"PROXY TCP6 2001:db8::1 2001:db8::2 56324 25\r\n", V6),
    # Section 2.1: whatever stands behind UNKNOWN is ignored.
    (b"PROXY UNKNOWN\r\n", UNKNOWN),
    (b"PROXY UNKNOWN ffff:f::1 ffff:f::2 65535 65535\r\n", UNKNOWN),
    (binary(b"\x21\x11", BLOCK_4), V4),
    (binary(b"\x21\x21", BLOCK_6), V6),
    (binary(b"\x21\x11", BLOCK_4 + TLV), V4),
    (binary(b"\x21\x21", BLOCK_6 + TLV), V6),
    (binary(b"\x20\x00"), LOCAL),
    (binary(b"\x20\x11", BLOCK_4), LOCAL),
    (binary(b"\x21\x00"), UNKNOWN),
    (binary(b"\x21\x00", TLV), UNKNOWN),
    # Datagrams, and two Unix paths.
    (binary(b"\x21\x12", BLOCK_4), UNKNOWN),
    (binary(b"\x21\x31", b"\x00" * 216), UNKNOWN),
    (binary(b"\x21\x00", b"\x00" * 520), UNKNOWN),
]


@pytest.mark.parametrize(("header", "connection"), HEADERS)
@pytest.mark.parametrize("rest", [b"", b"EHLO a\r\n", b"PROXY UNKNOWN\r\n"])
def test_reads_a_header(header: bytes, connection: ProxiedConnection, rest: bytes) -> None:
    reader = ProxyHeaderReader()
    assert reader.receive(header + rest) == connection
    assert reader.rest == rest
    with pytest.raises(LocalProtocolError, match="read already"):
        reader.receive(b"x")


@pytest.mark.parametrize(("header", "connection"), HEADERS)
def test_reads_a_header_byte_by_byte(header: bytes, connection: ProxiedConnection) -> None:
    reader = ProxyHeaderReader()
    *before, last = byte_by_byte(header)
    assert [reader.receive(octet) for octet in before] == [None] * len(before)
    assert reader.receive(last) == connection
    assert reader.rest == b""


def feed(reader: ProxyHeaderReader, pieces: list[bytes]) -> None:
    for piece in pieces:
        assert reader.receive(piece) is None


@pytest.mark.parametrize(
    ("octets", "says"),
    [
        (b"EHLO a\r\n", "does not begin with one"),
        (b"\x16\x03\x01", "does not begin with one"),
        (b"proxy UNKNOWN\r\n", "does not begin with one"),
        (b"\r\n\r\n\x00\r\nQUIT\r", "does not begin with one"),
        (b"PROXY \r\n", "section 2.1"),
        (b"PROXY TCP5 1.2.3.4 1.2.3.4 1 2\r\n", "section 2.1"),
        (b"PROXY TCP4 1.2.3.4 1.2.3.4 1\r\n", "section 2.1"),
        (b"PROXY TCP4  1.2.3.4 1.2.3.4 1 2\r\n", "section 2.1"),
        (b"PROXY TCP4 1.2.3.4 1.2.3.4 01 2\r\n", "section 2.1"),
        (b"PROXY TCP4 1.2.3.4 1.2.3.4 +1 2\r\n", "section 2.1"),
        (b"PROXY TCP4 1.2.3.4 1.2.3.4 1 2 \r\n", "section 2.1"),
        (b"PROXY UNKNOWNS\r\n", "section 2.1"),
        (b"PROXY UNKNOWN a\nb\r\n", "section 2.1"),
        (b"PROXY TCP4 1.2.3.256 1.2.3.4 1 2\r\n", "an address"),
        (b"PROXY TCP4 ::1 ::1 1 2\r\n", "an address"),
        (b"PROXY TCP6 1.2.3.4 1.2.3.4 1 2\r\n", "an address"),
        (b"PROXY TCP4 1.2.3.4 1.2.3.4 1 65536\r\n", "a port is above 65535"),
        (b"PROXY UNKNOWN " + b"x" * 93, "at most 107"),
        (b"PROXY UNKNOWN " + b"x" * 92 + b"\r\n", "at most 107"),
        (SIGNATURE + b"\x11", "version and command"),
        (SIGNATURE + b"\x22", "version and command"),
        (SIGNATURE + b"\x21\x41", "family or the transport"),
        (SIGNATURE + b"\x21\x13", "family or the transport"),
        (SIGNATURE + b"\x21\x11\x02\x09", "announces 521 octets"),
        (SIGNATURE + b"\x21\x11\xff\xff", "announces 65535 octets"),
        (binary(b"\x21\x11", BLOCK_4[:-1]), "need 12 octets, 11 are there"),
        (binary(b"\x21\x21", BLOCK_4), "need 36 octets, 12 are there"),
    ],
)
@pytest.mark.parametrize("cut", [lambda octets: [octets], byte_by_byte], ids=["whole", "bytes"])
def test_what_is_no_header_is_told(octets: bytes, says: str, cut: object) -> None:
    assert callable(cut)
    reader = ProxyHeaderReader()
    with pytest.raises(RemoteProtocolError, match=says) as caught:
        feed(reader, cut(octets))
    assert caught.value.phase is Phase.CONNECT
    assert caught.value.hint
    # It is not tried again with what follows.
    with pytest.raises(LocalProtocolError):
        reader.receive(b"PROXY UNKNOWN\r\n")


def test_the_longest_line() -> None:
    line = b"PROXY UNKNOWN ".ljust(105, b"x") + b"\r\n"
    assert ProxyHeaderReader().receive(line) == UNKNOWN


def outcome(pieces: list[bytes]) -> tuple[object, bytes]:
    reader = ProxyHeaderReader()
    rest = b""
    found: ProxiedConnection | None = None
    for piece in pieces:
        if found is not None:
            rest += piece
            continue
        try:
            found = reader.receive(piece)
        except RemoteProtocolError as error:
            return str(error), b""
    return found, reader.rest + rest


@given(
    st.data(),
    st.one_of(
        st.binary(max_size=60),
        st.binary(max_size=600).map(lambda octets: SIGNATURE + octets),
        st.builds(
            binary,
            st.sampled_from([b"\x20\x00", b"\x21\x11", b"\x21\x21", b"\x21\x31"]),
            st.binary(max_size=600),
        ),
        st.text("PROXYTCUNKW46 .:0129af\r\n", max_size=120).map(
            lambda text: b"PROXY " + text.encode()
        ),
        st.sampled_from([header for header, _ in HEADERS]),
    ),
    st.binary(max_size=10),
)
def test_any_octets_give_a_connection_or_that_error(
    data: st.DataObject, octets: bytes, behind: bytes
) -> None:
    stream = octets + behind
    whole = outcome([stream])
    for pieces in (byte_by_byte(stream), data.draw(segments(stream))):
        found = outcome(pieces)
        # Which of two faults is told first may depend on the cut; that there is one may not.
        assert isinstance(found[0], str) == isinstance(whole[0], str)
        if not isinstance(whole[0], str):
            assert found == whole
    # Whoever goes on for long has said it by then.
    if len(stream) >= 536:
        assert whole[0] is not None

"""What a ClientHello asks for: as OpenSSL writes it, as a hand may write it, and any octets."""

from __future__ import annotations

import ssl
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postseal.tls.client_hello import ClientHello, ClientHelloReader, UnreadableHello
from tests.parts.tls_records import RecordType, client_hello, extension, record, vector

SERVER_NAME = 0
PROTOCOLS = 16
EARLY_DATA = 42


def by_openssl(name: str | None, *protocols: str) -> bytes:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    if protocols:
        context.set_alpn_protocols(protocols)
    outgoing = ssl.MemoryBIO()
    tls = context.wrap_bio(ssl.MemoryBIO(), outgoing, server_hostname=name)
    with pytest.raises(ssl.SSLWantReadError):
        tls.do_handshake()
    return outgoing.read()


def names(*hosts: bytes, kind: int = 0) -> bytes:
    """The extension server_name (RFC 6066 3)."""
    return extension(SERVER_NAME, vector(b"".join(bytes([kind]) + vector(h) for h in hosts)))


@pytest.mark.parametrize(
    ("name", "protocols"),
    [
        ("mail.example.org", ()),
        ("mail.example.org", ("h2", "http/1.1")),
        ("MAIL.Example.ORG", ("smtp",)),
        ("xn--bcher-kva.example", ()),
        (None, ("h2",)),
        # RFC 6066 3: addresses are not sent.
        ("192.0.2.1", ()),
        (None, ()),
    ],
)
@pytest.mark.parametrize("piece", [1, 6, 1 << 20])
def test_what_openssl_asks_for(name: str | None, protocols: tuple[str, ...], piece: int) -> None:
    said = by_openssl(name, *protocols)
    reader = ClientHelloReader()
    read = [reader.feed(said[at : at + piece]) for at in range(0, len(said), piece)]
    expected = name.lower() if name and not name[0].isdigit() else None
    assert read[-1] == ClientHello(expected, tuple(one.encode() for one in protocols))
    assert set(read[:-1]) <= {None}


def test_a_message_may_come_in_many_records() -> None:
    # RFC 8446 5.1: handshake messages may be fragmented.
    message = by_openssl("mail.example.org")[5:]
    said = b"".join(
        record(RecordType.HANDSHAKE, message[at : at + 10]) for at in range(0, len(message), 10)
    )
    assert ClientHelloReader().feed(said) == ClientHello("mail.example.org")


def test_all_that_an_answer_by_hand_needs() -> None:
    said = by_openssl("mail.example.org", "smtp")
    hello = ClientHelloReader().feed(said)
    assert hello is not None
    assert hello.message == said[5:]
    assert hello.random == said[11:43]
    assert hello.session_id == said[44 : 44 + said[43]]
    assert 0x1301 in hello.suites
    assert dict(hello.extensions)[PROTOCOLS] == vector(vector(b"smtp", 1))


@pytest.mark.parametrize(
    "behind",
    [
        record(RecordType.CHANGE_CIPHER_SPEC, b"\x01"),
        record(RecordType.APPLICATION_DATA, b"x" * 100),
        record(RecordType.HANDSHAKE, bytes(16_000)) * 3,
        b"\0" * 100,
    ],
    ids=["change_cipher_spec", "early data", "handshake", "no record"],
)
@pytest.mark.parametrize("piece", [1, 1 << 20])
def test_what_follows_is_not_looked_at(behind: bytes, piece: int) -> None:
    # Anybody on the way can append it; the name and the protocols are no others for that.
    said = client_hello(names(b"a.example")) + behind
    pieces = [said[at : at + piece] for at in range(0, len(said), piece)]
    assert outcome(ClientHelloReader(), pieces) == ClientHello("a.example")


@pytest.mark.parametrize("more", [12_759, 12_768, 12_769])
def test_the_longest_hello_is_the_same_in_any_pieces(more: int) -> None:
    # 32 KiB in two records. What counts is what they hold, and not their headers too.
    message = b"\x01" + (20_000 + more - 4).to_bytes(3) + b"\x03\x03" + bytes(20_000 + more - 6)
    said = record(RecordType.HANDSHAKE, message[:20_000])
    said += record(RecordType.HANDSHAKE, message[20_000:])
    whole = outcome(ClientHelloReader(), [said])
    octet_by_octet = [said[at : at + 1] for at in range(len(said))]
    assert outcome(ClientHelloReader(), octet_by_octet) == whole
    assert (whole == "unreadable") is (20_000 + more > 32 * 1024)


@pytest.mark.parametrize(
    ("said", "name"),
    [
        (client_hello(), None),
        (client_hello(None), None),
        # Neither shown nor compared: what no host is called.
        (client_hello(names(b"a\0b.example")), None),
        (client_hello(names(b"a b.example")), None),
        (client_hello(names("bücher.example".encode())), None),
        (client_hello(names(b"a.example\r\n250 ok")), None),
        (client_hello(names(b".example")), None),
        (client_hello(names(b"a" * 254)), None),
        (client_hello(names(b"")), None),
        (client_hello(names()), None),
        (client_hello(names(b"a.example", kind=1)), None),
        # RFC 6066 3: one name of a type; the first counts.
        (client_hello(names(b"a.example", b"b.example")), "a.example"),
        (client_hello(names(b"a_b-c.example")), "a_b-c.example"),
    ],
)
def test_names_that_are_none(said: bytes, name: str | None) -> None:
    assert ClientHelloReader().feed(said) == ClientHello(name)


@pytest.mark.parametrize(
    "said",
    [
        b"EHLO x\r\n",
        record(RecordType.ALERT, b"\x02\x28"),
        record(RecordType.APPLICATION_DATA, b"x" * 20),
        # ServerHello; a length beyond all measure; vectors that reach over their end.
        record(RecordType.HANDSHAKE, b"\x02\x00\x00\x00"),
        record(RecordType.HANDSHAKE, b"\x01\xff\xff\xff"),
        record(RecordType.HANDSHAKE, b"\x01\x00\x00\x01\x03"),
        client_hello(extension(SERVER_NAME, b"\x00\x09\x00")),
        client_hello(extension(PROTOCOLS, vector(b"\x09h2"))),
        client_hello(b"\x00\x00\x00"),
    ],
    ids=range(9),
)
def test_what_is_no_hello(said: bytes) -> None:
    with pytest.raises(UnreadableHello):
        ClientHelloReader().feed(said)


def test_an_endless_hello_is_not_collected() -> None:
    reader = ClientHelloReader()
    reader.feed(record(RecordType.HANDSHAKE, b"\x01\x00\x7f\x00" + bytes(16_000)))
    reader.feed(record(RecordType.HANDSHAKE, bytes(16_000)))
    with pytest.raises(UnreadableHello):
        reader.feed(record(RecordType.HANDSHAKE, bytes(16_000)))
    # Nor are records without anything in them: OpenSSL will not have them.
    empty = ClientHelloReader()
    assert empty.feed(record(RecordType.HANDSHAKE, b"") * 1000) is None


@given(st.binary(max_size=300), st.lists(st.integers(0, 300), max_size=5))
def test_any_octets(tail: bytes, cuts: list[int]) -> None:
    for said in (tail, client_hello(tail), client_hello(names(tail)), by_hand(tail)):
        whole = outcome(ClientHelloReader(), [said])
        edges = [0, *sorted(cuts), len(said)]
        pieces = [said[a:b] for a, b in pairwise(edges)]
        assert outcome(ClientHelloReader(), pieces) == whole


def by_hand(body: bytes) -> bytes:
    return record(RecordType.HANDSHAKE, b"\x01" + len(body).to_bytes(3) + body)


def outcome(reader: ClientHelloReader, pieces: list[bytes]) -> ClientHello | str | None:
    """What comes of the first pieces that say anything."""
    try:
        for piece in pieces:
            if (hello := reader.feed(piece)) is not None:
                return hello
    except UnreadableHello:
        return "unreadable"
    return None

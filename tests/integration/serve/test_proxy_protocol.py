"""A balancer in front of a listener says who its clients are, and nobody else may."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from ipaddress import IPv4Address, IPv6Address, ip_network
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from postseal.send.networks.network import Stream
from postseal.serve.listener import Patience
from postseal.serve.proxied import arrive, client_ip
from postseal.serve.storage import Store
from postseal.smtp.rules import Offer, ServerRules
from postseal.tls import Opening
from tests.integration.serve.listening import IN_CLEAR, OpenListener, Rules, auth_plain
from tests.parts.certificates import ServerCertificate
from tests.parts.eventually import eventually
from tests.parts.house import keep_house
from tests.parts.raw_client import RawClient

BALANCERS = (ip_network("127.0.0.0/8"),)
BEHIND = Rules(session=IN_CLEAR, proxies=BALANCERS)
IMPLICIT = Rules(
    opening=Opening.IMPLICIT,
    session=ServerRules("mail.test", Offer.UNAVAILABLE, Offer.REQUIRED),
    proxies=BALANCERS,
)

V1 = b"PROXY TCP4 192.0.2.7 198.51.100.2 56324 25\r\n"
V2 = (
    b"\r\n\r\n\x00\r\nQUIT\n\x21\x21\x00\x24"
    + IPv6Address("2001:db8::7").packed
    + IPv6Address("2001:db8::2").packed
    + b"\xdc\x04\x00\x19"
)
LOCAL = b"\r\n\r\n\x00\r\nQUIT\n\x20\x00\x00\x00"


async def _mail(client: RawClient) -> str:
    assert (await client.ask("EHLO client.test")).startswith("250-mail.test")
    assert (await client.ask("MAIL FROM:<ada@example.com>")).startswith("250 ")
    assert (await client.ask("RCPT TO:<bob@example.org>")).startswith("250 ")
    assert (await client.ask("DATA")).startswith("354 ")
    taken = await client.ask("Subject: hello\r\n\r\nhello\r\n.")
    assert taken.startswith("250 2.0.0 queued as ")
    return taken.rsplit(" ", 1)[1]


async def _client_of(store: Store, message_id: str) -> tuple[str, bytes]:
    """Who is said to have brought a message: in our books, and in its Received field."""
    found = await store.get_message(message_id)
    assert found is not None
    content = b"".join([piece async for piece in store.content(message_id)])
    return found.reception.client_address, content.split(b"\r\n")[0]


@pytest.mark.parametrize(
    ("header", "address", "written"),
    [
        (V1, "192.0.2.7", b"[192.0.2.7]"),
        (V2, "2001:db8::7", b"[IPv6:2001:db8::7]"),
        # What the balancer does for itself, or cannot tell, stays its own.
        (LOCAL, "127.0.0.1", b"[127.0.0.1]"),
        (b"PROXY UNKNOWN\r\n", "127.0.0.1", b"[127.0.0.1]"),
    ],
    ids=["v1", "v2", "local", "unknown"],
)
async def test_the_client_is_whom_the_balancer_names(
    open_listener: OpenListener, store: Store, header: bytes, address: str, written: bytes
) -> None:
    listener = await open_listener(BEHIND)
    with capture_logs() as logs:
        async with await RawClient.connect(listener.port) as client:
            await client.send(header)
            assert await client.hear() == "220 mail.test ESMTP Postseal"
            message_id = await _mail(client)
            await client.ask("QUIT")
        async with await RawClient.connect(listener.port) as client:
            await client.send(header)
            await client.hear()
            await client.ask("EHLO client.test")
            # What ends a session is logged, with whose it was.
            await client.say("GET / HTTP/1.1")
            await client.rest()
    assert await _client_of(store, message_id) == (
        address,
        b"Received: from client.test (" + written + b")",
    )
    assert [log["client"] for log in logs if log["event"] == "session broken off"] == [address]


@pytest.mark.parametrize("header", [V1, V2], ids=["v1", "v2"])
async def test_a_header_may_come_in_pieces(open_listener: OpenListener, header: bytes) -> None:
    listener = await open_listener(BEHIND)
    async with await RawClient.connect(listener.port) as client:
        for octet in header:
            await client.send(bytes((octet,)))
            await asyncio.sleep(0)
        assert (await client.hear()).startswith("220 ")


async def test_TLS_begins_behind_the_header(
    open_listener: OpenListener, store: Store, certificate: ServerCertificate
) -> None:
    listener = await open_listener(IMPLICIT)
    async with await RawClient.connect(listener.port) as client:
        await client.send(V1)
        await client.start_tls(certificate.ca_file)
        assert (await client.hear()).startswith("220 ")
        assert (await client.ask("EHLO client.test")).startswith("250-mail.test")
        assert (await client.ask(auth_plain())).startswith("235 ")
        address, _ = await _client_of(store, await _mail(client))
    assert address == "192.0.2.7"


async def test_the_first_record_of_TLS_may_come_in_the_segment_of_the_header(
    open_listener: OpenListener, certificate: ServerCertificate
) -> None:
    listener = await open_listener(IMPLICIT)
    reader, writer = await asyncio.open_connection("127.0.0.1", listener.port)
    hello = bytearray()
    # The header is held back until the ClientHello is there, and goes out in front of it.
    write = writer.transport.write
    writer.transport.write = hello.extend  # type: ignore[method-assign,assignment]

    async def send_together() -> None:
        await eventually(lambda: bool(hello), what="a ClientHello")
        writer.transport.write = write  # type: ignore[method-assign]
        write(V1 + bytes(hello))

    client = RawClient(reader, writer)
    async with client:
        await asyncio.gather(send_together(), client.start_tls(certificate.ca_file))
        assert (await client.hear()).startswith("220 ")


@pytest.mark.parametrize(
    ("said", "told"),
    [
        (b"EHLO client.test\r\n", "the connection does not begin with one"),
        (b"\x16\x03\x01\x02\x00", "the connection does not begin with one"),
        (b"PROXY TCP4 192.0.2.7\r\n", "the line is not as section 2.1 has it"),
        (b"PROXY TCP4 " + b"1" * 200, "a line has at most 107 octets"),
        (V2[:14] + b"\xff\xff" + V2[16:], "it announces 65535 octets, more than 520"),
        (b"", "the peer left before its PROXY header"),
    ],
    ids=["none", "tls", "malformed", "long line", "long block", "nothing"],
)
@pytest.mark.parametrize("rules", [BEHIND, IMPLICIT], ids=["starttls", "implicit"])
async def test_a_balancer_without_a_header_is_turned_away(
    open_listener: OpenListener, rules: Rules, said: bytes, told: str
) -> None:
    listener = await open_listener(rules)
    with capture_logs() as logs:
        async with await RawClient.connect(listener.port) as client:
            await client.send(said)
            if not said:
                await client.end()
            # Not a word: whoever it is, it is not told what listens here.
            assert await client.rest() == b""
    assert [told in str(log["error"]) for log in logs] == [True]


@pytest.mark.parametrize("said", [b"", b"PROXY TCP4 ", V2[:20]], ids=["nothing", "v1", "v2"])
async def test_a_header_that_does_not_come_is_not_waited_for(
    open_listener: OpenListener, said: bytes
) -> None:
    listener = await open_listener(replace(BEHIND, patience=Patience(proxy_header=0.1)))
    with capture_logs() as logs:
        async with await RawClient.connect(listener.port) as client:
            await client.send(said)
            assert await client.rest() == b""
    assert ["no PROXY header came in time" in log["error"] for log in logs] == [True]


async def test_what_comes_with_the_header_was_said_before_the_greeting(
    open_listener: OpenListener,
) -> None:
    listener = await open_listener(BEHIND)
    async with await RawClient.connect(listener.port) as client:
        await client.send(V1 + b"EHLO client.test\r\n")
        assert await client.rest() == b"554 5.5.0 data was sent before the greeting\r\n"


@pytest.mark.parametrize("header", [V1, V2, LOCAL], ids=["v1", "v2", "local"])
async def test_a_header_from_anybody_else_is_no_SMTP(
    open_listener: OpenListener, header: bytes
) -> None:
    listener = await open_listener(
        Rules(session=IN_CLEAR, proxies=(ip_network("192.0.2.0/24"), ip_network("2001:db8::/32")))
    )
    async with await RawClient.connect(listener.port) as client:
        await client.hear()
        await client.send(header)
        # Nobody is served under the address of a balancer that should have been listed.
        assert b"\r\n250" not in b"\r\n" + await client.rest()


async def test_a_header_from_anybody_else_is_no_TLS(open_listener: OpenListener) -> None:
    listener = await open_listener(replace(IMPLICIT, proxies=()))
    with capture_logs() as logs:
        async with await RawClient.connect(listener.port) as client:
            await client.send(V1)
            assert b"220" not in await client.rest()
    assert len(logs) == 1


async def test_XCLIENT_is_for_those_whom_the_balancer_names(
    open_listener: OpenListener, store: Store
) -> None:
    session = replace(IN_CLEAR, xclient_from=(ip_network("192.0.2.7"),))
    listener = await open_listener(replace(BEHIND, session=session))
    async with await RawClient.connect(listener.port) as client:
        await client.send(V2)
        await client.hear()
        assert "XCLIENT" not in await client.ask("EHLO client.test")
        assert (await client.ask("XCLIENT ADDR=203.0.113.9")).startswith("550 5.7.0 ")
    async with await RawClient.connect(listener.port) as client:
        await client.send(V1)
        await client.hear()
        assert "XCLIENT" in await client.ask("EHLO client.test")
        assert (await client.ask("XCLIENT ADDR=203.0.113.9")).startswith("220 ")
        address, _ = await _client_of(store, await _mail(client))
    assert address == "203.0.113.9"


class Peer(Stream):
    """A connection from an address that a test cannot have."""

    def __init__(self, address: str) -> None:
        self._address = address

    @property
    def peer_address(self) -> str:
        return self._address

    @property
    def local_address(self) -> str:
        return ""

    async def read(self, deadline: float) -> bytes:
        return V1

    async def write(self, data: bytes, deadline: float) -> None:
        raise AssertionError("nothing is said to a balancer")

    def has_input(self) -> bool:
        return True

    def close(self) -> None:
        return


async def test_an_IPv4_address_in_the_form_of_IPv6_is_the_same() -> None:
    # A listener on "::" sees clients of IPv4 so.
    trusted = (ip_network("198.51.100.0/24"),)
    arrival = await arrive(Peer("::ffff:198.51.100.1"), proxies=trusted, deadline=0)
    assert arrival.client == IPv4Address("192.0.2.7")
    arrival = await arrive(Peer("::ffff:203.0.113.1"), proxies=trusted, deadline=0)
    assert arrival.client == IPv4Address("203.0.113.1")
    assert client_ip("") is None
    assert client_ip("fe80::1%eth0") == IPv6Address("fe80::1%eth0")


async def test_the_settings_say_whom_each_listener_trusts(tmp_path: Path) -> None:
    listeners: dict[str, object] = {
        "submission": {"enabled": False},
        "submissions": {"port": 0},
        "mx": {
            "port": 0,
            "proxy_protocol_from": ["127.0.0.1"],
            "xclient_from": ["192.0.2.0/24"],
            "line_endings": "normalize",
        },
    }
    limits = {"max_messages": 7, "max_recipient_domains": 3}
    async with keep_house(tmp_path, listeners=listeners, limits=limits) as house:
        async with await RawClient.connect(house.port("mx")) as client:
            await client.send(V1)
            await client.hear()
            offered = (await client.ask("EHLO client.test")).splitlines()
            assert "250-LIMITS MAILMAX=7 RCPTMAX=1000 RCPTDOMAINMAX=3" in offered
            assert any(line[4:].startswith("XCLIENT ") for line in offered)
            await client.ask("MAIL FROM:<ada@example.com>")
            await client.ask("RCPT TO:<bob@example.org>")
            await client.ask("DATA")
            assert (await client.ask("Subject: x\r\n\r\none\ntwo\r\n.")).startswith("250 ")
        async with await RawClient.connect(
            house.port("submissions"), ca_file=house.ca_file
        ) as client:
            assert (await client.hear()).startswith("220 ")

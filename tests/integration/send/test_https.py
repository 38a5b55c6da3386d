"""HTTPS against real servers that are honest, wrong, slow and hostile, from both networks."""

from __future__ import annotations

import sys
import time

import pytest

from postseal.errors import (
    CertificateReason,
    CertificateRejected,
    ConnectError,
    Disconnected,
    HandshakeFailed,
    MailError,
    MissingExtra,
    TimedOut,
)
from postseal.send.networks.https import HTTPSFailed, HTTPSRequest, HTTPSResponse, exchange
from postseal.tls import Trust
from tests.parts.hostile_server import HostileServer, Script, Talk
from tests.parts.routed_network import RoutedNetwork
from tests.parts.web_authority import WebAuthority
from tests.parts.web_scripts import answering, chunked, cutting, dripping, flooding, response
from tests.parts.worlds import World, in_each_world

HOST = "www.example.com"
MAX = 1000
BODY = b"hello\n"


@pytest.fixture(scope="module")
def web(tmp_path_factory: pytest.TempPathFactory) -> WebAuthority:
    return WebAuthority.create(tmp_path_factory.mktemp("web"))


def fetch(
    world: World,
    trust: Trust,
    *scripts: Script,
    request: HTTPSRequest | None = None,
    patience: float = 10.0,
) -> tuple[HTTPSResponse, HostileServer]:
    with HostileServer(*scripts) as server:
        network = RoutedNetwork(world.network(), {HOST: server.port})

        async def ask() -> HTTPSResponse:
            return await exchange(
                network,
                request or HTTPSRequest(host=HOST, target="/policy"),
                trust=trust,
                deadline=network.now() + patience,
                max_size=MAX,
            )

        answer = world.drive(ask())
        assert network.asked == [(HOST, 443)]
        return answer, server


def refusal(world: World, trust: Trust, *scripts: Script, patience: float = 10.0) -> MailError:
    with pytest.raises(MailError) as caught:
        fetch(world, trust, *scripts, patience=patience)
    assert caught.value.host == HOST
    assert caught.value.is_temporary
    return caught.value


@in_each_world
def test_a_response_comes_whole(world: World, web: WebAuthority) -> None:
    answer, server = fetch(world, web.trust, answering(web.context(HOST), response(BODY, "X-A: 1")))
    assert (answer.status, answer.body, answer.header("x-a")) == (200, BODY, "1")
    lines = bytes(server.talks[0].received).decode().split("\r\n")
    assert lines[0] == "GET /policy HTTP/1.1"
    assert f"Host: {HOST}" in lines
    assert "Connection: close" in lines


@in_each_world
def test_what_is_posted_arrives(world: World, web: WebAuthority) -> None:
    def script(talk: Talk) -> None:
        talk.seal(web.context(HOST))
        while talk.hear():
            pass
        while not talk.received.endswith(b"\r\n\r\nreport"):
            talk.take()
        talk.send(response(b"", status="201 Created"))
        talk.finish()

    request = HTTPSRequest(
        host=HOST,
        target="/v1",
        method="POST",
        headers=(("Content-Type", "application/tlsrpt+gzip"),),
        body=b"report",
    )
    answer, server = fetch(world, web.trust, script, request=request)
    assert answer.status == 201
    assert b"Content-Length: 6\r\n" in server.talks[0].received
    assert b"Content-Type: application/tlsrpt+gzip\r\n" in server.talks[0].received


FRAMINGS = {
    "length": response(BODY),
    "chunked": response(b"", "Transfer-Encoding: chunked", length=None)
    + chunked([b"hel", b"l", b"o\n"]),
    "until the end": response(BODY, length=None),
    "HTTP/1.0": response(BODY, length=None).replace(b"1.1", b"1.0"),
    "after 103": b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" + response(BODY),
    "and more behind it": response(BODY) + b"junk",
}


@in_each_world
@pytest.mark.parametrize("framing", FRAMINGS)
@pytest.mark.parametrize("split", [False, True], ids=["whole", "octet by octet"])
def test_a_body_is_found_however_it_is_framed(
    world: World, web: WebAuthority, framing: str, split: bool
) -> None:
    answer = FRAMINGS[framing]
    pieces = [answer[n : n + 1] for n in range(len(answer))] if split else [answer]
    # The client may go as soon as it has all it wants.
    assert fetch(world, web.trust, answering(web.context(HOST), *pieces))[0].body == BODY


@in_each_world
@pytest.mark.parametrize(
    "answer",
    [
        response(BODY, length=None),
        response(BODY, length=len(BODY) + 1),
        response(b"", "Transfer-Encoding: chunked", length=None) + b"6\r\nhello\n\r\n",
        response(BODY)[:-30],
        b"",
    ],
    ids=["until the end", "short", "chunked", "in the head", "nothing"],
)
def test_what_is_cut_is_not_taken_for_whole(world: World, web: WebAuthority, answer: bytes) -> None:
    # Without close_notify, anybody on the path may have ended it.
    error = refusal(world, web.trust, cutting(web.context(HOST), answer))
    assert isinstance(error, HTTPSFailed | Disconnected)
    assert "cut" in str(error)


@in_each_world
@pytest.mark.parametrize(
    "answer",
    [
        response(BODY, length=len(BODY) + 1),
        response(b"", "Transfer-Encoding: chunked", length=None) + b"6\r\nhello\n\r\n",
        response(BODY)[:20],
        b"",
    ],
    ids=["short", "chunked", "in the head", "nothing"],
)
def test_what_is_ended_early_is_not_taken_for_whole(
    world: World, web: WebAuthority, answer: bytes
) -> None:
    assert isinstance(refusal(world, web.trust, answering(web.context(HOST), answer)), HTTPSFailed)


@in_each_world
def test_a_body_has_a_largest_size(world: World, web: WebAuthority) -> None:
    whole = b"a" * MAX
    for framed in (response(whole), response(whole, length=None)):
        assert fetch(world, web.trust, answering(web.context(HOST), framed))[0].body == whole
    for framed in (
        response(whole + b"a"),
        response(whole + b"a", length=None),
        response(b"", "Transfer-Encoding: chunked", length=None) + chunked([whole, b"a"]),
    ):
        error = refusal(world, web.trust, answering(web.context(HOST), framed))
        assert "more than 1000 octets" in str(error)


ENDLESS = {
    "body": (response(b"", length=10**12), b"a" * 4096),
    "chunks": (
        response(b"", "Transfer-Encoding: chunked", length=None),
        b"1;" + b"x" * 4000 + b"\r\na\r\n",
    ),
    "header": (b"HTTP/1.1 200 OK\r\nX: ", b"a" * 4096),
    "headers": (b"HTTP/1.1 200 OK\r\n", b"X: a\r\n" * 1000),
    "informational": (b"", b"HTTP/1.1 103 Early Hints\r\n\r\n" * 200),
}


@in_each_world
@pytest.mark.parametrize("what", ENDLESS)
def test_nothing_goes_on_for_ever(world: World, web: WebAuthority, what: str) -> None:
    script = flooding(web.context(HOST), *ENDLESS[what])
    assert isinstance(refusal(world, web.trust, script), HTTPSFailed)


@in_each_world
@pytest.mark.parametrize("part", ["head", "body"])
def test_octet_by_octet_does_not_stretch_the_deadline(
    world: World, web: WebAuthority, part: str
) -> None:
    answer = response(b"a" * MAX) if part == "body" else response(b"", "X: " + "a" * 5000)
    started = time.monotonic()
    error = refusal(world, web.trust, dripping(web.context(HOST), answer), patience=0.5)
    assert isinstance(error, TimedOut)
    assert time.monotonic() - started < 3


@in_each_world
def test_silence_ends_at_the_deadline(world: World, web: WebAuthority) -> None:
    def handshake_alone(talk: Talk) -> None:
        talk.seal(web.context(HOST))
        talk.stall()

    for script in (handshake_alone, Talk.stall):
        assert isinstance(refusal(world, web.trust, script, patience=0.2), TimedOut)


@in_each_world
@pytest.mark.parametrize(
    "status", ["301 Moved Permanently", "302 Found", "307 Temporary Redirect", "404 Not Found"]
)
def test_other_answers_are_given_as_they_are_and_redirects_not_followed(
    world: World, web: WebAuthority, status: str
) -> None:
    elsewhere = f"Location: https://{HOST}/other"
    answer, server = fetch(
        world, web.trust, answering(web.context(HOST), response(BODY, elsewhere, status=status))
    )
    assert (answer.status, answer.body) == (int(status[:3]), b"")
    assert len(server.talks) == 1


@in_each_world
@pytest.mark.parametrize(
    "answer",
    [
        b"\x00\x01\x02\x03\r\n\r\n",
        b"220 mx.example.com ESMTP\r\n",
        b"HTTP/2 200\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: six\r\n\r\nhello\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\nContent-Length: 7\r\n\r\nhello\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"HTTP/1.1 200 OK\r\nX\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n",
    ],
)
def test_what_is_no_http_is_refused(world: World, web: WebAuthority, answer: bytes) -> None:
    error = refusal(world, web.trust, answering(web.context(HOST), answer))
    assert isinstance(error, HTTPSFailed)
    assert str(error).isprintable()


@in_each_world
@pytest.mark.parametrize(
    ("name", "age", "reason"),
    [
        ("other.example.com", 0, CertificateReason.WRONG_NAME),
        (HOST, 2, CertificateReason.EXPIRED),
        (HOST, -2, CertificateReason.NOT_YET_VALID),
    ],
)
def test_a_server_that_is_not_the_host_gets_no_request(
    world: World, web: WebAuthority, name: str, age: int, reason: CertificateReason
) -> None:
    with HostileServer(answering(web.context(name, age=age), response(BODY))) as server:
        network = RoutedNetwork(world.network(), {HOST: server.port})

        async def ask() -> None:
            request = HTTPSRequest(host=HOST, target="/")
            deadline = network.now() + 10
            await exchange(network, request, trust=web.trust, deadline=deadline, max_size=MAX)

        with pytest.raises(CertificateRejected) as caught:
            world.drive(ask())
    assert caught.value.reason is reason
    assert b"GET" not in server.received


@in_each_world
def test_an_authority_that_is_not_trusted_counts_for_nothing(
    world: World, web: WebAuthority
) -> None:
    error = refusal(world, Trust.system(), answering(web.context(HOST), response(BODY)))
    assert isinstance(error, CertificateRejected)


@in_each_world
def test_a_server_without_tls_is_refused(world: World, web: WebAuthority) -> None:
    def in_clear(talk: Talk) -> None:
        talk.send(response(BODY))
        talk.end()

    assert isinstance(refusal(world, web.trust, in_clear), HandshakeFailed)


def test_what_https_needs_is_named_where_it_is_missing(
    web: WebAuthority, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "h11", None)
    with pytest.raises(MissingExtra, match=r"postseal\[mx\]"):
        fetch(World.BLOCKING, web.trust, answering(web.context(HOST), response(BODY)))


@in_each_world
def test_a_host_that_cannot_be_reached_is_no_answer(world: World, web: WebAuthority) -> None:
    network = RoutedNetwork(world.network(), {})

    async def ask() -> None:
        request = HTTPSRequest(host=HOST, target="/")
        await exchange(network, request, deadline=network.now() + 1, max_size=MAX)

    with pytest.raises(ConnectError):
        world.drive(ask())

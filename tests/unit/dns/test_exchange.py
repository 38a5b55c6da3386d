"""Octets to a real socket and back: what is waited for, and what is passed over."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import Callable, Sequence
from functools import partial

import pytest

from postseal.dns import ResolverFailure
from postseal.dns.exchange import AsyncioExchange, BlockingExchange
from postseal.dns.name_servers import NameServer
from postseal.errors import MailError
from postseal.send.networks.blocking import run
from tests.parts.name_server import name_server
from tests.parts.ports import ReservedPort

Ask = Callable[..., bytes]


def known(datagram: bytes) -> bytes | None:
    return datagram if datagram.startswith(b"answer") else None


@pytest.fixture(params=["asyncio", "blocking"])
def ask(request: pytest.FixtureRequest) -> Ask:
    def by_asyncio(server: NameServer, *, tcp: bool = False, seconds: float = 5) -> bytes:
        async def asking() -> bytes:
            exchange = AsyncioExchange()
            if tcp:
                return await exchange.stream(b"query", server, seconds)
            return await exchange.datagram(b"query", server, seconds, known)

        return asyncio.run(asking())

    def by_blocking(server: NameServer, *, tcp: bool = False, seconds: float = 5) -> bytes:
        exchange = BlockingExchange()
        if tcp:
            return run(exchange.stream(b"query", server, seconds))
        return run(exchange.datagram(b"query", server, seconds, known))

    return by_asyncio if request.param == "asyncio" else by_blocking


def saying(*messages: bytes) -> Callable[[bytes], Sequence[bytes]]:
    def answer(query: bytes) -> Sequence[bytes]:
        assert query == b"query"
        return messages

    return answer


def test_datagrams_that_are_not_accepted_are_passed_over(ask: Ask) -> None:
    with name_server(saying(b"rubbish", b"more", b"answer 1", b"answer 2")) as server:
        assert ask(server) == b"answer 1"


def test_silence_is_waited_for_until_the_time_is_up(ask: Ask) -> None:
    with name_server(saying(b"rubbish")) as server:
        began = time.monotonic()
        with pytest.raises(TimeoutError):
            ask(server, seconds=0.2)
        assert 0.15 < time.monotonic() - began < 5


def test_where_nobody_listens_there_is_no_waiting(ask: Ask) -> None:
    with ReservedPort() as port:
        server = NameServer.parse(f"127.0.0.1:{port.number}")
        with pytest.raises(ConnectionRefusedError):
            ask(server, seconds=30)
        with pytest.raises(ConnectionRefusedError):
            ask(server, tcp=True, seconds=30)


def test_a_stream_may_come_in_pieces(ask: Ask) -> None:
    largest = b"x" * 65535
    with name_server(saying(), saying(b"\xff", b"\xff" + largest[:100], largest[100:])) as server:
        assert ask(server, tcp=True) == largest


@pytest.mark.parametrize("said", [b"", b"\0", b"\0\x05abc"])
def test_a_stream_that_ends_early_is_no_answer(ask: Ask, said: bytes) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = NameServer.parse(f"127.0.0.1:{listener.getsockname()[1]}")

        def serve() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.recv(100)
                connection.sendall(said)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            with pytest.raises(ConnectionError, match="ended within the answer"):
                ask(server, tcp=True)
        finally:
            thread.join()


def test_a_stream_that_stalls_is_left(ask: Ask) -> None:
    with name_server(saying(), saying(b"\0\x05ab")) as server, pytest.raises(TimeoutError):
        ask(server, tcp=True, seconds=0.2)


async def test_questions_are_asked_at_once_and_errors_are_among_the_answers() -> None:
    both_asked = asyncio.Event()

    async def first() -> str:
        await both_asked.wait()
        return "an answer"

    async def second() -> str:
        both_asked.set()
        raise ResolverFailure("none")

    async with asyncio.timeout(20):
        answer, error = await AsyncioExchange().settle([first, second])
    assert answer == "an answer"
    assert isinstance(error, ResolverFailure)


def test_a_thread_asks_one_question_after_the_other() -> None:
    asked: list[int] = []

    async def ask(number: int) -> int:
        asked.append(number)
        if number == 1:
            raise ResolverFailure("none")
        return number

    async def settle() -> list[int | MailError]:
        return await BlockingExchange().settle([partial(ask, 1), partial(ask, 2)])

    error, answer = run(settle())
    assert (asked, answer) == ([1, 2], 2)
    assert isinstance(error, ResolverFailure)

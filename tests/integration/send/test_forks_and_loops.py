"""A mailer in a forked child and in several event loops: whose connections are whose."""

from __future__ import annotations

import asyncio
import gc
import os
import threading
from collections.abc import Callable, Iterator

import pytest

from postseal import AsyncMailer, Envelope, Mailer
from postseal.errors import LocalProtocolError, Phase
from postseal.send import PoolOptions
from tests.integration.send.scripts import starttls, take_message, take_quit
from tests.parts.eventually import eventually
from tests.parts.flawed_certificates import HOST, Certificates
from tests.parts.hostile_server import HostileServer, Talk
from tests.parts.own_server import OwnServer
from tests.parts.ports import LOOPBACK
from tests.parts.waiting import wait_until
from tests.unit.send.dialogues import ADA, BOB

ENVELOPE = Envelope(ADA, (BOB,))


def url_of(server: OwnServer) -> str:
    return f"smtp+insecure://{LOOPBACK}:{server.port}"


def in_a_child(work: Callable[[], None]) -> int:
    """Run `work` in a forked process; return its exit code, 0 where it came to its end."""
    child = os.fork()
    if not child:
        code = 1
        try:
            work()
            code = 0
        finally:
            # Nothing of pytest's may run in the child.
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def test_a_child_has_connections_of_its_own() -> None:
    with (
        OwnServer() as server,
        Mailer(url_of(server)) as mailer,
    ):
        mailer.send_raw(ENVELOPE, [b"parent\r\n"])

        def work() -> None:
            mailer.send_raw(ENVELOPE, [b"child\r\n"])
            mailer.close()

        assert in_a_child(work) == 0
        mailer.send_raw(ENVELOPE, [b"parent again\r\n"])
    assert sorted(taken.content for taken in server.messages) == [
        b"child\r\n",
        b"parent\r\n",
        b"parent again\r\n",
    ]
    assert server.connections == 2


def test_the_tls_of_the_parent_goes_on_where_it_stood(certificates: Certificates) -> None:
    bodies: list[bytes] = []

    def script(talk: Talk) -> None:
        starttls(talk, certificates.context())
        bodies.extend(take_message(talk) for _ in range(2))
        take_quit(talk)

    with (
        HostileServer(script) as server,
        Mailer(f"smtp://{HOST}:{server.port}", ca_file=certificates.ca_file) as mailer,
    ):
        mailer.send_raw(ENVELOPE, [b"parent\r\n"])
        # The child says no goodbye in the parent's name, by QUIT or by close_notify.
        assert in_a_child(mailer.close) == 0
        mailer.send_raw(ENVELOPE, [b"parent again\r\n"])
    assert bodies == [b"parent\r\n", b"parent again\r\n"]


def test_a_child_is_not_stopped_by_what_threads_of_the_parent_held() -> None:
    # The only place of the pool is taken, by a thread that does not exist in the child.
    with (
        OwnServer() as server,
        Mailer(url_of(server), pool=PoolOptions(max_connections=1)) as mailer,
    ):
        begun, end = threading.Event(), threading.Event()

        def slow() -> Iterator[bytes]:
            begun.set()
            assert end.wait(20)
            yield b"parent\r\n"

        thread = threading.Thread(target=mailer.send_raw, args=(ENVELOPE, slow()))
        thread.start()
        assert begun.wait(20)

        def work() -> None:
            mailer.send_raw(ENVELOPE, [b"child\r\n"])
            mailer.close()

        assert in_a_child(work) == 0
        end.set()
        thread.join()
    assert sorted(taken.content for taken in server.messages) == [b"child\r\n", b"parent\r\n"]


def test_a_child_of_an_event_loop_leaves_it_alone() -> None:
    async def use(server: OwnServer) -> None:
        async with AsyncMailer(url_of(server)) as mailer:
            await mailer.send_raw(ENVELOPE, [b"parent\r\n"])

            def work() -> None:
                # The loop that runs in the parent is left behind; this is a thread without one.
                asyncio._set_running_loop(None)
                asyncio.run(send_and_close())

            async def send_and_close() -> None:
                await mailer.send_raw(ENVELOPE, [b"child\r\n"])
                await mailer.close()

            assert in_a_child(work) == 0
            await mailer.send_raw(ENVELOPE, [b"parent again\r\n"])

    with OwnServer() as server:
        asyncio.run(use(server))
    assert sorted(taken.content for taken in server.messages) == [
        b"child\r\n",
        b"parent\r\n",
        b"parent again\r\n",
    ]
    assert server.connections == 2


# asyncio says so of whatever its loop left open; who closes the mailer in time does not hear it.
@pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")
def test_another_event_loop_begins_anew_when_the_first_has_ended() -> None:
    with OwnServer() as server:
        mailer = AsyncMailer(url_of(server))
        asyncio.run(mailer.send_raw(ENVELOPE, [b"one\r\n"]))

        async def send_and_close() -> None:
            await mailer.send_raw(ENVELOPE, [b"two\r\n"])
            await mailer.close()

        asyncio.run(send_and_close())
        gc.collect()
    assert [taken.content for taken in server.messages] == [b"one\r\n", b"two\r\n"]
    assert server.connections == 2


def test_two_event_loops_at_once_are_refused() -> None:
    with OwnServer() as server, asyncio.Runner() as first:
        mailer = AsyncMailer(url_of(server))
        first.run(mailer.send_raw(ENVELOPE, [b"one\r\n"]))
        with asyncio.Runner() as second:
            with pytest.raises(LocalProtocolError, match="another event loop") as caught:
                second.run(mailer.send_raw(ENVELOPE, [b"two\r\n"]))
            assert (caught.value.phase, caught.value.host) == (Phase.CONNECT, LOOPBACK)
            with pytest.raises(LocalProtocolError, match="another event loop"):
                second.run(mailer.close())
        first.run(mailer.close())
    assert [taken.content for taken in server.messages] == [b"one\r\n"]


@pytest.mark.parametrize("number", [1, 2])
async def test_connections_are_kept_ready_by_a_task(number: int) -> None:
    with OwnServer() as server:
        # No room for one more while the last is being made ready.
        pool = PoolOptions(min_idle=number, max_connections=number)
        async with (
            asyncio.timeout(20),
            AsyncMailer(url_of(server), pool=pool) as mailer,
        ):
            await eventually(lambda: server.connections == number, what="connections kept ready")
            await mailer.send_raw(ENVELOPE, [b"x\r\n"])
        assert server.connections == number


def test_connections_are_kept_ready_by_a_thread() -> None:
    with OwnServer() as server:
        pool = PoolOptions(min_idle=2, max_connections=2)
        with Mailer(url_of(server), pool=pool) as mailer:
            wait_until(
                lambda: server.connections == 2, within=20, what="two connections kept ready"
            )
            mailer.send_raw(ENVELOPE, [b"x\r\n"])
        assert server.connections == 2
        assert not [one for one in threading.enumerate() if one.name == "postseal-pool"]

"""How a connection is opened: what is said, what is waited for, and when it ends."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from postseal import Secret, Timeouts, TLSLevel
from postseal.errors import (
    ConnectError,
    Disconnected,
    HandshakeFailed,
    LocalProtocolError,
    MailError,
    PermanentlyRejected,
    Phase,
    RemoteProtocolError,
    StartTLSInjection,
    StartTLSStripped,
    TimedOut,
)
from postseal.send import Endpoint
from postseal.send.networks.network import IPAddress, Stream
from postseal.send.session.connection import Connection, ConnectionOptions
from postseal.testing import End, Hear, MemoryNetwork, Say, Step, Wait, transcript
from tests.parts.worlds import World, in_each_world
from tests.unit.send.dialogues import IN_CLEAR, PLAIN, open_connection, refused

STARTTLS = Endpoint.parse("smtp://ada@mail.example.org")
IMPLICIT = Endpoint.parse("smtps://mail.example.org")
OPPORTUNISTIC = Endpoint.parse("smtp+opportunistic://mail.example.org")
OFFERED = """
    S: 220 mail.example.org ESMTP
    C: EHLO [192.0.2.1]
    S: 250-mail.example.org
    S: 250-AUTH PLAIN
    S: 250 STARTTLS
    C: STARTTLS
    """


@in_each_world
def test_a_connection_in_clear(world: World) -> None:
    network = MemoryNetwork(PLAIN)
    connection = open_connection(world, network)
    assert network.connected == [("mail.example.org", 25)]
    assert connection.tls.level is TLSLevel.NONE
    assert connection.peer_address == "192.0.2.25"
    assert "HELP" in connection.extensions
    assert connection.is_usable


@in_each_world
@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("192.0.2.1", "[192.0.2.1]"),
        ("2001:db8::1", "[IPv6:2001:db8::1]"),
        ("fe80::1%eth0", "[IPv6:fe80::1]"),
        ("", "localhost"),
    ],
)
def test_a_client_without_a_name_gives_its_address(world: World, address: str, said: str) -> None:
    # RFC 5321 4.1.4. The host's own name is nobody's business.
    network = MemoryNetwork(PLAIN.replace("[192.0.2.1]", said), local_address=address)
    open_connection(world, network)
    assert network.streams[0].written == f"EHLO {said}\r\n".encode()


@in_each_world
def test_the_name_for_EHLO_can_be_given(world: World) -> None:
    options = ConnectionOptions(local_name="Client.Example.COM")
    network = MemoryNetwork(PLAIN.replace("[192.0.2.1]", "client.example.com"))
    open_connection(world, network, options=options)
    assert network.streams[0].written == b"EHLO client.example.com\r\n"


@in_each_world
def test_a_name_that_would_break_the_line_is_refused(world: World) -> None:
    options = ConnectionOptions(local_name="a\r\nMAIL FROM:<>")
    error = refused(world, "S: 220 hi\nS: <silence>", options=options)
    assert isinstance(error, LocalProtocolError)


@in_each_world
@pytest.mark.parametrize(
    ("script", "kind", "phase", "code"),
    [
        ("S: 554 5.7.1 no service for you", ConnectError, Phase.GREETING, 554),
        ("S: 250 ok", ConnectError, Phase.GREETING, 250),
        ("S: 421 4.3.2 later", Disconnected, Phase.GREETING, 421),
        ("S: <end>", Disconnected, Phase.GREETING, None),
        ("S: <reset>", Disconnected, Phase.GREETING, None),
        ("S: SSH-2.0-OpenSSH_9.2", RemoteProtocolError, Phase.GREETING, None),
        ("S: 220 hi\nC: EHLO [192.0.2.1]\nS: 550 not you", ConnectError, Phase.EHLO, 550),
        ("S: 220 hi\nC: EHLO [192.0.2.1]\nS: 354 go", RemoteProtocolError, Phase.EHLO, None),
        ("S: 220 hi\nC: EHLO [192.0.2.1]\nS: <end>", Disconnected, Phase.EHLO, None),
        # A server that talks ahead of its turn is out of step, or somebody talks for it.
        ("S: 220 hi\nS: 250 ok", RemoteProtocolError, Phase.EHLO, None),
        (ConnectError("port 25 is closed"), ConnectError, Phase.CONNECT, None),
        (TimedOut("no answer"), TimedOut, Phase.CONNECT, None),
    ],
)
def test_servers_that_do_not_take_mail(
    world: World,
    script: str | MailError,
    kind: type[MailError],
    phase: Phase,
    code: int | None,
) -> None:
    error = refused(world, script)
    assert type(error) is kind
    assert (error.phase, error.code) == (phase, code)
    assert error.is_temporary


# -- promise 2: no silent downgrade ---------------------------------------------------------------


@in_each_world
@pytest.mark.parametrize(
    ("script", "kind", "phase", "code"),
    [
        (
            OFFERED.replace("S: 250 STARTTLS\n    C: STARTTLS", "S: 250 XXXXXXXA"),
            StartTLSStripped,
            Phase.STARTTLS,
            None,
        ),
        # A keyword inside of another line is no offer.
        (
            OFFERED.replace("S: 250 STARTTLS\n    C: STARTTLS", "S: 250 X STARTTLS"),
            StartTLSStripped,
            Phase.STARTTLS,
            None,
        ),
        (OFFERED + "S: 454 4.7.0 not now", StartTLSStripped, Phase.STARTTLS, 454),
        (OFFERED + "S: 502 5.5.1 what?", StartTLSStripped, Phase.STARTTLS, 502),
        (OFFERED + "S: 250 sure", RemoteProtocolError, Phase.STARTTLS, None),
        (OFFERED + "S: 334 sure", RemoteProtocolError, Phase.STARTTLS, None),
        (OFFERED + "S: 421 bye", Disconnected, Phase.STARTTLS, 421),
        (OFFERED + "S: <end>", Disconnected, Phase.STARTTLS, None),
        (OFFERED + "S: 220 go\nS: <end>", HandshakeFailed, Phase.HANDSHAKE, None),
        (OFFERED + "S: 220 go\nC: <anything>\nS: <end>", HandshakeFailed, Phase.HANDSHAKE, None),
        (OFFERED + "S: 220 go\nC: <anything>\nS: <reset>", Disconnected, Phase.HANDSHAKE, None),
    ],
)
def test_required_TLS_that_does_not_come_about(
    world: World, script: str, kind: type[MailError], phase: Phase, code: int | None
) -> None:
    options = ConnectionOptions(password=Secret("hunter2"))
    error = refused(world, script, STARTTLS, options=options)
    assert type(error) is kind
    assert (error.phase, error.code) == (phase, code)
    assert error.is_temporary


@in_each_world
@pytest.mark.parametrize("answer", [None, "S: 454 4.7.0 not now", "S: 502 5.5.1 what?"])
def test_opportunistic_TLS_goes_on_in_clear_and_says_so(world: World, answer: str | None) -> None:
    script = OFFERED + answer if answer else OFFERED.replace("C: STARTTLS", "")
    if not answer:
        script = script.replace("S: 250 STARTTLS", "S: 250 HELP")
    connection = open_connection(world, MemoryNetwork(script), OPPORTUNISTIC)
    assert connection.tls.level is TLSLevel.NONE


# -- promise 3: nothing crosses STARTTLS ----------------------------------------------------------


@in_each_world
@pytest.mark.parametrize(
    ("behind", "phase"),
    [
        # In the same segment, whole or begun.
        ((Say(b"220 go\r\n250 injected\r\n"),), Phase.STARTTLS),
        ((Say(b"220 go\r\n\r\n"),), Phase.STARTTLS),
        ((Say(b"220 go\r\n2"),), Phase.STARTTLS),
        # In a segment of its own, before our ClientHello.
        ((Say(b"220 go\r\n"), Say(b"250 injected\r\n")), Phase.STARTTLS),
        # It may even look like the beginning of TLS: the server never speaks first there.
        ((Say(b"220 go\r\n"), Say(b"\x16\x03\x03\x00\x04")), Phase.STARTTLS),
        # In clear instead of a ServerHello.
        ((Say(b"220 go\r\n"), Hear(), Say(b"250-injected\r\n250 x\r\n")), Phase.HANDSHAKE),
    ],
)
@pytest.mark.parametrize("endpoint", [STARTTLS, OPPORTUNISTIC], ids=["required", "opportunistic"])
def test_data_in_clear_behind_220_ends_the_session(
    world: World, behind: tuple[Step, ...], phase: Phase, endpoint: Endpoint
) -> None:
    network = MemoryNetwork((*transcript(OFFERED), *behind))
    error = refused(world, "", endpoint, network=network)
    assert type(error) is StartTLSInjection
    assert error.phase is phase
    assert b"MAIL" not in network.streams[0].written


# -- promise 7: everything ends -------------------------------------------------------------------

GREETED = "S: 220 hi\nC: EHLO [192.0.2.1]\n"
SILENCES = {
    Phase.GREETING: "S: <silence>",
    Phase.EHLO: GREETED + "S: <silence>",
    Phase.STARTTLS: OFFERED + "S: <silence>",
    Phase.HANDSHAKE: OFFERED + "S: 220 go\nC: <anything>\nS: <silence>",
}


@in_each_world
@pytest.mark.parametrize("phase", SILENCES, ids=str)
@pytest.mark.parametrize("total", [600.0, 7.0])
def test_a_silent_server_is_left_when_its_phase_is_over(
    world: World, phase: Phase, total: float
) -> None:
    network = MemoryNetwork(SILENCES[phase])
    error = refused(world, "", STARTTLS, network=network, deadline=total)
    assert type(error) is TimedOut
    assert error.phase is phase
    assert network.now() == min(total, Timeouts().of(phase))
    assert isinstance(error, TimeoutError)


@in_each_world
def test_a_server_that_takes_nothing_is_left(world: World) -> None:
    network = MemoryNetwork("S: 220 hi\nS: <stall>")
    error = refused(world, "", network=network)
    assert (type(error), error.phase) == (TimedOut, Phase.EHLO)
    assert network.now() == Timeouts().body_block


@in_each_world
def test_a_reply_in_drops_is_no_way_around_the_time_for_a_reply(world: World) -> None:
    # One octet every ten seconds: each read is in time, the reply is not.
    drops = [
        step for octet in b"250 mail.example.org\r\n" for step in (Wait(10), Say(bytes([octet])))
    ]
    network = MemoryNetwork((*transcript(GREETED), *drops, End()))
    with pytest.raises(TimedOut) as caught:
        open_connection(world, network)
    assert caught.value.phase is Phase.EHLO
    assert network.now() == Timeouts().command


@in_each_world
@pytest.mark.parametrize(
    ("reply", "words"),
    [
        (b"250-x\r\n" * 200, "more than 128 lines"),
        (b"250-" + b"x" * 5000, "longer than 2048 octets"),
        (b"250 x\n" * 3, "bare CR or LF"),
    ],
)
def test_an_endless_reply_ends(world: World, reply: bytes, words: str) -> None:
    network = MemoryNetwork((*transcript(GREETED), Say(reply), Say(reply)))
    with pytest.raises(RemoteProtocolError, match=words):
        open_connection(world, network)
    assert network.streams[0].is_closed


async def test_a_task_that_is_cancelled_while_it_connects_leaves_nothing_open() -> None:
    class Slow(MemoryNetwork):
        async def connect(
            self, host: str, port: int, deadline: float, *, addresses: Sequence[IPAddress] = ()
        ) -> Stream:
            stream = await super().connect(host, port, deadline, addresses=addresses)
            read = stream.read

            async def never(deadline: float) -> bytes:
                await asyncio.Event().wait()
                return await read(deadline)

            stream.read = never  # type: ignore[method-assign]
            return stream

    network = Slow(PLAIN)
    opening = asyncio.create_task(
        Connection.open(network, IN_CLEAR, ConnectionOptions(), deadline=600)
    )
    await asyncio.sleep(0)
    opening.cancel()
    with pytest.raises(asyncio.CancelledError):
        await opening
    assert network.streams[0].is_closed


@in_each_world
def test_a_port_that_does_not_greet_may_want_TLS(world: World) -> None:
    for script in ("S: <silence>", "S: <end>"):
        error = refused(world, script, STARTTLS)
        assert error.hint is not None
        assert "try smtps://" in error.hint


@in_each_world
def test_a_port_that_greets_in_clear_wants_STARTTLS(world: World) -> None:
    script = (Hear(), Say(b"220 mail.example.org ESMTP\r\n"))
    error = refused(world, script, IMPLICIT)
    assert type(error) is HandshakeFailed
    assert "said '220 mail.example.org" in error.text
    assert error.hint is not None
    assert "use smtp:// instead of smtps://" in error.hint


# -- goodbye --------------------------------------------------------------------------------------


@in_each_world
@pytest.mark.parametrize(
    "answer",
    [
        "S: 221 bye",
        "S: <end>",
        "S: <reset>",
        "S: <silence>",
        "S: <stall>",
        "S: 500 what?",
        "S: zzz",
    ],
)
def test_goodbye_never_fails(world: World, answer: str) -> None:
    said = "" if answer == "S: <stall>" else "C: QUIT\n"
    network = MemoryNetwork(PLAIN + said + answer)
    connection = open_connection_without_check(world, network)
    world.drive(connection.quit(deadline=5))
    network.check_played()
    assert network.streams[0].is_closed
    assert network.now() <= 5


def open_connection_without_check(world: World, network: MemoryNetwork) -> Connection:
    return world.drive(Connection.open(network, IN_CLEAR, ConnectionOptions(), deadline=600))


@in_each_world
@pytest.mark.parametrize("arrived", ["S: 421 idle for too long", "S: 250 what", "S: <end>"])
def test_a_connection_on_which_something_arrived_is_not_used_again(
    world: World, arrived: str
) -> None:
    network = MemoryNetwork(transcript(PLAIN) + transcript(arrived))
    assert not open_connection_without_check(world, network).is_usable


@pytest.mark.parametrize(
    ("peer", "local", "is_elsewhere"),
    [
        ("192.0.2.25", "192.0.2.1", True),
        ("192.0.2.1", "192.0.2.1", False),
        ("127.0.0.1", "127.0.0.1", False),
        ("127.8.8.8", "127.0.0.1", False),
        ("::1", "::1", False),
    ],
)
async def test_who_must_be_elsewhere_is_not_this_machine(
    peer: str, local: str, is_elsewhere: bool
) -> None:
    # Nothing is said to a service of our own that strangers' DNS led us to.
    script = GREETED.replace("192.0.2.1", local) + "S: 250 ok"
    network = MemoryNetwork(script, peer_address=peer, local_address=local)
    options = ConnectionOptions(beyond_this_machine=True)
    opening = Connection.open(network, IN_CLEAR, options, deadline=60.0)
    if is_elsewhere:
        assert (await opening).is_open
        return
    with pytest.raises(PermanentlyRejected) as refused:
        await opening
    assert (refused.value.phase, refused.value.enhanced_code) == (Phase.CONNECT, "5.4.6")
    assert network.streams[0].is_closed

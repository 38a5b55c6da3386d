"""The network in memory must be as strict as a real one, or tests over it prove nothing."""

from __future__ import annotations

import pytest

from postseal.errors import ConnectError, Disconnected, TimedOut
from postseal.send.networks.blocking import run
from postseal.testing import (
    Break,
    End,
    Hear,
    ManualClock,
    MemoryNetwork,
    Say,
    ScriptedStream,
    Stall,
    Step,
    Wait,
    transcript,
)


def stream_of(*script: Step, clock: ManualClock | None = None) -> ScriptedStream:
    return ScriptedStream(script, clock=clock or ManualClock())


def test_a_transcript_is_read_as_steps() -> None:
    assert transcript(
        """
        S: 220 mail.example.com ESMTP
        C: EHLO [192.0.2.1]
        S: 250-mail.example.com
        S: 250 PIPELINING

        C: MAIL FROM:<>
        C: <anything>
        C:
        S: <wait 2.5>
        S: 250 ok
        S: <silence>
        """
    ) == (
        Say(b"220 mail.example.com ESMTP\r\n"),
        Hear(b"EHLO [192.0.2.1]\r\n"),
        # Lines of one side travel together: the client reads them at once.
        Say(b"250-mail.example.com\r\n250 PIPELINING\r\n"),
        Hear(b"MAIL FROM:<>\r\n"),
        Hear(None),
        Hear(b"\r\n"),
        Wait(2.5),
        Say(b"250 ok\r\n"),
        Wait(),
    )
    assert transcript("S: <end>") + transcript("S: <reset>") + transcript("S: <stall>") == (
        End(),
        Break(),
        Stall(),
    )


@pytest.mark.parametrize("line", ["220 mail.example.com", "X: hello", "S:220", "c: EHLO"])
def test_other_lines_are_no_transcript(line: str) -> None:
    with pytest.raises(ValueError, match="begins neither with"):
        transcript(line)


def test_one_say_is_one_read_and_one_hear_may_be_many_writes() -> None:
    stream = stream_of(Say(b"one"), Say(b"two"), Hear(b"abcdef"), Hear(b"gh"), End())
    assert stream.has_input()
    assert [run(stream.read(1)), run(stream.read(1))] == [b"one", b"two"]
    assert not stream.has_input()
    played = []
    for data in (b"abc", b"defgh"):
        run(stream.write(data, 1))
        played.append(stream.is_played)
    assert stream.written == b"abcdefgh"
    assert played == [False, True]
    # The end stays the end.
    assert (run(stream.read(1)), run(stream.read(1))) == (b"", b"")
    assert stream.has_input()


def test_a_client_that_leaves_the_script_is_told() -> None:
    with pytest.raises(AssertionError, match=r"should say 'EHLO a', but says 'EHLO b'"):
        run(stream_of(Hear(b"EHLO a")).write(b"EHLO b", 1))
    with pytest.raises(AssertionError, match="before it is its turn"):
        run(stream_of(Say(b"220 hello")).write(b"EHLO a", 1))
    with pytest.raises(AssertionError, match="before it is its turn"):
        run(stream_of(Wait(3), Say(b"220 hello")).write(b"EHLO a", 1))
    with pytest.raises(AssertionError, match="reads, but should say 'EHLO a'"):
        run(stream_of(Hear(b"EHLO a")).read(1))
    with pytest.raises(AssertionError, match="should say something"):
        run(stream_of(Hear()).read(1))
    with pytest.raises(AssertionError, match="reads on, but the script is over"):
        run(stream_of().read(1))
    with pytest.raises(
        AssertionError, match=r"the script is over, but the client says b'xxx.*\.\."
    ):
        run(stream_of().write(b"x" * 500, 1))


def test_waiting_moves_the_clock_and_takes_no_time() -> None:
    clock = ManualClock(100)
    stream = stream_of(Wait(5), Say(b"at last"), Wait(5), Say(b"too late"), clock=clock)
    assert run(stream.read(110)) == b"at last"
    assert clock.now() == 105
    with pytest.raises(TimedOut):
        run(stream.read(107))
    assert clock.now() == 107
    # A deadline that has passed is no time to read in, although there would be something.
    with pytest.raises(TimedOut):
        run(stream_of(Say(b"x"), clock=clock).read(107))


def test_a_silent_server_takes_what_a_stalled_one_does_not() -> None:
    silent = stream_of(Wait())
    run(silent.write(b"hello", 5))
    assert silent.written == b"hello"
    assert not silent.has_input()
    with pytest.raises(TimedOut):
        run(silent.read(5))
    for call in (lambda: stream_of(Stall()).write(b"hello", 5), lambda: stream_of(Stall()).read(5)):
        with pytest.raises(TimedOut):
            run(call())


def test_a_broken_connection_breaks_both_ways() -> None:
    for step in (Break(), End()):
        with pytest.raises(Disconnected):
            run(stream_of(step).write(b"hello", 1))
    with pytest.raises(Disconnected):
        run(stream_of(Break()).read(1))
    closed = stream_of(Say(b"x"))
    closed.close()
    assert closed.is_closed
    assert closed.has_input()
    for call in (lambda: closed.read(1), lambda: closed.write(b"x", 1)):
        with pytest.raises(Disconnected):
            run(call())


def test_each_connection_plays_the_next_script() -> None:
    network = MemoryNetwork(
        "S: 220 one", ConnectError("refused"), TimedOut("no answer"), peer_address="127.0.0.1"
    )
    stream = run(network.connect("mail.example.com", 25, 10))
    assert (stream.peer_address, stream.local_address) == ("127.0.0.1", "192.0.2.1")
    with pytest.raises(AssertionError, match="2 scripts were not played"):
        network.check_played()
    with pytest.raises(ConnectError, match="refused"):
        run(network.connect("mail.example.com", 25, 10))
    with pytest.raises(TimedOut):
        run(network.connect("mail.example.com", 25, 10))
    assert network.now() == 10
    with pytest.raises(ConnectError, match="cannot be reached"):
        run(network.connect("mail.example.net", 465, 20))
    assert network.connected == [("mail.example.com", 25)] * 3 + [("mail.example.net", 465)]
    with pytest.raises(AssertionError, match="connection 1 did not come to the end"):
        network.check_played()
    assert run(stream.read(20)) == b"220 one\r\n"
    network.check_played()


def test_a_full_gate_lets_the_deadline_pass() -> None:
    network = MemoryNetwork()
    gate = network.gate(1)
    run(gate.enter(5))
    with pytest.raises(TimedOut):
        run(gate.enter(5))
    gate.leave()
    run(gate.enter(6))


def test_the_clock_does_not_go_back() -> None:
    clock = ManualClock(10)
    clock.advance_to(5)
    assert clock.now() == 10
    with pytest.raises(ValueError, match="does not go back"):
        clock.advance(-1)

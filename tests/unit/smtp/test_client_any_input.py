"""Whatever a server sends: the same events however it is cut, and no error but two."""

from __future__ import annotations

from collections.abc import Callable

from hypothesis import example, given
from hypothesis import strategies as st

from postseal.address import Address
from postseal.errors import MailError, RemoteProtocolError, StartTLSInjection
from postseal.smtp import ClientSession, ClientState, ReplyReceived
from postseal.smtp.commands import Auth, Data, Ehlo, EndOfData, Lhlo, Mail, Quit, Rcpt, StartTLS
from postseal.smtp.protocol import Protocol
from postseal.smtp.xclient import ClientAttributes, Xclient
from tests.parts.splits import byte_by_byte, segments

ADA = Address("ada", "example.com")


def connected() -> ClientSession:
    return ClientSession()


def ready() -> ClientSession:
    return ready_for(Protocol.SMTP)


def ready_for(protocol: Protocol) -> ClientSession:
    session = ClientSession(protocol=protocol, dangerous_auth_in_clear=True)
    session.receive(b"220 mx\r\n")
    session.send(Ehlo("client.example") if protocol is Protocol.SMTP else Lhlo("client.example"))
    session.receive(
        b"250-mx\r\n250-PIPELINING\r\n250-CHUNKING\r\n250-AUTH PLAIN\r\n250-XCLIENT NAME\r\n"
        b"250 STARTTLS\r\n"
    )
    return session


def starting_tls() -> ClientSession:
    session = ready()
    session.send(StartTLS())
    return session


def authenticating() -> ClientSession:
    session = ready()
    session.send(Auth("PLAIN", b"x"))
    return session


def with_a_flight() -> ClientSession:
    session = ready()
    for command in (Mail(ADA), Rcpt(ADA), Rcpt(ADA), Data()):
        session.send(command)
    return session


def in_a_body_with_the_next_envelope_behind_it() -> ClientSession:
    session = with_a_flight()
    session.receive(b"250 a\r\n" * 3 + b"354 b\r\n")
    session.end_body()
    session.send(Mail(None))
    session.send(Quit())
    return session


def between_chunks(protocol: Protocol = Protocol.SMTP) -> ClientSession:
    session = ready_for(protocol)
    for command in (Mail(ADA), Rcpt(ADA), Rcpt(ADA)):
        session.send(command)
    session.receive(b"250 a\r\n" * 3)
    session.write_chunk(b"Hello")
    return session


def behind_the_last_chunk() -> ClientSession:
    session = between_chunks()
    session.write_chunk(b"Bye", is_last=True)
    session.send(Mail(ADA))
    return session


def waiting_for_a_verdict_each() -> ClientSession:
    session = between_chunks(Protocol.LMTP)
    session.write_chunk(b"", is_last=True)
    session.send(Quit())
    return session


def speaking_for_another() -> ClientSession:
    session = ready()
    session.send(Xclient(ClientAttributes(name="client.example")))
    return session


SITUATIONS = [
    connected,
    ready,
    starting_tls,
    authenticating,
    with_a_flight,
    in_a_body_with_the_next_envelope_behind_it,
    between_chunks,
    behind_the_last_chunk,
    waiting_for_a_verdict_each,
    speaking_for_another,
]

REPLIES = st.lists(
    st.one_of(
        st.sampled_from(
            [
                b"220 go\r\n",
                b"250 2.1.0 ok\r\n",
                b"250-a\r\n",
                b"250 b\r\n",
                b"334 \r\n",
                b"235 ok\r\n",
                b"354 go\r\n",
                b"421 bye\r\n",
                b"550-5.1.1 no\r\n550 5.1.1 no\r\n",
                b"503 no\r\n",
                b"\x16\x03\x03\x00\x01",
                b"2",
                b"\r\n",
                b"\r",
                b"\n",
            ]
        ),
        st.binary(max_size=10),
    ),
    max_size=8,
).map(b"".join)


def hear(
    session: ClientSession, pieces: list[bytes]
) -> tuple[list[ReplyReceived], type[MailError] | None, ClientState]:
    events: list[ReplyReceived] = []
    fault: type[MailError] | None = None
    try:
        for piece in pieces:
            events += session.receive(piece)
        if session.failure is not None:
            raise session.failure
    except (RemoteProtocolError, StartTLSInjection) as error:
        fault = type(error)
    if fault is StartTLSInjection:
        # With the injected octets in its own segment, the go-ahead is not even reported.
        events = [event for event in events if not isinstance(event.command, StartTLS)]
    return events, fault, session.state


@given(st.data(), st.sampled_from(SITUATIONS), REPLIES)
@example(None, in_a_body_with_the_next_envelope_behind_it, b"250 queued\r\nrubbish\r\n")
@example(None, starting_tls, b"220 go\r\n250 injected\r\n")
@example(None, starting_tls, b"220 go\r\n2")
@example(None, ready, b"421 bye\r\nrubbish\r\n")
def test_the_cut_does_not_matter(
    data: st.DataObject | None, situation: Callable[[], ClientSession], stream: bytes
) -> None:
    whole = hear(situation(), [stream] if stream else [])
    assert hear(situation(), byte_by_byte(stream)) == whole
    if data is not None:
        assert hear(situation(), data.draw(segments(stream))) == whole


@given(st.sampled_from(SITUATIONS), st.lists(st.binary(min_size=1, max_size=60), max_size=5))
def test_a_session_that_failed_is_closed(
    situation: Callable[[], ClientSession], pieces: list[bytes]
) -> None:
    session = situation()
    _, fault, state = hear(session, pieces)
    if fault is not None:
        assert state is ClientState.CLOSED
        assert not session.is_idle


@given(REPLIES)
def test_nothing_but_a_reply_to_the_body_is_its_verdict(stream: bytes) -> None:
    events, _, _ = hear(in_a_body_with_the_next_envelope_behind_it(), [stream] if stream else [])
    verdicts = [event for event in events if isinstance(event.command, EndOfData)]
    assert verdicts == events[: len(verdicts)]
    assert len(verdicts) <= 1

r"""SMTP dialogues written as RFCs write them, and played against the sessions.

One line of a transcript is one of these; lines that begin with `#` say why::

    C: NOOP             the client says a line; CRLF is added
    S: 250 2.0.0 OK     the server says a line; CRLF is added
    C> NOOP\r\nQUIT     octets in one segment, with the escapes of Python and nothing added
    S> 220 \x00         likewise from the server
    *: TLS              the handshake is done (with an authenticated peer)
    *: pause            what follows comes in a segment of its own
    *: end              the peer closes the connection
"""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from postseal.smtp import ClientSession, ClientState, ReplyReceived, ServerSession
from postseal.smtp.commands import AuthCancel, AuthResponse, Command
from postseal.smtp.events import (
    AUTHENTICATION_QUESTIONS,
    BodyReceived,
    MailReceived,
    MessageReceived,
    RecipientReceived,
    ScramRecordRequested,
    ServerEvent,
    SessionEnded,
)
from postseal.smtp.parse import parse_command
from postseal.smtp.reply import Reply, ReplyParser
from postseal.smtp.sasl import ScramRecord

QUESTIONS = (*AUTHENTICATION_QUESTIONS, MailReceived, MessageReceived, RecipientReceived)


@dataclass(frozen=True, slots=True)
class Step:
    who: str
    octets: bytes


def read_transcript(text: str) -> list[Step]:
    """Read the lines of a transcript; what is no line of one is an error."""
    steps = []
    for line in map(str.strip, text.splitlines()):
        if not line or line.startswith("#"):
            continue
        mark, _, said = line.partition(" ")
        if mark in ("C:", "S:"):
            steps.append(Step(mark[0], f"{said}\r\n".encode()))
        elif mark in ("C>", "S>"):
            octets = said.encode("latin-1").decode("unicode_escape").encode("latin-1")
            steps.append(Step(mark[0], octets))
        elif mark == "*:" and said in ("TLS", "pause", "end"):
            steps.append(Step(said, b""))
        else:
            raise ValueError(f"no line of a transcript: {line!r}")
    return steps


@dataclass(slots=True)
class ServerRun:
    """What became of a dialogue with a server session."""

    session: ServerSession
    said: bytes = b""
    events: list[ServerEvent] = field(default_factory=list)

    @property
    def body(self) -> bytes:
        """All that was handed on as body."""
        return b"".join(event.data for event in self.events if isinstance(event, BodyReceived))

    @property
    def ended(self) -> SessionEnded | None:
        """The end of the session, if it came."""
        return next((event for event in self.events if isinstance(event, SessionEnded)), None)

    def kinds(self) -> list[type[ServerEvent]]:
        """The kinds of the events, in order."""
        return [type(event) for event in self.events]


def run_server(
    session: ServerSession, transcript: str, *, records: Mapping[str, ScramRecord] | None = None
) -> ServerRun:
    """Play a dialogue against `session` and compare all it says with the transcript.

    Where the session asks the platform, the platform's answer is the reply that comes next in the
    transcript; SCRAM records are those in `records`. Every line of the client arrives by itself.
    """
    steps = read_transcript(transcript)
    expected = b"".join(step.octets for step in steps if step.who == "S")
    run = ServerRun(session)
    heard = 0
    for step in steps:
        match step.who:
            case "S":
                heard += len(step.octets)
                continue
            case "TLS":
                session.tls_established()
            case "C":
                assert run.said == expected[:heard], "before " + repr(step.octets)
                session.receive(step.octets)
                _take_events(run, expected, records or {})
            case _:
                continue
    run.said += session.data_to_send()
    assert run.said == expected
    return run


def _take_events(run: ServerRun, expected: bytes, records: Mapping[str, ScramRecord]) -> None:
    session = run.session
    while (event := session.next_event()) is not None:
        run.events.append(event)
        if isinstance(event, ScramRecordRequested):
            session.answer_record(records.get(event.username))
        elif isinstance(event, QUESTIONS):
            run.said += session.data_to_send()
            session.answer(_next_reply(expected[len(run.said) :]))
    run.said += session.data_to_send()


def _next_reply(octets: bytes) -> Reply:
    parser = ReplyParser()
    parser.feed(octets[: octets.rindex(b"\r\n") + 2] if octets else b"")
    reply = parser.next_reply()
    assert reply is not None, "the transcript holds no answer to the question"
    return reply


def run_client(session: ClientSession, transcript: str) -> list[ReplyReceived]:
    """Play a dialogue against `session`: say the client's lines, hear the server's.

    What the session writes must be the client's lines to the octet. Lines of the server that
    stand together come in one segment. Returns the replies; raises what the session raises.
    """
    heard: list[ReplyReceived] = []
    for who, octets in _segments(read_transcript(transcript)):
        match who:
            case "S":
                heard += session.receive(octets)
            case "TLS":
                session.tls_established(peer_authenticated=True)
            case "end":
                heard += session.receive(b"")
            case _:
                assert _say(session, octets) == octets
    if session.failure is not None:
        raise session.failure
    return heard


def _segments(steps: list[Step]) -> Iterator[tuple[str, bytes]]:
    held = b""
    for step in steps:
        if step.who == "S":
            held += step.octets
            continue
        if held:
            yield "S", held
            held = b""
        if step.who != "pause":
            yield step.who, step.octets
    if held:
        yield "S", held


def _say(session: ClientSession, octets: bytes) -> bytes:
    if session.state is ClientState.BODY:
        if octets == b".\r\n":
            return session.end_body()
        return session.write_body(octets.removeprefix(b"."))
    return session.send(_command(session, octets.removesuffix(b"\r\n")))


def _command(session: ClientSession, line: bytes) -> Command:
    if session.state is not ClientState.AUTHENTICATING:
        return parse_command(line)
    return AuthCancel() if line == b"*" else AuthResponse(b64decode(line))

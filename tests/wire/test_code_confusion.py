r"""Code confusion: a reply whose code, or whose place, is not that of the command it answers.

Clients were led on by any 2yz behind STARTTLS (the STRIPTLS tool answers "200"; nodemailer took
whatever began with 2), by replies said before their time (net-imap CVE-2026-42246), and by one
reply too many, after which each answer counts for the command before. What is no clear yes is a no
or a fault, and a fault ends the session: nobody stays in step with a server that is not.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pytest

from postseal.address import Address
from postseal.errors import Disconnected, MailError, Phase, RemoteProtocolError, TimedOut
from postseal.send import Endpoint
from postseal.smtp import ClientSession, ClientState, Reply
from postseal.smtp.commands import (
    Auth,
    AuthCancel,
    AuthResponse,
    Bdat,
    Command,
    Data,
    Ehlo,
    EndOfData,
    Mail,
    Noop,
    Quit,
    Rcpt,
    Rset,
    StartTLS,
)
from postseal.smtp.events import AuthenticationReceived
from postseal.smtp.xclient import ClientAttributes, Xclient
from postseal.testing import Hear, MemoryNetwork, Say, transcript
from tests.parts.server_sessions import STRICT, ready
from tests.parts.transcript import run_client, run_server
from tests.parts.worlds import World, in_each_world
from tests.unit.send.dialogues import (
    ACCEPTED,
    BODY,
    ENVELOPE_IN_ONE_FLIGHT,
    PIPELINING,
    hand_over,
    refused,
)

ADA = Address("ada", "example.com")
S = ClientState

# All that RFC 5321 4.2 lets a code be.
CODES = [code for code in range(200, 600) if code // 10 % 10 <= 5]
# 2yz says yes (4.2.1); but these five say it to HELP, a connection, QUIT and AUTH.
YES = [code for code in CODES if code < 300 and code not in (211, 214, 220, 221, 235)]


@dataclass(frozen=True, slots=True)
class Question:
    """A command that waits for its answer: where each answer leads, a fault being no answer."""

    before: str
    command: Command
    yes: Mapping[int, ClientState]
    no: ClientState = S.READY
    auth: bool = False

    def ask(self) -> ClientSession:
        session = ClientSession(dangerous_auth_in_clear=True)
        run_client(session, self.before)
        if isinstance(self.command, EndOfData):
            session.end_body()
        elif isinstance(self.command, Bdat):
            session.write_chunk(b"", is_last=self.command.is_last)
        else:
            session.send(self.command)
        return session

    def state_after(self, code: int) -> ClientState | None:
        if code == 421:
            return S.CLOSED
        return self.no if code >= 400 else self.yes.get(code)


GREETED = "S: 220 mx.example"
READY = f"""
    {GREETED}
    C: EHLO client.example
    S: 250-mx.example
    S: 250-AUTH PLAIN
    S: 250-CHUNKING
    S: 250-XCLIENT NAME
    S: 250 STARTTLS
"""
TRANSACTION = READY + "C: MAIL FROM:<ada@example.com>\nS: 250 ok\n"
RECIPIENT = TRANSACTION + "C: RCPT TO:<ada@example.com>\nS: 250 ok\n"
AUTHENTICATING = READY + "C: AUTH PLAIN\nS: 334 \n"
LOGGED_IN = {235: S.READY, 334: S.AUTHENTICATING}

QUESTIONS = {
    "EHLO": Question(GREETED, Ehlo("client.example"), dict.fromkeys(YES, S.READY), S.GREETED),
    "STARTTLS": Question(READY, StartTLS(), {220: S.HANDSHAKE}),
    "AUTH": Question(READY, Auth("PLAIN", b"x"), LOGGED_IN, auth=True),
    "AUTH response": Question(AUTHENTICATING, AuthResponse(b"x"), LOGGED_IN, auth=True),
    "AUTH cancel": Question(AUTHENTICATING, AuthCancel(), LOGGED_IN, auth=True),
    "MAIL": Question(READY, Mail(ADA), dict.fromkeys(YES, S.TRANSACTION)),
    "RCPT": Question(TRANSACTION, Rcpt(ADA), dict.fromkeys(YES, S.TRANSACTION), S.TRANSACTION),
    "DATA": Question(RECIPIENT, Data(), {354: S.BODY}, S.TRANSACTION),
    "end of data": Question(
        RECIPIENT + "C: DATA\nS: 354 go", EndOfData(), dict.fromkeys(YES, S.READY)
    ),
    "chunk": Question(RECIPIENT, Bdat(0), dict.fromkeys(YES, S.CHUNKING), S.CHUNK_REFUSED),
    "last chunk": Question(RECIPIENT, Bdat(0, is_last=True), dict.fromkeys(YES, S.READY)),
    "XCLIENT": Question(READY, Xclient(ClientAttributes(name="a")), {220: S.GREETED}),
    "RSET": Question(TRANSACTION, Rset(), dict.fromkeys(YES, S.READY)),
    "NOOP": Question(READY, Noop(), dict.fromkeys(YES, S.READY)),
}
each_question = pytest.mark.parametrize("question", QUESTIONS.values(), ids=list(QUESTIONS))


def must_be_a_fault(session: ClientSession, octets: bytes) -> None:
    with pytest.raises(RemoteProtocolError):
        session.receive(octets)
    assert session.state is S.CLOSED
    assert not session.is_authenticated
    assert not session.is_idle


@each_question
def test_each_code_leads_where_it_must(question: Question) -> None:
    for code in CODES:
        session = question.ask()
        octets = b"%d text\r\n" % code
        state = question.state_after(code)
        if state is None:
            must_be_a_fault(session, octets)
            continue
        (received,) = session.receive(octets)
        assert (code, received.reply.code, session.state) == (code, code, state)
        assert received.command == question.command
        assert session.is_authenticated is (question.auth and code == 235)


def test_only_220_is_a_greeting() -> None:
    for code in CODES:
        session = ClientSession()
        session.receive(b"%d mx.example\r\n" % code)
        assert session.state is (S.GREETED if code == 220 else S.CLOSED), code


def test_any_answer_to_QUIT_is_the_end() -> None:
    for code in CODES:
        session = ClientSession()
        run_client(session, READY)
        session.send(Quit())
        session.receive(b"%d bye\r\n" % code)
        assert session.state is S.CLOSED, code


@each_question
@pytest.mark.parametrize(
    "line",
    [
        # P05. No code at all, however much it looks like one.
        b"25 ok", b"2500 ok", b"25O ok", b"250ok", b"250_ok", b"250\tok", b"250:ok", b" 250 ok",
        b"+250 ok", b"-250 ok", b"2 50 ok", b"ok 250", b"", b"0x250 ok", b"\xef\xbb\xbf250 ok",
        "２５０ ok".encode(), "٢٥٠ ok".encode(),
        # RFC 5321 4.2: the first digit is 2 to 5, the second 0 to 5. 1yz went with RFC 821.
        b"000 ok", b"100 go on", b"150 go on", b"199 x", b"260 x", b"299 x", b"360 x", b"600 x",
        b"654 x", b"999 x",
    ],
    ids=ascii,
)  # fmt: skip
def test_what_is_no_code_is_no_answer(question: Question, line: bytes) -> None:
    must_be_a_fault(question.ask(), line + b"\r\n")


@each_question
@pytest.mark.parametrize("end", [b"", b" ", b"-\r\n%d", b"-\r\n%d "], ids=ascii)
def test_a_code_needs_no_text(question: Question, end: bytes) -> None:
    yes = next(iter(question.yes))
    octets = b"%d" % yes + end.replace(b"%d", b"%d" % yes) + b"\r\n"
    session = question.ask()
    (received,) = session.receive(octets)
    assert (received.reply.code, received.reply.text) == (yes, "")
    assert session.state is question.yes[yes]


@each_question
def test_a_reply_does_not_change_its_mind(question: Question) -> None:
    # P04: a client that looks at the first line alone, or at the last, can be told either.
    yes = b"%d" % next(iter(question.yes))
    for first, last in ((yes, b"550"), (b"550", yes), (yes, b"421"), (b"450", b"550")):
        must_be_a_fault(question.ask(), first + b"-a\r\n" + last + b" b\r\n")
        must_be_a_fault(question.ask(), first + b"-a\r\n" + last + b"-b\r\n" + first + b" c\r\n")


@each_question
@pytest.mark.parametrize(
    ("text", "enhanced_code", "said"),
    [
        # RFC 2034 4: the class of the enhanced code is the first digit of the code. Where it is
        # not, it is text, and the code alone decides.
        ("2.0.0 queued as 42", None, "2.0.0 queued as 42"),
        ("4.0.0 later", None, "4.0.0 later"),
        ("5.7.1 no", "5.7.1", "no"),
        ("5.7.1", "5.7.1", ""),
        ("5.7 no", None, "5.7 no"),
        ("5.7.1000 no", None, "5.7.1000 no"),
        ("3.5.4 go", None, "3.5.4 go"),
        # A code in the text is text.
        ("250 ok", None, "250 ok"),
        ("354 go", None, "354 go"),
        ("220 2.0.0 go", None, "220 2.0.0 go"),
    ],
)
def test_the_code_decides(
    question: Question, text: str, enhanced_code: str | None, said: str
) -> None:
    session = question.ask()
    (received,) = session.receive(f"550 {text}\r\n".encode())
    assert received.reply == Reply(550, (said,), enhanced_code)
    assert session.state is question.no


@each_question
def test_a_yes_with_a_discouraging_status_is_a_yes(question: Question) -> None:
    yes = next(iter(question.yes))
    session = question.ask()
    (received,) = session.receive(b"%d 5.7.1 no\r\n" % yes)
    assert (received.reply.enhanced_code, received.reply.text) == (None, "5.7.1 no")
    assert session.state is question.yes[yes]


@each_question
def test_nothing_is_answered_twice(question: Question) -> None:
    # N22 and its like. The first answer counts, the second one is the end.
    yes = next(iter(question.yes))
    for code in (yes, 220, 235, 250, 334, 354, 550):
        session = question.ask()
        octets = b"%d ok\r\n%d again\r\n" % (yes, code)
        if isinstance(question.command, StartTLS):
            # Behind this one, anything is an injection (see test_response_injection).
            with pytest.raises(MailError):
                session.receive(octets)
        else:
            assert len(session.receive(octets)) == 1
            with pytest.raises(RemoteProtocolError, match="nothing asked for"):
                session.send(Noop())
        assert session.state is S.CLOSED


# -- as a connection meets it ---------------------------------------------------------------------

STARTTLS = Endpoint.parse("smtp://mail.example.org")
HELLO = "S: 220 mail.example.org\nC: EHLO [192.0.2.1]\n"
OFFERED = HELLO + "S: 250-mail.example.org\nS: 250 STARTTLS\n"


@in_each_world
@pytest.mark.parametrize(
    ("script", "phase"),
    [
        # A second greeting takes the place of the answer to EHLO: each answer would be one late.
        (HELLO + "S: 220 mail.example.org", Phase.EHLO),
        (HELLO + "S: 235 you are in", Phase.EHLO),
        (HELLO + "S: 221 bye", Phase.EHLO),
        (HELLO + "S: 250-mail.example.org\nS: 220 STARTTLS", Phase.EHLO),
        # P12: the answer to STARTTLS is there before the question.
        (OFFERED + "S: 220 go", Phase.STARTTLS),
        (OFFERED + "C: STARTTLS\nS: 200 STRIPTLS", Phase.STARTTLS),
        (OFFERED + "C: STARTTLS\nS: 235 fine, go on in clear", Phase.STARTTLS),
        (OFFERED + "C: STARTTLS\nS: 220-go\nS: 250 on", Phase.STARTTLS),
        (OFFERED + "C: STARTTLS\nS: 120 wait", Phase.STARTTLS),
    ],
)
def test_no_connection_is_made_of_it(world: World, script: str, phase: Phase) -> None:
    error = refused(world, script, STARTTLS)
    assert type(error) is RemoteProtocolError
    assert error.phase is phase


def fails(world: World, network: MemoryNetwork, content: tuple[bytes, ...]) -> MailError:
    """Deliver to a server that is out of step; return why that failed."""
    with pytest.raises(MailError) as caught:
        hand_over(world, (), network=network, content=content)
    network.check_played()
    (stream,) = network.streams
    assert stream.is_closed
    # Whatever it was, no message was ended.
    assert b"\r\n.\r\n" not in stream.written
    return caught.value


SMALL = (b"Hello.\r\n",)


@in_each_world
@pytest.mark.parametrize(
    ("answers", "phase"),
    [
        # One too many, wherever it stands: in the end it is DATA that is answered with 250.
        ("250 ok,250 ok,250 ok,250 ok,354 go", Phase.DATA),
        ("250 ok,250 ok,550 no,250 ok,354 go", Phase.DATA),
        # One too few.
        ("250 ok,250 ok,354 go", Phase.RCPT),
        ("250 ok,354 go", Phase.RCPT),
        ("354 go", Phase.MAIL),
        # Not theirs.
        ("220 mail.example.org,250 ok,250 ok,354 go", Phase.MAIL),
        ("250 ok,235 ok,250 ok,354 go", Phase.RCPT),
        ("250 ok,250 ok,334 ,354 go", Phase.RCPT),
        ("250 ok,250 ok,250 ok,334 ", Phase.DATA),
        ("250 ok,250 ok,250 ok,250 go", Phase.DATA),
        # P10: the verdict on what has not been said.
        ("250 ok,250 ok,250 ok,354 go,250 queued", None),
    ],
)
def test_no_message_is_given_to_a_server_out_of_step(
    world: World, answers: str, phase: Phase | None
) -> None:
    said = "".join(f"S: {line}\n" for line in answers.split(","))
    error = fails(world, MemoryNetwork(PIPELINING + ENVELOPE_IN_ONE_FLIGHT + said), SMALL)
    assert type(error) is RemoteProtocolError
    if phase is not None:
        assert error.phase is phase


@in_each_world
def test_an_answer_that_is_missing_is_waited_for_in_vain(world: World) -> None:
    script = PIPELINING + ENVELOPE_IN_ONE_FLIGHT + "S: 250 ok\nS: 250 ok\nS: <silence>"
    error = fails(world, MemoryNetwork(script), SMALL)
    assert type(error) is TimedOut
    assert error.phase is Phase.RCPT


@in_each_world
@pytest.mark.parametrize(
    ("said", "kind", "code"),
    [
        ("250 2.0.0 queued as 42", RemoteProtocolError, None),
        ("550 5.7.1 no", RemoteProtocolError, None),
        ("354 go on", RemoteProtocolError, None),
        # P09: a server may take its leave at any time.
        ("421 4.3.2 closing", Disconnected, 421),
    ],
)
def test_a_verdict_before_the_end_of_the_body_is_none(
    world: World, said: str, kind: type[MailError], code: int | None
) -> None:
    # Whoever took it for the verdict would report as delivered what no server has taken.
    block = b"x" * 1022 + b"\r\n"
    steps = (*transcript(ACCEPTED), Hear(block * 64), Say(f"{said}\r\n".encode()))
    error = fails(world, MemoryNetwork(steps), (block * 64, b"the rest\r\n"))
    assert type(error) is kind
    assert (error.phase, error.code) == (Phase.BODY, code)


@in_each_world
@pytest.mark.parametrize("code", [211, 214, 220, 221, 235, 334, 354])
def test_only_a_plain_yes_takes_a_message(world: World, code: int) -> None:
    with pytest.raises(RemoteProtocolError) as caught:
        hand_over(world, ACCEPTED + BODY + f"S: {code} ok")
    # What became of the message nobody knows, so it must not count as delivered, nor as refused.
    assert caught.value.phase is Phase.BODY
    assert caught.value.is_temporary


def test_one_verdict_too_many_does_not_take_the_next_message() -> None:
    session = ClientSession()
    run_client(session, RECIPIENT.replace("AUTH PLAIN", "PIPELINING") + "C: DATA\nS: 354 go\n")
    session.end_body()
    for command in (Mail(ADA), Rcpt(ADA), Data()):
        session.send(command)
    received = session.receive(b"250 queued\r\n250 queued\r\n250 ok\r\n250 ok\r\n354 go\r\n")
    assert [one.command for one in received] == [EndOfData(), Mail(ADA), Rcpt(ADA)]
    assert isinstance(session.failure, RemoteProtocolError)
    with pytest.raises(RemoteProtocolError, match="DATA was answered with 250"):
        session.write_body(b"x")


# -- as a server --------------------------------------------------------------------------------


@pytest.mark.parametrize("code", [200, 250, 334, 354, 535])
def test_a_client_is_let_in_by_235_alone(code: int) -> None:
    run = run_server(
        ready(STRICT, sealed=True),
        f"""
        C: AUTH PLAIN AGEAYg==
        S: {code} what the platform says
        C: MAIL FROM:<ada@example.com>
        S: 530 5.7.0 Authentication required
        """,
    )
    assert AuthenticationReceived in run.kinds()
    assert run.session.authenticated_as is None


@pytest.mark.parametrize("line", ["250 2.1.0 OK", "220 mx.example", "354 go", "235 ok", "421 bye"])
def test_a_client_that_talks_like_a_server_says_nothing(line: str) -> None:
    # Two servers that are made to talk to each other find no command in each other's replies.
    run = run_server(ready(STRICT, sealed=True), f"C: {line}\nS: 500 5.5.1 command not recognized")
    assert run.events == []

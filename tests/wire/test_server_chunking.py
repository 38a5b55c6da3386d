"""BDAT (RFC 3030): bodies in chunks, which nothing inside them ends."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postseal.errors import LocalProtocolError
from postseal.smtp import Reply, ServerSession, ServerState
from postseal.smtp.commands import Bdat
from postseal.smtp.events import (
    BodyReceived,
    HelloReceived,
    MailReceived,
    MessageDropped,
    MessageReceived,
    MessageRefused,
    RecipientReceived,
    ServerEvent,
    SessionEnded,
)
from postseal.smtp.line_endings import LineEndings
from postseal.smtp.protocol import Extension
from postseal.smtp.rules import DEFAULT_EXTENSIONS, Offer, ServerRules
from tests.parts.false_ends import FALSE_ENDS
from tests.parts.server_sessions import OPEN, STRICT, greeted, in_state, ready, say
from tests.parts.splits import byte_by_byte, segments
from tests.parts.transcript import QUESTIONS, ServerRun, run_server

BINARY = replace(OPEN, extensions=DEFAULT_EXTENSIONS | {Extension.BINARYMIME})
ENVELOPE = r"""
    C> MAIL FROM:<>\r\nRCPT TO:<a@b.example>\r\n
    S: 250 2.1.0 OK
    S: 250 2.1.5 OK
"""


def play(transcript: str, rules: ServerRules = OPEN) -> ServerRun:
    return run_server(ready(rules), ENVELOPE + transcript)


def test_a_body_comes_in_chunks() -> None:
    run = play(
        r"""
        C> BDAT 12\r\nSubject: x\r\n
        S: 250 2.0.0 12 octets received
        C> BDAT 6\r\n\r\nHell
        S: 250 2.0.0 6 octets received
        C> BDAT 3 LAST\r\no\r\n
        S: 250 2.0.0 queued
        # The next message begins at once.
        C: MAIL FROM:<>
        S: 250 2.1.0 OK
        """
    )
    assert run.body == b"Subject: x\r\n\r\nHello\r\n"
    assert run.kinds().count(MessageReceived) == 1


def test_chunks_are_pipelined_and_the_last_may_be_empty() -> None:
    # RFC 3030 4.2: no go-ahead is waited for.
    run = play(
        r"""
        C> BDAT 3\r\na\r\nBDAT 0\r\nBDAT 3\r\nb\r\nBDAT 0 LAST\r\nNOOP\r\n
        S: 250 2.0.0 3 octets received
        S: 250 2.0.0 0 octets received
        S: 250 2.0.0 3 octets received
        S: 250 2.0.0 queued
        S: 250 2.0.0 OK
        """
    )
    assert run.body == b"a\r\nb\r\n"


def test_an_empty_message() -> None:
    run = play("C: BDAT 0 LAST\nS: 250 2.0.0 queued")
    assert run.body == b""
    assert run.kinds() == [MailReceived, RecipientReceived, MessageReceived]


def test_nothing_in_a_chunk_ends_it_and_no_dot_is_taken_off() -> None:
    run = play(
        r"""
        C> BDAT 20 LAST\r\na\r\n.\r\n..b\r\n.\r\nRSET\r\n
        S: 250 2.0.0 queued
        """
    )
    assert run.body == b"a\r\n.\r\n..b\r\n.\r\nRSET\r\n"[:20]


def test_an_unfinished_line_is_handed_on_as_it_is() -> None:
    assert play(r"C> BDAT 3 LAST\r\nabc" + "\nS: 250 2.0.0 queued").body == b"abc"


def test_bdat_and_data_do_not_mix() -> None:
    # RFC 3030 2: DATA behind BDAT gets 503; the chunks go on.
    run = play(
        r"""
        C> BDAT 1\r\na
        S: 250 2.0.0 1 octets received
        C: DATA
        S: 503 5.5.1 DATA is out of order while between the chunks of a body
        C: RCPT TO:<c@d.example>
        S: 503 5.5.1 RCPT is out of order while between the chunks of a body
        C: MAIL FROM:<>
        S: 503 5.5.1 MAIL is out of order while between the chunks of a body
        C> BDAT 1 LAST\r\nb
        S: 250 2.0.0 queued
        """
    )
    assert run.body == b"ab"


def test_a_chunk_behind_the_last_one() -> None:
    # RFC 3030 2: 503, and its octets are no commands.
    run = play(
        r"""
        C> BDAT 1 LAST\r\naBDAT 6 LAST\r\nQUIT\r\nNOOP\r\n
        S: 250 2.0.0 queued
        S: 503 5.5.1 send MAIL first
        S: 250 2.0.0 OK
        """
    )
    assert run.ended is None


@pytest.mark.parametrize(
    ("session", "says"),
    [
        (in_state(ServerState.GREETED), "503 5.5.1 send EHLO first"),
        (in_state(ServerState.READY), "503 5.5.1 send MAIL first"),
        (in_state(ServerState.TRANSACTION), "503 5.5.1 no valid recipients"),
        (ready(STRICT), "530 5.7.0 Must issue a STARTTLS command first"),
        (
            ready(replace(OPEN, extensions=DEFAULT_EXTENSIONS - {Extension.CHUNKING})),
            "502 5.5.1 CHUNKING is not offered here",
        ),
    ],
    ids=["greeted", "ready", "no recipients", "in clear", "not offered"],
)
def test_the_octets_of_a_chunk_out_of_place_are_no_commands(
    session: ServerSession, says: str
) -> None:
    events, said = say(session, b"BDAT 21 LAST", b"MAIL FROM:<evil@b.c", b"NOOP")
    assert said == [says, "250 2.0.0 OK"]
    assert [type(event) for event in events] == [MessageRefused]


def test_who_said_helo_was_not_offered_chunking() -> None:
    session = greeted()
    assert say(session, b"HELO a", b"BDAT 2", b"")[1][1].startswith("502")


def test_rset_between_chunks_drops_the_message() -> None:
    run = play(
        r"""
        C> BDAT 1\r\na
        S: 250 2.0.0 1 octets received
        C: RSET
        S: 250 2.0.0 OK
        C> BDAT 1 LAST\r\nb
        S: 503 5.5.1 send MAIL first
        """
    )
    assert MessageDropped() in run.events
    assert MessageReceived not in run.kinds()


def test_a_greeting_between_chunks_drops_the_message() -> None:
    session = in_state(ServerState.CHUNKED)
    events, _ = say(session, b"EHLO a")
    assert events == [MessageDropped(), HelloReceived("a")]
    assert session.state is ServerState.READY


def test_what_else_may_be_said_between_chunks() -> None:
    session = in_state(ServerState.CHUNKED)
    assert say(session, b"NOOP", b"VRFY a", b"QUIT")[1] == [
        "250 2.0.0 OK",
        "252 2.5.0 Send some mail; it will be tried",
        "221 2.0.0 Bye",
    ]


def test_the_command_is_written_as_it_is_read() -> None:
    assert Bdat(5).encode() == b"BDAT 5\r\n"
    assert Bdat(0, is_last=True).encode() == b"BDAT 0 LAST\r\n"
    for size in (-1, 10**20):
        with pytest.raises(LocalProtocolError, match="cannot have"):
            Bdat(size)


# -- refusals -------------------------------------------------------------------------------------

SMALL = replace(OPEN, max_message_size=10)


def test_a_message_that_is_too_large_is_refused_at_the_chunk_that_makes_it_so() -> None:
    run = play(
        r"""
        C> BDAT 6\r\n123456
        S: 250 2.0.0 6 octets received
        # RFC 3030 2: the octets are taken nonetheless, and so is what is on its way.
        C> BDAT 6\r\nabcdefBDAT 2 LAST\r\nxxNOOP\r\n
        S: 552 5.3.4 the message is too large
        S: 503 5.5.1 send MAIL first
        S: 250 2.0.0 OK
        """,
        SMALL,
    )
    # None of the chunk that cannot be taken is handed on.
    assert run.body == b"123456"
    assert run.kinds().count(MessageRefused) == 2


def test_what_is_far_too_large_is_not_even_read() -> None:
    run = play("C: BDAT 21\nS: 552 5.3.4 the message is far too large", SMALL)
    assert isinstance(run.ended, SessionEnded)
    session = ready(SMALL)
    # Nor are many refused chunks, which are so in sum.
    assert say(session, *[b"BDAT 4\r\nabcd"] * 6)[1][-1].startswith("552 5.3.4 the message")


def test_chunks_that_were_on_their_way_are_not_held_against_the_client() -> None:
    rules = replace(OPEN, max_errors=3)
    run = play(
        r"C> BDAT 2\r\na\n"
        + r"BDAT 1\r\nx" * 9
        + r"NOOP\r\n"
        + "\nS: 550 5.6.0 the message holds a bare CR or LF"
        + "\nS: 503 5.5.1 send MAIL first" * 9
        + "\nS: 250 2.0.0 OK",
        rules,
    )
    assert run.ended is None


def test_chunks_that_nobody_asked_for_are() -> None:
    session = ready(replace(OPEN, max_errors=3))
    for _ in range(3):
        session.receive(b"NOOP\r\nBDAT 1\r\nx")
        while session.next_event() is not None:
            pass
    assert session.data_to_send().endswith(b"421 4.7.0 too many errors\r\n")
    assert session.state is ServerState.CLOSED


def test_empty_chunks_are_counted() -> None:
    session = in_state(ServerState.CHUNKED)
    said = say(session, *[b"BDAT 0"] * 300)[1]
    assert said[-1] == "421 4.7.0 too many commands"
    assert len(said) <= 201


@pytest.mark.parametrize(
    "line",
    [b"BDAT", b"BDAT x", b"BDAT -1", b"BDAT 1 LASTS", b"BDAT 1LAST", b"BDAT 0x10", b"bdat \xff",
     b"BDAT 1\x00", b"BDAT " + b"9" * 21, "BDAT \u0663".encode()],
)  # fmt: skip
def test_behind_a_bdat_without_a_size_nobody_knows_what_is_a_command(line: bytes) -> None:
    session = in_state(ServerState.TRANSACTION)
    events, said = say(session, line + b"\r\nMAIL FROM:<evil@example.com>")
    assert said[0][:3] in ("500", "501")
    assert said[1:] == ["421 4.7.0 BDAT without a size leaves us out of step"]
    assert [type(event) for event in events] == [SessionEnded]


def test_the_platform_refuses_a_body() -> None:
    session = ready()
    say(session, b"MAIL FROM:<>", b"RCPT TO:<a@b>")
    session.receive(b"BDAT 4\r\nabcdBDAT 1 LAST\r\nx")
    assert session.next_event() == BodyReceived(b"abcd")
    session.refuse_body(Reply(452, ("no room",), "4.3.1"))
    assert session.next_event() == MessageRefused("452 4.3.1 no room")
    assert isinstance(session.next_event(), MessageRefused)
    assert session.data_to_send() == b"452 4.3.1 no room\r\n503 5.5.1 send MAIL first\r\n"


# -- line endings and binary bodies ---------------------------------------------------------------


@pytest.mark.parametrize("false_end", FALSE_ENDS, ids=ascii)
def test_a_chunk_is_held_to_the_same_line_endings(false_end: bytes) -> None:
    session = ready()
    say(session, b"MAIL FROM:<>", b"RCPT TO:<a@b>")
    body = b"a" + false_end + b"b\r\n"
    session.receive(Bdat(len(body), is_last=True).encode() + body)
    assert isinstance(session.next_event(), MessageRefused)
    assert session.data_to_send().startswith(b"550 5.6.0 the message holds a")


def test_a_cr_at_the_end_of_a_chunk_waits_for_its_lf() -> None:
    run = play(
        r"""
        C> BDAT 2\r\na\r
        S: 250 2.0.0 2 octets received
        C> BDAT 1 LAST\r\n\n
        S: 250 2.0.0 queued
        """
    )
    assert run.body == b"a\r\n"
    refused = play(r"C> BDAT 2 LAST\r\na\r" + "\nS: 550 5.6.0 the message holds a bare CR or LF")
    assert MessageReceived not in refused.kinds()


def test_a_binary_body() -> None:
    # RFC 3030 3: any octets, by BDAT alone.
    session = ready(BINARY)
    say(session, b"MAIL FROM:<> BODY=BINARYMIME", b"RCPT TO:<a@b>")
    assert say(session, b"DATA")[1] == ["503 5.5.1 a binary body comes with BDAT"]
    session.receive(b"BDAT 5 LAST\r\n\n\x00\r.\xff")
    assert session.next_event() == BodyReceived(b"\n\x00\r.\xff")
    event = session.next_event()
    assert isinstance(event, MessageReceived)
    assert event.transaction.is_binary
    assert event.transaction.is_8bit


def test_binary_is_offered_beside_chunking_alone() -> None:
    assert "250 BINARYMIME" in say(greeted(BINARY), b"EHLO a")[1]
    without = replace(OPEN, extensions=frozenset({Extension.BINARYMIME}))
    assert say(greeted(without), b"EHLO a")[1] == ["250 mx.example"]
    assert say(ready(without), b"MAIL FROM:<> BODY=BINARYMIME")[1] == ["555 BODY is not known here"]
    assert say(ready(), b"MAIL FROM:<> BODY=BINARYMIME")[1] == [
        "501 5.5.4 BODY takes 7BIT or 8BITMIME"
    ]


# -- any input ------------------------------------------------------------------------------------


def outcome(
    pieces: list[bytes], rules: ServerRules
) -> tuple[bytes, bytes, list[type[ServerEvent]], ServerState]:
    session = ready(rules)
    said = body = taken = b""
    kinds: list[type[ServerEvent]] = []
    for piece in pieces:
        session.receive(piece)
        while (event := session.next_event()) is not None:
            if isinstance(event, BodyReceived):
                body += event.data
                continue
            kinds.append(type(event))
            if isinstance(event, (MessageReceived, MessageRefused, MessageDropped)):
                # How much of a refused message was handed on before is nobody's concern.
                taken += body if isinstance(event, MessageReceived) else b""
                body = b""
            if isinstance(event, QUESTIONS):
                session.answer(Reply(250, ("yes",)))
        said += session.data_to_send()
    return said, taken, kinds, session.state


CONTENTS = st.lists(
    st.sampled_from([b"a", b"\r\n", b"\r", b"\n", b".", b"\x00", b"\r\n.\r\n", b"RSET\r\n"])
).map(b"".join)


def chunk(content: bytes, is_last: bool) -> bytes:
    return Bdat(len(content), is_last=is_last).encode() + content


@given(
    st.data(),
    st.lists(
        st.one_of(
            st.builds(chunk, CONTENTS, st.booleans()),
            st.sampled_from(
                [b"MAIL FROM:<>\r\n", b"RCPT TO:<a@b>\r\n", b"RSET\r\n", b"NOOP\r\n", b"EHLO a\r\n",
                 b"BDAT 3 LA\r\n", b"MAIL FROM:<>\r\nRCPT TO:<a@b>\r\n"]
            ),
        ),
        max_size=12,
    ),
    st.sampled_from([LineEndings.REJECT, LineEndings.NORMALIZE]),
)  # fmt: skip
def test_the_cut_does_not_matter(
    data: st.DataObject, said: list[bytes], line_endings: LineEndings
) -> None:
    rules = replace(
        OPEN, line_endings=line_endings, max_message_size=20, max_errors=4, max_commands=20
    )
    stream = b"MAIL FROM:<>\r\nRCPT TO:<a@b>\r\n" + b"".join(said)
    whole = outcome([stream], rules)
    assert outcome(byte_by_byte(stream), rules) == whole
    assert outcome(data.draw(segments(stream)), rules) == whole
    assert whole[1].count(b"\n") == whole[1].count(b"\r\n") == whole[1].count(b"\r")


@given(CONTENTS, CONTENTS)
def test_normalised_chunks_hold_only_crlf(first: bytes, last: bytes) -> None:
    rules = replace(OPEN, line_endings=LineEndings.NORMALIZE, starttls=Offer.UNAVAILABLE)
    first, last = first.replace(b"\x00", b""), last.replace(b"\x00", b"")
    stream = b"MAIL FROM:<>\r\nRCPT TO:<a@b>\r\n" + chunk(first, False) + chunk(last, True)
    body = outcome([stream], rules)[1]
    text = (first + last).replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    assert body == text.replace(b"\n", b"\r\n")

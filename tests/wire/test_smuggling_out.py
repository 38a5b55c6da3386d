r"""SMTP smuggling, outbound: a message of ours that another server ends too early.

The other half of CVE-2023-51764 and CVE-2024-27305 (VU#302671) is a server that passes on what only
the next one takes for an end. lettre RUSTSEC-2021-0069 is the plain case: a dot at the start of a
line that was not doubled. Whatever a caller gives as content, on the wire there is one end of data,
and no CR or LF that some server could take for another.
"""

from __future__ import annotations

import pytest

from postseal.smtp import ClientSession
from tests.parts.false_ends import END, FALSE_ENDS
from tests.parts.splits import byte_by_byte
from tests.parts.transcript import run_client

HIDDEN = (
    b"MAIL FROM:<admin@victim.example>\r\nRCPT TO:<user@victim.example>\r\nDATA\r\nPay now.\r\n"
)


def in_a_body() -> ClientSession:
    session = ClientSession()
    run_client(
        session,
        """
        S: 220 mx.example
        C: EHLO client.example
        S: 250 mx.example
        C: MAIL FROM:<ada@example.com>
        S: 250 OK
        C: RCPT TO:<bob@example.org>
        S: 250 OK
        C: DATA
        S: 354 go ahead
        """,
    )
    return session


@pytest.mark.parametrize("false_end", [*FALSE_ENDS, END, b"\r\n.\r\n.\r\n", b"\n..\n"], ids=ascii)
@pytest.mark.parametrize("cut", [lambda octets: [octets], byte_by_byte], ids=["whole", "bytes"])
def test_no_content_ends_the_body(false_end: bytes, cut: object) -> None:
    assert callable(cut)
    session = in_a_body()
    content = b"Hello" + false_end + HIDDEN
    wire = b"".join(session.write_body(piece) for piece in cut(content)) + session.end_body()
    assert wire.count(END) == 1
    assert wire.endswith(END)
    # Nothing is left that a server could take for a line ending of its own kind.
    assert wire.count(b"\r") == wire.count(b"\n") == wire.count(b"\r\n")
    # What looked like an end is a line with its dot doubled, or no line at all.
    assert not any(line == b"." for line in wire.split(b"\r\n")[:-2])


def test_a_body_cut_in_its_line_ending_is_no_other() -> None:
    # I07
    session = in_a_body()
    wire = session.write_body(b"a\r") + session.write_body(b"\n.\r") + session.write_body(b"\nb")
    assert wire + session.end_body() == b"a\r\n..\r\nb\r\n.\r\n"


def test_the_state_of_one_body_does_not_reach_the_next() -> None:
    session = in_a_body()
    session.write_body(b"no line ending\r")
    session.end_body()
    heard = run_client(
        session,
        """
        S: 250 queued
        C: MAIL FROM:<ada@example.com>
        S: 250 OK
        C: RCPT TO:<bob@example.org>
        S: 250 OK
        C: DATA
        S: 354 go ahead
        # The first line of this one begins with a dot as well.
        C: ..first
        C: .
        S: 250 queued
        """,
    )
    assert [received.reply.code for received in heard] == [250, 250, 250, 354, 250]

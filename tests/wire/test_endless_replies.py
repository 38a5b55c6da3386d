"""Endless replies: a server that never comes to an end must not fill the client's memory.

aiosmtplib before 5.1.2, lettre before 0.11.22. Promise 7: everything is bounded.
"""

from __future__ import annotations

from itertools import repeat

import pytest

from postseal.errors import MailError, RemoteProtocolError
from postseal.smtp import ClientSession, ClientState
from postseal.smtp.commands import Ehlo

BLOCK = 4096
# Far more than the client may ever hold of one reply.
ENOUGH = 512 * 1024


def waiting(*, for_ehlo: bool) -> ClientSession:
    session = ClientSession()
    if for_ehlo:
        session.receive(b"220 mx.example\r\n")
        session.send(Ehlo("client.example"))
    return session


def drown(session: ClientSession, block: bytes) -> tuple[int, MailError]:
    """Feed the same block until the session has had enough; return the octets it took."""
    taken = 0
    for octets in repeat(block, ENOUGH // len(block)):
        taken += len(octets)
        try:
            session.receive(octets)
        except MailError as error:
            return taken, error
    pytest.fail(f"still listening after {taken} octets")


@pytest.mark.parametrize("for_ehlo", [False, True])
@pytest.mark.parametrize(
    ("block", "limit", "says"),
    [
        # P01: a line without an end.
        (b"x" * BLOCK, BLOCK, "longer than 2048 octets"),
        (b"2", 2048, "longer than 2048 octets"),
        (b"250 " + b"x" * BLOCK, BLOCK + 4, "longer than 2048 octets"),
        (b"\x00" * BLOCK, BLOCK, "longer than 2048 octets"),
        # P02: a reply without an end.
        (b"250-x\r\n" * 100, 128 * 7 + 700, "more than 128 lines"),
        (b"250-" + b"x" * 2042 + b"\r\n", 128 * 2048, "more than 128 lines"),
        (b"250-\r\n", 128 * 6, "more than 128 lines"),
    ],
    ids=["line", "octets", "text", "nuls", "lines", "long-lines", "empty-lines"],
)
def test_a_reply_has_an_end(for_ehlo: bool, block: bytes, limit: int, says: str) -> None:
    session = waiting(for_ehlo=for_ehlo)
    taken, error = drown(session, block)
    assert isinstance(error, RemoteProtocolError)
    assert says in error.text
    assert taken <= limit
    assert session.state is ClientState.CLOSED


def test_many_replies_are_a_fault_at_the_first_that_nothing_asked_for() -> None:
    session = waiting(for_ehlo=True)
    session.receive(b"250 mx.example\r\n" + b"250 and more\r\n" * 1000)
    assert isinstance(session.failure, RemoteProtocolError)
    assert "nothing asked for" in session.failure.text


def test_the_longest_honest_reply_is_taken() -> None:
    # 128 lines of 2048 octets: no server says as much.
    session = waiting(for_ehlo=True)
    line = b"x" * 2042 + b"\r\n"
    (received,) = session.receive((b"250-" + line) * 127 + b"250 " + line)
    assert len(received.reply.lines) == 128


def test_a_closed_session_keeps_nothing() -> None:
    session = waiting(for_ehlo=False)
    session.receive(b"421 closing\r\n")
    for _ in range(100):
        assert session.receive(b"250-x\r\n" * 1000) == []
    assert session.receive(b"") == []

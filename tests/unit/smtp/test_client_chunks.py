"""BDAT as the client says it: when it may, and what its answers change (RFC 3030 2)."""

from __future__ import annotations

import pytest

from postseal.address import Address
from postseal.errors import LocalProtocolError, RemoteProtocolError
from postseal.smtp import ClientSession, ClientState
from postseal.smtp.commands import Bdat, Ehlo, Mail, Noop, Rcpt, Rset

ADA = Address("ada", "example.com")


def ready(*offers: str) -> ClientSession:
    session = ClientSession()
    session.receive(b"220 mx\r\n")
    session.send(Ehlo("client.example"))
    session.receive("".join(f"250-{offer}\r\n" for offer in ("mx", *offers)).encode())
    session.receive(b"250 HELP\r\n")
    return session


def in_transaction(*offers: str) -> ClientSession:
    session = ready(*(offers or ("CHUNKING", "PIPELINING")))
    session.send(Mail(ADA))
    session.receive(b"250 ok\r\n")
    session.send(Rcpt(ADA))
    session.receive(b"250 ok\r\n")
    return session


def test_a_message_in_chunks() -> None:
    session = in_transaction()
    assert session.write_chunk(b"Subject: x\r\n") == b"BDAT 12\r\nSubject: x\r\n"
    assert session.state is ClientState.CHUNKING
    assert session.receive(b"250 12 octets\r\n")[0].command == Bdat(12)
    # Octets go as they are: a dot is a dot, and a CR may be the last of a chunk.
    assert session.write_chunk(b".\r\n.\r") == b"BDAT 5\r\n.\r\n.\r"
    session.receive(b"250 5 octets\r\n")
    # RFC 3030 2: the last chunk may be empty.
    assert session.write_chunk(b"", is_last=True) == b"BDAT 0 LAST\r\n"
    assert session.receive(b"250 queued\r\n")[0].command == Bdat(0, is_last=True)
    assert session.is_idle


def test_chunks_travel_together_where_the_server_takes_pipelining() -> None:
    session = in_transaction()
    session.write_chunk(b"a")
    session.write_chunk(b"b")
    session.write_chunk(b"c", is_last=True)
    commands = [event.command for event in session.receive(b"250 a\r\n250 b\r\n250 c\r\n")]
    assert commands == [Bdat(1), Bdat(1), Bdat(1, is_last=True)]


def test_without_pipelining_each_chunk_waits() -> None:
    session = in_transaction("CHUNKING")
    session.write_chunk(b"a")
    with pytest.raises(LocalProtocolError, match="PIPELINING"):
        session.write_chunk(b"b")


def test_after_a_refused_chunk_comes_RSET() -> None:
    session = in_transaction()
    session.write_chunk(b"a")
    session.receive(b"552 too large\r\n")
    assert session.state is ClientState.CHUNK_REFUSED
    with pytest.raises(LocalProtocolError, match="no chunk may be sent"):
        session.write_chunk(b"b")
    with pytest.raises(LocalProtocolError, match="allowed: RSET, NOOP, QUIT"):
        session.send(Mail(ADA))
    session.send(Noop())
    session.receive(b"250 ok\r\n")
    session.send(Rset())
    session.receive(b"250 ok\r\n")
    assert session.is_idle


def test_no_chunk_before_a_recipient_was_taken() -> None:
    # A server that took no recipient may not expect octets, and would read them as commands.
    session = ready("CHUNKING", "PIPELINING")
    session.send(Mail(ADA))
    session.receive(b"250 ok\r\n")
    session.send(Rcpt(ADA))
    for answer in (b"", b"550 nobody\r\n"):
        if answer:
            session.receive(answer)
        with pytest.raises(LocalProtocolError, match="before a recipient was taken"):
            session.write_chunk(b"QUIT\r\n")


def test_no_chunk_where_none_are_offered() -> None:
    session = in_transaction("PIPELINING")
    with pytest.raises(LocalProtocolError, match="CHUNKING"):
        session.write_chunk(b"a")


def test_the_recipients_of_the_message_before_do_not_count() -> None:
    session = in_transaction()
    session.write_chunk(b"a", is_last=True)
    session.receive(b"250 queued\r\n")
    session.send(Mail(ADA))
    session.receive(b"250 ok\r\n")
    with pytest.raises(LocalProtocolError, match="before a recipient was taken"):
        session.write_chunk(b"a")


@pytest.mark.parametrize("answer", [b"354 go\r\n", b"334 \r\n"])
def test_a_chunk_is_answered_for_good(answer: bytes) -> None:
    session = in_transaction()
    session.write_chunk(b"a")
    with pytest.raises(RemoteProtocolError, match="BDAT was answered with"):
        session.receive(answer)


def test_after_a_failure_nothing_is_written() -> None:
    session = in_transaction()
    session.write_chunk(b"a")
    session.receive(b"250 ok\r\nrubbish\r\n")
    with pytest.raises(RemoteProtocolError):
        session.write_chunk(b"b")

"""LMTP as the client speaks it: its own greeting, and a verdict for each recipient (RFC 2033)."""

from __future__ import annotations

import pytest

from postseal.address import Address
from postseal.errors import LocalProtocolError, RemoteProtocolError
from postseal.smtp import ClientSession, ClientState
from postseal.smtp.commands import Data, Ehlo, EndOfData, Helo, Lhlo, Mail, Quit, Rcpt
from postseal.smtp.protocol import Protocol

ADA = Address("ada", "example.com")


def ready(*offers: str) -> ClientSession:
    session = ClientSession(protocol=Protocol.LMTP)
    session.receive(b"220 mx LMTP\r\n")
    assert session.send(Lhlo("client.example")) == b"LHLO client.example\r\n"
    lines = "".join(f"250-{offer}\r\n" for offer in ("mx", "PIPELINING", *offers))
    session.receive(lines.encode() + b"250 8BITMIME\r\n")
    return session


def test_each_protocol_has_its_greeting() -> None:
    for hello in (Ehlo("client.example"), Helo("client.example")):
        session = ClientSession(protocol=Protocol.LMTP)
        session.receive(b"220 mx LMTP\r\n")
        with pytest.raises(LocalProtocolError, match="not said in LMTP"):
            session.send(hello)
    session = ClientSession()
    session.receive(b"220 mx\r\n")
    with pytest.raises(LocalProtocolError, match="LHLO is not said in SMTP"):
        session.send(Lhlo("client.example"))
    with pytest.raises(LocalProtocolError, match="allowed: EHLO, HELO, QUIT"):
        session.send(Mail(ADA))


def test_each_recipient_that_was_taken_has_a_verdict() -> None:
    session = ready()
    for command in (Mail(ADA), Rcpt(ADA), Rcpt(ADA), Rcpt(ADA), Data()):
        session.send(command)
    # The second is refused, so there are two verdicts.
    session.receive(b"250 a\r\n250 b\r\n550 c\r\n250 d\r\n354 go\r\n")
    session.end_body()
    events = session.receive(b"250 stored\r\n452 mailbox is full\r\n")
    assert [(event.command, event.reply.code) for event in events] == [
        (EndOfData(), 250),
        (EndOfData(), 452),
    ]
    assert session.is_idle


def test_the_next_envelope_is_answered_behind_all_verdicts() -> None:
    session = ready()
    for command in (Mail(ADA), Rcpt(ADA), Rcpt(ADA), Data()):
        session.send(command)
    session.receive(b"250 a\r\n250 b\r\n250 c\r\n354 go\r\n")
    session.end_body()
    session.send(Mail(None))
    session.send(Rcpt(ADA))
    events = session.receive(b"250 1\r\n250 2\r\n250 mail\r\n250 rcpt\r\n")
    assert [event.command for event in events] == [EndOfData(), EndOfData(), Mail(None), Rcpt(ADA)]
    # What was counted for the first message does not count for the second.
    session.send(Data())
    session.receive(b"354 go\r\n")
    session.end_body()
    assert [event.reply.code for event in session.receive(b"250 only one\r\n")] == [250]
    assert session.is_idle


def test_a_verdict_too_many_is_noticed() -> None:
    session = ready()
    for command in (Mail(ADA), Rcpt(ADA), Data()):
        session.send(command)
    session.receive(b"250 a\r\n250 b\r\n354 go\r\n")
    session.end_body()
    assert len(session.receive(b"250 1\r\n250 2\r\n")) == 1
    with pytest.raises(RemoteProtocolError, match="nothing asked for"):
        session.receive(b"250 3\r\n")


def test_chunks_have_one_reply_each_and_the_last_one_for_each_recipient() -> None:
    # RFC 2033 4.3
    session = ready("CHUNKING")
    for command in (Mail(ADA), Rcpt(ADA), Rcpt(ADA)):
        session.send(command)
    session.receive(b"250 a\r\n250 b\r\n250 c\r\n")
    session.write_chunk(b"x")
    assert len(session.receive(b"250 1 octet\r\n")) == 1
    session.write_chunk(b"y", is_last=True)
    assert not session.is_idle
    assert [event.reply.code for event in session.receive(b"250 1\r\n550 2\r\n")] == [250, 550]
    assert session.is_idle


def test_a_go_ahead_for_nobody_is_an_error() -> None:
    # RFC 2033 4.2: 503 is due; how many verdicts would follow the body, nobody could say.
    session = ready()
    for command in (Mail(ADA), Rcpt(ADA), Data()):
        session.send(command)
    session.receive(b"250 a\r\n550 b\r\n")
    with pytest.raises(RemoteProtocolError, match="nobody was taken"):
        session.receive(b"354 go\r\n")
    assert session.state is ClientState.CLOSED


def test_a_farewell_ends_the_verdicts() -> None:
    session = ready()
    for command in (Mail(ADA), Rcpt(ADA), Rcpt(ADA), Data()):
        session.send(command)
    session.receive(b"250 a\r\n250 b\r\n250 c\r\n354 go\r\n")
    session.end_body()
    assert [event.reply.code for event in session.receive(b"250 1\r\n421 bye\r\n")] == [250, 421]
    with pytest.raises(LocalProtocolError):
        session.send(Quit())

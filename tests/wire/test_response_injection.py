r"""Response injection behind 220: replies in clear that a client hears inside TLS.

Whoever is on the path appends octets to the server's `220`; a client that keeps them in its buffer
takes them for the sealed server's answers (promise 3).

- aiosmtplib GHSA-vxj7-4xrp-5vr4: what was read behind the `220` stayed in the buffer.
- MailKit CVE-2026-41319: the same, and the forged answer to EHLO chose the SASL mechanism.
- Exim CVE-2021-38371: the same in a mail server as it sends.
- net-imap CVE-2026-42246: the answer was there before the question.

The same over sockets and TLS: tests/integration/send/test_nothing_leaves_in_clear.py.
"""

from __future__ import annotations

import pytest

from postseal.errors import LocalProtocolError, Phase, RemoteProtocolError, StartTLSInjection
from postseal.smtp import ClientSession, ClientState
from postseal.smtp.commands import Auth, StartTLS
from tests.parts.splits import byte_by_byte
from tests.parts.transcript import run_client

BEFORE = """
    S: 220 mx.example
    C: EHLO client.example
    S: 250-mx.example
    S: 250-SIZE 1000
    S: 250-SMTPUTF8
    S: 250-AUTH PLAIN
    S: 250 STARTTLS
    C: STARTTLS
"""


def waiting_for_220() -> ClientSession:
    session = ClientSession()
    run_client(session, BEFORE)
    return session


INJECTED = [
    # B01: a forged answer to the EHLO inside.
    b"250-mx.example\r\n250 AUTH LOGIN\r\n",
    # B02: half a line, to be completed by the real server's first reply.
    b"250-AUTH LOGIN",
    # One octet is enough.
    b"\r",
    b"2",
    b"\x00",
    # B03: a whole session that never happened.
    b"250 mx\r\n235 ok\r\n250 ok\r\n250 ok\r\n354 go\r\n250 queued\r\n221 bye\r\n",
    # B06: another reply to the same command.
    b"220 go again\r\n",
    # A farewell would end the session just as quietly.
    b"421 closing\r\n",
    # B08: a TLS record, for clients that only look at the first octet.
    b"\x16\x03\x03\x00\x02\x01\x00",
    # B05
    b"x" * 2**20,
]


@pytest.mark.parametrize("injected", INJECTED, ids=lambda octets: ascii(octets[:16]))
def test_octets_in_the_segment_of_the_220(injected: bytes) -> None:
    session = waiting_for_220()
    with pytest.raises(StartTLSInjection) as caught:
        session.receive(b"220 go ahead\r\n" + injected)
    assert caught.value.phase is Phase.STARTTLS
    assert caught.value.hint is not None
    assert session.state is ClientState.CLOSED
    with pytest.raises(LocalProtocolError):
        session.tls_established(peer_authenticated=True)


@pytest.mark.parametrize("injected", INJECTED, ids=lambda octets: ascii(octets[:16]))
def test_octets_in_a_segment_of_their_own(injected: bytes) -> None:
    # Behind the 220 all octets belong to the handshake; those given here were read in clear.
    session = waiting_for_220()
    session.receive(b"220 go ahead\r\n")
    with pytest.raises(StartTLSInjection):
        session.receive(injected)
    assert session.state is ClientState.CLOSED


def test_a_220_byte_by_byte_is_no_injection() -> None:
    # B07, and the positive control.
    session = waiting_for_220()
    for octet in byte_by_byte(b"220-go\r\n220 ahead\r\n"):
        session.receive(octet)
    assert session.state is ClientState.HANDSHAKE


def test_a_reply_sent_before_it_was_asked_for() -> None:
    # B04 (CVE-2026-42246): the 220 comes with the reply to EHLO, so that STARTTLS finds it there.
    session = ClientSession()
    with pytest.raises(RemoteProtocolError, match="nothing asked for"):
        run_client(
            session,
            """
            S: 220 mx.example
            C: EHLO client.example
            S: 250 STARTTLS
            S: 220 go ahead
            """,
        )
    with pytest.raises(RemoteProtocolError):
        session.send(StartTLS())


@pytest.mark.parametrize("code", [200, 235, 250, 334, 354])
def test_no_other_code_hides_an_injection(code: int) -> None:
    session = waiting_for_220()
    with pytest.raises(RemoteProtocolError, match="not with 220"):
        session.receive(b"%d go\r\n250 AUTH LOGIN\r\n" % code)


def test_behind_a_refusal_nothing_may_stand_either() -> None:
    session = waiting_for_220()
    session.receive(b"454 no TLS today\r\n250 forged\r\n")
    assert isinstance(session.failure, RemoteProtocolError)
    assert session.state is ClientState.CLOSED


def test_what_was_heard_in_clear_is_forgotten() -> None:
    # B09: SIZE, SMTPUTF8 and AUTH of the EHLO in clear may be the attacker's words.
    session = waiting_for_220()
    session.receive(b"220 go\r\n")
    assert session.extensions.parameters == {}
    session.tls_established(peer_authenticated=True)
    assert session.state is ClientState.GREETED
    with pytest.raises(LocalProtocolError, match="allowed: EHLO, HELO, QUIT"):
        session.send(Auth("PLAIN", b"x"))
    run_client(session, "C: EHLO client.example\nS: 250-mx.example\nS: 250 8BITMIME")
    assert set(session.extensions.parameters) == {"8BITMIME"}


def test_who_authenticated_in_clear_is_nobody_under_TLS() -> None:
    session = ClientSession(dangerous_auth_in_clear=True)
    run_client(
        session,
        """
        S: 220 mx.example
        C: EHLO client.example
        S: 250-mx.example
        S: 250-AUTH PLAIN
        S: 250 STARTTLS
        C: AUTH PLAIN AGEAYg==
        S: 235 welcome
        C: STARTTLS
        S: 220 go ahead
        *: TLS
        """,
    )
    assert not session.is_authenticated

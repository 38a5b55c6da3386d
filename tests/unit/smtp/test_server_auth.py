"""What the platform is asked while a client authenticates, and what its answers do."""

from __future__ import annotations

from base64 import b64encode
from dataclasses import replace

import pytest

from postseal.errors import LocalProtocolError
from postseal.smtp import Reply, ServerSession
from postseal.smtp.events import (
    AuthenticationFailed,
    CertificateReceived,
    ScramRecordRequested,
    ServerEvent,
    SessionEnded,
    TokenReceived,
)
from postseal.smtp.rules import ServerRules
from postseal.smtp.sasl import ChannelEnds, ScramHash, ScramRecord, ServerOffer, ServerSASL

RULES = ServerRules("mail.example", sasl=ServerOffer(frozenset(ServerSASL), decoy_secret=b"decoys"))
CERTIFICATE = b"a certificate in DER"
NO = Reply(535, ("no",), "5.7.8")
YES = Reply(235, ("yes",), "2.7.0")
XOAUTH2 = b"user=ada\x01auth=Bearer t0ken\x01\x01"
OAUTHBEARER = b"n,a=ada,\x01auth=Bearer t0ken\x01\x01"


def ready(rules: ServerRules = RULES) -> ServerSession:
    session = ServerSession(rules, sealed=True, channel=ChannelEnds(b"binding", CERTIFICATE))
    session.greet()
    hear(session, b"EHLO client.example")
    session.data_to_send()
    return session


def hear(session: ServerSession, line: bytes) -> ServerEvent | None:
    session.receive(line + b"\r\n")
    return session.next_event()


def auth(session: ServerSession, mechanism: bytes, response: bytes) -> ServerEvent | None:
    return hear(session, b"AUTH " + mechanism + b" " + (b64encode(response) or b"="))


@pytest.mark.parametrize(
    ("mechanism", "response"), [(b"XOAUTH2", XOAUTH2), (b"OAUTHBEARER", OAUTHBEARER)]
)
def test_a_token_that_is_taken(mechanism: bytes, response: bytes) -> None:
    session = ready()
    asked = auth(session, mechanism, response)
    assert asked == TokenReceived("ada", "t0ken")
    # Promise 5.
    assert "t0ken" not in repr(asked)
    session.authenticate_as("ada@example.com")
    assert session.data_to_send() == b"235 2.7.0 Authentication succeeded\r\n"
    assert session.authenticated_as == "ada@example.com"


@pytest.mark.parametrize(
    ("mechanism", "response", "reason", "acknowledgement"),
    [
        (b"XOAUTH2", XOAUTH2, b'{"status":"401","schemes":"bearer"}', b""),
        (
            b"OAUTHBEARER",
            OAUTHBEARER,
            b'{"status":"invalid_token","schemes":"bearer"}',
            b"AQ==",
        ),
        (b"OAUTHBEARER", OAUTHBEARER, b'{"status":"invalid_token","schemes":"bearer"}', b"*"),
        # Not base64, and still a guess that counts.
        (b"XOAUTH2", XOAUTH2, b'{"status":"401","schemes":"bearer"}', b"!"),
    ],
)
def test_a_token_that_is_refused_is_explained_first(
    mechanism: bytes, response: bytes, reason: bytes, acknowledgement: bytes
) -> None:
    # RFC 7628 3.2.2 and 3.2.3
    session = ready()
    auth(session, mechanism, response)
    session.answer(NO)
    assert session.data_to_send() == b"334 " + b64encode(reason) + b"\r\n"
    failed = AuthenticationFailed(mechanism.decode(), "ada", "the token was refused")
    assert hear(session, acknowledgement) == failed
    assert session.data_to_send() == b"535 5.7.8 no\r\n"
    assert session.authenticated_as is None
    # It is over: what is said next is a command again.
    assert hear(session, b"NOOP") is None
    assert session.data_to_send() == b"250 2.0.0 OK\r\n"


def test_EXTERNAL_alone_is_nothing_without_a_certificate() -> None:
    offer = ServerOffer(frozenset({ServerSASL.EXTERNAL}))
    session = ServerSession(ServerRules("mail.example", sasl=offer), sealed=True)
    session.greet()
    hear(session, b"EHLO client.example")
    assert b"AUTH" not in session.data_to_send()


def test_a_token_that_cannot_be_checked_now() -> None:
    session = ready()
    auth(session, b"XOAUTH2", XOAUTH2)
    session.answer(Reply(454, ("later",), "4.7.0"))
    assert session.data_to_send() == b"454 4.7.0 later\r\n"


def test_a_certificate() -> None:
    session = ready()
    asked = auth(session, b"EXTERNAL", b"")
    assert asked == CertificateReceived("", CERTIFICATE)
    session.authenticate_as("ada")
    assert session.authenticated_as == "ada"
    session = ready()
    assert auth(session, b"EXTERNAL", b"bob") == CertificateReceived("bob", CERTIFICATE)
    session.answer(NO)
    assert session.authenticated_as is None
    assert session.next_event() == AuthenticationFailed(
        "EXTERNAL", "bob", "the platform refused it"
    )


@pytest.mark.parametrize(
    ("mechanism", "response"),
    [(b"XOAUTH2", XOAUTH2), (b"EXTERNAL", b"ada"), (b"SCRAM-SHA-256", b"n,,n=ada,r=CLIENT")],
)
def test_a_yes_without_a_name_lets_nobody_in(mechanism: bytes, response: bytes) -> None:
    # Whom a token or a certificate belongs to, and what a record proves, is not the client's word.
    session = ready()
    asked = auth(session, mechanism, response)
    refusal = f"{type(asked).__name__} is not answered with 235"
    with pytest.raises(LocalProtocolError, match=refusal):
        session.answer(YES)
    session.answer(NO)
    assert session.authenticated_as is None


def test_answers_to_what_was_not_asked() -> None:
    session = ready()
    record = ScramRecord.derive("x", hash_=ScramHash.SHA_1)
    with pytest.raises(LocalProtocolError, match="no SCRAM record"):
        session.answer_record(record)
    with pytest.raises(LocalProtocolError, match="no certificate or token"):
        session.authenticate_as("ada")
    auth(session, b"SCRAM-SHA-256", b"n,,n=ada,r=CLIENT")
    with pytest.raises(LocalProtocolError, match="no certificate or token"):
        session.authenticate_as("ada")
    with pytest.raises(LocalProtocolError, match="sha1"):
        session.answer_record(record)
    # The question still waits, and is answered.
    session.answer_record(None)
    assert session.data_to_send().startswith(b"334 ")


def test_a_record_that_cannot_be_looked_up_now() -> None:
    session = ready()
    assert auth(session, b"SCRAM-SHA-1", b"n,,n=ada,r=C") == ScramRecordRequested(
        "ada", ScramHash.SHA_1
    )
    session.answer(Reply(454, ("later",), "4.7.0"))
    assert session.data_to_send() == b"454 4.7.0 later\r\n"
    assert session.next_event() is None


def test_the_platform_may_end_the_session() -> None:
    session = ready()
    auth(session, b"PLAIN", b"\0ada\0secret")
    session.answer(Reply(421, ("enough",), "4.7.0"))
    assert session.data_to_send() == b"421 4.7.0 enough\r\n"
    assert session.next_event() == SessionEnded()


def test_the_first_failure_may_be_the_last() -> None:
    session = ready(replace(RULES, max_failed_authentications=1))
    auth(session, b"PLAIN", b"\0ada\0secret")
    session.answer(NO)
    assert session.data_to_send() == (
        b"535 5.7.8 no\r\n421 4.7.0 too many failed authentications\r\n"
    )

"""How the server lets users in (RFC 4954), mechanism by mechanism and rule by rule."""

from __future__ import annotations

from base64 import b64decode, b64encode
from dataclasses import replace

import pytest

from postseal.smtp import ServerSession, ServerState
from postseal.smtp.events import (
    AuthenticationFailed,
    AuthenticationReceived,
    HelloReceived,
    IdentityProven,
    ScramRecordRequested,
    SessionEnded,
)
from postseal.smtp.protocol import Protocol
from postseal.smtp.rules import Offer, ServerRules
from postseal.smtp.sasl import (
    ChannelEnds,
    PlainCredentials,
    ScramHash,
    ScramRecord,
    ServerOffer,
    ServerSASL,
)
from tests.parts.transcript import ServerRun, run_server

# RFC 7677 3: the user is "user", the password "pencil".
RECORDS = {"user": ScramRecord.derive("pencil", salt=b64decode("W22ZaJ0SNY7soEsUEjb6gQ=="))}
OFFER = ServerOffer(
    frozenset({ServerSASL.SCRAM_SHA_256, ServerSASL.PLAIN, ServerSASL.LOGIN}),
    decoy_secret=b"known to nobody else",
    nonce=lambda: "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0",
)
RULES = ServerRules("mail.example", extensions=frozenset(), sasl=OFFER)
UNBOUND = ChannelEnds()
BOUND = ChannelEnds(b"the hash of our certificate")

EHLO = """
    C: EHLO client.example
    S: 250-mail.example
    S: 250 AUTH SCRAM-SHA-256 PLAIN LOGIN
"""
EHLO_BOUND = """
    C: EHLO client.example
    S: 250-mail.example
    S: 250 AUTH SCRAM-SHA-256-PLUS SCRAM-SHA-256 PLAIN LOGIN
"""
FIRST = "n,,n=user,r=rOprNGfwEbeRWgbNEkqO"
SERVER_FIRST = (
    "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096"
)
FINAL = (
    "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,"
    "p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="
)
WRONG_FINAL = FINAL.replace("dHzb", "dHza")
SERVER_FINAL = "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="


def b64(text: str) -> str:
    return b64encode(text.encode()).decode()


def plain(password: str) -> str:
    return b64(f"\0tim\0{password}")


def play(
    transcript: str, *, channel: ChannelEnds = UNBOUND, rules: ServerRules = RULES
) -> ServerRun:
    session = ServerSession(rules, sealed=True, channel=channel)
    session.greet()
    session.data_to_send()
    return run_server(session, transcript, records=RECORDS)


def test_SCRAM_as_in_the_example_of_its_RFC() -> None:
    run = play(
        EHLO
        + f"""
        C: AUTH SCRAM-SHA-256 {b64(FIRST)}
        S: 334 {b64(SERVER_FIRST)}
        C: {b64(FINAL)}
        # RFC 4954 4: the proof of the server is a challenge, answered with an empty line, for
        # 235 has no place for it.
        S: 334 {b64(SERVER_FINAL)}
        C:
        S: 235 welcome
        C: MAIL FROM:<user@example.com>
        S: 250 OK
        """
    )
    assert run.events[1:3] == [
        ScramRecordRequested("user", ScramHash.SHA_256),
        IdentityProven("user", ""),
    ]
    assert run.session.authenticated_as == "user"


def test_a_client_that_waits_to_be_asked() -> None:
    # RFC 4954 4: without an initial response it is asked for with an empty challenge.
    run = play(
        EHLO
        + rf"""
        C: AUTH SCRAM-SHA-256
        S> 334\x20\r\n
        C: {b64(FIRST)}
        S: 334 {b64(SERVER_FIRST)}
        C: {b64(FINAL)}
        S: 334 {b64(SERVER_FINAL)}
        C:
        S: 235 welcome
        """
    )
    assert run.session.authenticated_as == "user"


def test_nobody_is_in_before_the_platform_says_so() -> None:
    # The proof is right; the user may have been locked out all the same.
    run = play(
        EHLO
        + f"""
        C: AUTH SCRAM-SHA-256 {b64(FIRST)}
        S: 334 {b64(SERVER_FIRST)}
        C: {b64(FINAL)}
        S: 334 {b64(SERVER_FINAL)}
        C:
        S: 535 locked
        C: MAIL FROM:<user@example.com>
        S: 530 Authentication required
        """
    )
    assert run.session.authenticated_as is None
    assert AuthenticationFailed("SCRAM-SHA-256", "user", "the platform refused it") in run.events


def test_a_wrong_proof() -> None:
    run = play(
        EHLO
        + f"""
        C: AUTH SCRAM-SHA-256 {b64(FIRST)}
        S: 334 {b64(SERVER_FIRST)}
        C: {b64(WRONG_FINAL)}
        S: 535 Authentication credentials invalid
        """
    )
    assert run.events[-1] == AuthenticationFailed("SCRAM-SHA-256", "user", "the proof is wrong")


def test_a_user_who_does_not_exist_is_answered_like_one_who_does() -> None:
    def first_answer(name: str) -> str:
        session = ServerSession(RULES, sealed=True)
        session.greet()
        session.receive(b"EHLO client.example\r\n")
        assert isinstance(session.next_event(), HelloReceived)
        session.data_to_send()
        session.receive(f"AUTH SCRAM-SHA-256 {b64(f'n,,n={name},r=CLIENT')}\r\n".encode())
        assert session.next_event() == ScramRecordRequested(name, ScramHash.SHA_256)
        session.answer_record(None)
        return b64decode(session.data_to_send()[4:]).decode()

    salt = first_answer("nobody").split(",")[1]
    # The same salt each time, as a real user's; another one for another name.
    assert first_answer("nobody").split(",")[1:] == [salt, "i=4096"]
    assert first_answer("somebody").split(",")[1] != salt


def test_with_a_binding_the_PLUS_form_is_offered_and_taken() -> None:
    bound = b64encode(b"p=tls-server-end-point,," + BOUND.channel_binding).decode()
    run = play(
        EHLO_BOUND
        + rf"""
        C: AUTH SCRAM-SHA-256-PLUS {b64(FIRST.replace("n,,", "p=tls-server-end-point,,"))}
        S: 334 {b64(SERVER_FIRST)}
        # A proof by hand: what matters is that the other channel is refused with the same words.
        C: {b64(FINAL.replace("biws", bound))}
        S: 535 Authentication credentials invalid
        """,
        channel=BOUND,
    )
    assert run.events[1] == ScramRecordRequested("user", ScramHash.SHA_256)


@pytest.mark.parametrize(
    ("first", "reason"),
    [
        # RFC 5802 6: "y" says that we did not offer -PLUS. We did: somebody took it out.
        (FIRST.replace("n,,", "y,,"), "the client did not see -PLUS offered"),
        (FIRST.replace("n,,", "p=tls-unique,,"), "channel binding flag is not that of"),
    ],
)
def test_a_downgrade_of_the_binding_is_refused(first: str, reason: str) -> None:
    run = play(
        EHLO_BOUND
        + f"""
        C: AUTH SCRAM-SHA-256 {b64(first)}
        S: 535 Authentication credentials invalid
        """,
        channel=BOUND,
    )
    failed = run.events[-1]
    assert isinstance(failed, AuthenticationFailed)
    assert reason in failed.reason


def test_without_a_binding_nothing_was_taken_out() -> None:
    run = play(
        EHLO
        + f"""
        C: AUTH SCRAM-SHA-256-PLUS {b64(FIRST)}
        S: 504 mechanism not available
        C: AUTH SCRAM-SHA-256 {b64(FIRST.replace("n,,", "y,,"))}
        S: 334 {b64(SERVER_FIRST)}
        C: *
        S: 501 authentication cancelled
        """
    )
    assert run.session.state is ServerState.READY


def test_LOGIN_asks_twice() -> None:
    run = play(
        EHLO
        + f"""
        C: AUTH LOGIN
        S: 334 {b64("Username:")}
        C: {b64("tim")}
        S: 334 {b64("Password:")}
        C: {b64("tanstaaftanstaaf")}
        S: 235 welcome
        """
    )
    assert run.events[-1] == AuthenticationReceived(PlainCredentials("", "tim", "tanstaaftanstaaf"))
    assert run.session.authenticated_as == "tim"


def test_in_clear_there_is_no_AUTH() -> None:
    # Promise 1. RFC 4954 4 and 6: 538 where TLS is to be had and not required, 530 where it is.
    offered = replace(RULES, starttls=Offer.OFFERED, authentication=Offer.OFFERED)
    for rules, refusal in ((offered, "538 AUTH is taken under TLS only"), (RULES, None)):
        session = ServerSession(rules)
        session.greet()
        session.data_to_send()
        run = run_server(
            session,
            f"""
            C: EHLO client.example
            S: 250-mail.example
            S: 250 STARTTLS
            C: AUTH PLAIN {plain("secret")}
            S: {refusal or "530 Must issue a STARTTLS command first"}
            """,
        )
        assert run.kinds() == [HelloReceived]


def test_when_AUTH_is_out_of_order() -> None:
    run = play(
        f"""
        C: AUTH PLAIN {plain("secret")}
        S: 503 send EHLO first
        # AUTH is an extension, and who says HELO is offered none.
        C: HELO client.example
        S: 250 mail.example
        C: AUTH PLAIN {plain("secret")}
        S: 503 send EHLO first
        """
        + EHLO
        + f"""
        C: AUTH PLAIN {plain("secret")}
        S: 235 welcome
        # RFC 4954 4: once is enough.
        C: AUTH PLAIN {plain("secret")}
        S: 503 already authenticated
        C: MAIL FROM:<tim@example.com>
        S: 250 OK
        # Nor within a transaction.
        C: AUTH PLAIN {plain("secret")}
        S: 503 AUTH is out of order while in a transaction
        """
    )
    assert run.kinds().count(AuthenticationReceived) == 1


def test_what_goes_wrong_before_there_are_credentials() -> None:
    run = play(
        EHLO
        + rf"""
        C: AUTH
        S: 501 a mechanism is needed
        C: AUTH CRAM-MD5
        S: 504 mechanism not available
        C: AUTH PLAIN not-base64
        S: 501 this is not base64
        # RFC 4954 4: "=" is an empty response, and no response to PLAIN is empty.
        C: AUTH PLAIN =
        S: 501 the response is not that of PLAIN
        C: AUTH PLAIN
        S> 334\x20\r\n
        C: *
        S: 501 authentication cancelled
        C: AUTH SCRAM-SHA-256 {b64("n,,n=user")}
        S: 501 the response is not that of SCRAM-SHA-256
        C: AUTH PLAIN {plain("x" * 256)}
        S: 501 the response is not that of PLAIN
        C: NOOP
        S: 250 OK
        """
    )
    assert AuthenticationReceived not in run.kinds()
    assert run.session.authenticated_as is None


def test_a_response_without_end() -> None:
    session = ServerSession(ServerRules("mail.example"), sealed=True)
    session.greet()
    session.receive(b"EHLO client.example\r\n")
    assert isinstance(session.next_event(), HelloReceived)
    session.data_to_send()
    session.receive(b"AUTH PLAIN\r\n")
    assert session.next_event() is None
    session.data_to_send()
    session.receive(b"A" * 12288)
    # RFC 4954 6
    assert isinstance(session.next_event(), SessionEnded)
    assert session.data_to_send() == b"500 5.5.6 the line is too long\r\n"


def test_guesses_are_counted() -> None:
    run = play(
        EHLO
        + f"""
        C: AUTH PLAIN {plain("one")}
        S: 535 no
        # What could not be checked was no guess.
        C: AUTH PLAIN {plain("two")}
        S: 454 later
        C: AUTH SCRAM-SHA-256 {b64(FIRST)}
        S: 334 {b64(SERVER_FIRST)}
        C: {b64(WRONG_FINAL)}
        S: 535 Authentication credentials invalid
        # RSET and EHLO do not begin the count anew.
        """
        + EHLO
        + f"""
        C: AUTH LOGIN {b64("tim")}
        S: 334 {b64("Password:")}
        C: {b64("three")}
        S: 535 no
        S: 421 too many failed authentications
        """
    )
    assert run.ended is not None
    failures = [event for event in run.events if isinstance(event, AuthenticationFailed)]
    assert [(one.mechanism, one.username) for one in failures] == [
        ("PLAIN", "tim"),
        ("SCRAM-SHA-256", "user"),
        ("LOGIN", "tim"),
    ]


def test_LMTP_authenticates_alike() -> None:
    session = ServerSession(replace(RULES, protocol=Protocol.LMTP), sealed=True)
    session.greet()
    session.data_to_send()
    run = run_server(
        session,
        EHLO.replace("EHLO", "LHLO")
        + f"""
        C: AUTH PLAIN {plain("secret")}
        S: 235 welcome
        """,
    )
    assert run.session.authenticated_as == "tim"

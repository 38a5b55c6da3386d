"""The dialogue of AUTH as transcripts: what the server replies, and what we say to that."""

from __future__ import annotations

from base64 import b64encode

import pytest

from postseal.errors import AuthError, Phase
from postseal.smtp.commands import Command
from postseal.smtp.reply import Reply
from postseal.smtp.sasl import (
    BearerToken,
    Challenge,
    ChallengeInvalid,
    ChannelEnds,
    ClientCertificate,
    Credentials,
    CredentialsUnusable,
    IterationCountRefused,
    Negotiation,
    Password,
    RecordNeeded,
    ServerOffer,
    ServerRefused,
    ServerSASL,
    ServerSignatureInvalid,
    choose_mechanisms,
)
from tests.unit.smtp.sasl.exchanges import ADA, BINDING, DECOY_SECRET, RECORDS

PASSWORD = Password("tim", "tanstaaftanstaaf")
PLAIN = "AUTH PLAIN AHRpbQB0YW5zdGFhZnRhbnN0YWFm"
SCRAM = "AUTH SCRAM-SHA-256 biwsbj10aW0scj1DTElFTlQ="  # n,,n=tim,r=CLIENT


def negotiation(
    *offered: str, credentials: Credentials = PASSWORD, binding: bytes = b""
) -> Negotiation:
    return Negotiation(
        choose_mechanisms(credentials, offered, channel_binding=binding, nonce=lambda: "CLIENT")
    )


def said(command: Command | None) -> str:
    return "" if command is None else command.encode().decode().removesuffix("\r\n")


def challenge(data: bytes) -> Reply:
    return Reply(334, (b64encode(data).decode(),))


OK = Reply(235, ("welcome",), "2.7.0")
BAD = Reply(535, ("no",), "5.7.8")
CANCELLED = Reply(501, ("cancelled",), "5.7.0")
UNKNOWN = Reply(504, ("unknown mechanism",), "5.5.4")


def test_PLAIN_is_one_line() -> None:
    dialogue = negotiation("PLAIN", "LOGIN")
    assert said(dialogue.begin()) == PLAIN
    assert dialogue.answer(OK) is None
    assert dialogue.mechanism.name == "PLAIN"


def test_LOGIN_is_three() -> None:
    dialogue = negotiation("LOGIN")
    assert said(dialogue.begin()) == "AUTH LOGIN"
    assert said(dialogue.answer(challenge(b"Username:"))) == "dGlt"
    assert said(dialogue.answer(challenge(b"Password:"))) == "dGFuc3RhYWZ0YW5zdGFhZg=="
    assert dialogue.answer(OK) is None


def test_EXTERNAL_with_nothing_to_say_says_so() -> None:
    dialogue = negotiation("EXTERNAL", credentials=ClientCertificate())
    # RFC 4954 4: "=" is an empty initial response.
    assert said(dialogue.begin()) == "AUTH EXTERNAL ="
    assert dialogue.answer(OK) is None


@pytest.mark.parametrize("binding", [b"", BINDING])
def test_SCRAM_against_our_own_server(binding: bytes) -> None:
    offer = ServerOffer(frozenset(ServerSASL), decoy_secret=DECOY_SECRET)
    channel = ChannelEnds(binding)
    names = offer.names(channel)
    dialogue = negotiation(*names, credentials=ADA, binding=binding)
    command = dialogue.begin()
    server = offer.begin(dialogue.mechanism.name, channel)
    assert server is not None
    step = server.receive(command.initial_response)  # type: ignore[attr-defined]
    assert isinstance(step, RecordNeeded)
    step = server.supply(RECORDS[step.hash])  # type: ignore[attr-defined]
    assert isinstance(step, Challenge)
    final = dialogue.answer(challenge(step.data))
    step = server.receive(final.response)  # type: ignore[union-attr]
    assert isinstance(step, Challenge)
    # RFC 4954 4: the proof comes as a challenge, and is answered with an empty line.
    assert said(dialogue.answer(challenge(step.data))) == ""
    assert dialogue.answer(OK) is None
    assert dialogue.mechanism.name == names[0]


def test_wrong_credentials_end_it() -> None:
    dialogue = negotiation("SCRAM-SHA-256", "PLAIN")
    assert said(dialogue.begin()) == SCRAM
    with pytest.raises(AuthError) as caught:
        dialogue.answer(BAD)
    error = caught.value
    assert (error.code, error.enhanced_code, error.phase) == (535, "5.7.8", Phase.AUTH)
    assert "did not take the credentials of 'tim' by SCRAM-SHA-256: no" in error.text
    assert "choose another mechanism by name" in (error.hint or "")


def test_a_server_that_is_busy_may_be_asked_later() -> None:
    dialogue = negotiation("PLAIN", "LOGIN")
    dialogue.begin()
    with pytest.raises(AuthError) as caught:
        dialogue.answer(Reply(454, ("try later",), "4.7.0"))
    assert caught.value.is_temporary
    assert caught.value.hint is None


def test_an_unknown_mechanism_lets_the_next_one_try() -> None:
    dialogue = negotiation("SCRAM-SHA-256", "PLAIN", "LOGIN")
    assert said(dialogue.begin()) == SCRAM
    assert said(dialogue.answer(UNKNOWN)) == PLAIN
    assert said(dialogue.answer(UNKNOWN)) == "AUTH LOGIN"
    with pytest.raises(AuthError, match="unknown mechanism"):
        dialogue.answer(UNKNOWN)


def test_no_password_after_a_wrong_signature() -> None:
    dialogue = negotiation("SCRAM-SHA-256", "SCRAM-SHA-1", "PLAIN")
    dialogue.begin()
    dialogue.answer(challenge(b"r=CLIENTSERVER,s=c2FsdA==,i=4096"))
    assert said(dialogue.answer(challenge(b"v=AAAA"))) == "*"
    with pytest.raises(ServerSignatureInvalid):
        dialogue.answer(CANCELLED)


def test_success_without_a_signature_is_none() -> None:
    dialogue = negotiation("SCRAM-SHA-256", "PLAIN")
    dialogue.begin()
    with pytest.raises(ServerSignatureInvalid):
        dialogue.answer(OK)


@pytest.mark.parametrize(
    ("data", "error"),
    [
        (b"", ChallengeInvalid),
        (b"r=CLIENTSERVER,s=c2FsdA==,i=1", IterationCountRefused),
        (b"e=other-error", ServerRefused),
    ],
)
def test_no_password_after_a_SCRAM_played_badly(data: bytes, error: type[AuthError]) -> None:
    dialogue = negotiation("SCRAM-SHA-256", "PLAIN", "LOGIN", "CRAM-MD5")
    dialogue.begin()
    assert said(dialogue.answer(challenge(data))) == "*"
    with pytest.raises(error):
        dialogue.answer(CANCELLED)


def test_the_other_SCRAM_after_one_that_the_server_cannot_speak() -> None:
    dialogue = negotiation("SCRAM-SHA-256", "SCRAM-SHA-1", "PLAIN")
    dialogue.begin()
    assert said(dialogue.answer(challenge(b"what?"))) == "*"
    assert said(dialogue.answer(CANCELLED)).startswith("AUTH SCRAM-SHA-1 ")
    with pytest.raises(AuthError):
        dialogue.answer(BAD)


@pytest.mark.parametrize("reply", [OK, challenge(b""), Reply(421), Reply(454)])
def test_a_cancelled_exchange_that_does_not_end(reply: Reply) -> None:
    dialogue = negotiation("PLAIN", "LOGIN")
    dialogue.begin()
    assert said(dialogue.answer(challenge(b"more"))) == "*"
    with pytest.raises(ChallengeInvalid, match="asks for more than PLAIN has"):
        dialogue.answer(reply)


@pytest.mark.parametrize(
    "reply",
    [
        Reply(334, ("VXNlcm5hbWU6", "VXNlcm5hbWU6")),
        Reply(334, ("not base64",)),
        Reply(334, ("VXNlcm5hbWU",)),
        Reply(334, ("VXNlcm5hbWU6",), "3.0.0"),
        Reply(334, ("Ünicode",)),
    ],
)
def test_a_challenge_is_one_line_of_base64(reply: Reply) -> None:
    dialogue = negotiation("LOGIN")
    dialogue.begin()
    assert said(dialogue.answer(reply)) == "*"
    with pytest.raises(ChallengeInvalid, match="one line of base64"):
        dialogue.answer(CANCELLED)


def test_what_one_mechanism_cannot_carry_another_can() -> None:
    # SASLprep knows no emoji.
    dialogue = negotiation(
        "SCRAM-SHA-256", "SCRAM-SHA-1", "PLAIN", credentials=Password("ada", "\U0001f600")
    )
    assert said(dialogue.begin()) == "AUTH PLAIN AGFkYQDwn5iA"
    assert dialogue.answer(OK) is None


def test_what_no_offered_mechanism_can_carry() -> None:
    dialogue = negotiation("SCRAM-SHA-256", credentials=Password("ada", "\U0001f600"))
    with pytest.raises(CredentialsUnusable, match="the password cannot be used with SCRAM"):
        dialogue.begin()


def test_the_explanation_of_a_refused_token() -> None:
    dialogue = negotiation("XOAUTH2", "OAUTHBEARER", credentials=BearerToken("ada", "t0ken"))
    assert said(dialogue.begin()).startswith("AUTH OAUTHBEARER ")
    assert said(dialogue.answer(challenge(b'{"status":"invalid_token"}'))) == "AQ=="
    with pytest.raises(AuthError) as caught:
        dialogue.answer(BAD)
    assert "by OAUTHBEARER: no (status invalid_token)" in caught.value.text
    assert "expired" in (caught.value.hint or "")

from __future__ import annotations

import pytest

from postseal.smtp.sasl import (
    BearerToken,
    ChallengeInvalid,
    ClientCertificate,
    ClientMechanism,
    Credentials,
    CredentialsUnusable,
    Exposure,
    IterationCountRefused,
    NoCommonMechanism,
    Password,
    SASLError,
    ServerNonceInvalid,
    ServerRefused,
    ServerSignatureInvalid,
    after_error,
    after_reply,
    choose_mechanisms,
)

ADA = Password("ada", "x")
TOKEN = BearerToken("ada", "x")
BINDING = b"hash"
BY_PASSWORD = (
    "SCRAM-SHA-256-PLUS",
    "SCRAM-SHA-1-PLUS",
    "SCRAM-SHA-256",
    "SCRAM-SHA-1",
    "PLAIN",
    "LOGIN",
    "CRAM-MD5",
)
ALL = frozenset((*BY_PASSWORD, "OAUTHBEARER", "XOAUTH2", "EXTERNAL", "GSSAPI", "NTLM"))


def names(mechanisms: tuple[ClientMechanism, ...]) -> tuple[str, ...]:
    return tuple(mechanism.name for mechanism in mechanisms)


@pytest.mark.parametrize(
    ("credentials", "binding", "chosen"),
    [
        (ADA, BINDING, BY_PASSWORD),
        (ADA, b"", BY_PASSWORD[2:]),
        (TOKEN, BINDING, ("OAUTHBEARER", "XOAUTH2")),
        (ClientCertificate(), BINDING, ("EXTERNAL",)),
    ],
)
def test_the_order(credentials: Credentials, binding: bytes, chosen: tuple[str, ...]) -> None:
    assert names(choose_mechanisms(credentials, ALL, channel_binding=binding)) == chosen


def test_what_is_not_offered_is_not_tried() -> None:
    chosen = choose_mechanisms(ADA, {"LOGIN", "PLAIN", "GSSAPI"}, channel_binding=BINDING)
    assert names(chosen) == ("PLAIN", "LOGIN")


def test_the_caller_narrows_the_choice() -> None:
    only = {"SCRAM-SHA-256", "SCRAM-SHA-256-PLUS"}
    chosen = choose_mechanisms(ADA, ALL, channel_binding=BINDING, only=only)
    assert names(chosen) == ("SCRAM-SHA-256-PLUS", "SCRAM-SHA-256")


def test_nothing_in_common() -> None:
    with pytest.raises(NoCommonMechanism) as caught:
        choose_mechanisms(TOKEN, {"PLAIN", "LOGIN"})
    assert "It offers: LOGIN, PLAIN; these credentials go by OAUTHBEARER, XOAUTH2." in str(
        caught.value
    )
    with pytest.raises(NoCommonMechanism, match="It offers: none"):
        choose_mechanisms(ADA, ())
    with pytest.raises(NoCommonMechanism, match="SCRAM-SHA-256 alone may be used"):
        choose_mechanisms(ADA, {"PLAIN"}, only={"SCRAM-SHA-256"})


def test_credentials_that_nothing_carries() -> None:
    with pytest.raises(CredentialsUnusable):
        choose_mechanisms(Password("", "x"), ALL)


def first_octet(mechanism: ClientMechanism) -> bytes:
    return (mechanism.initial_response() or b"")[:1]


@pytest.mark.parametrize(
    ("offered", "binding", "only", "flag"),
    [
        # RFC 5802 6: the client could bind, and nobody offers it.
        ({"SCRAM-SHA-256"}, BINDING, None, b"y"),
        ({"SCRAM-SHA-256"}, BINDING, {"SCRAM-SHA-256", "SCRAM-SHA-1-PLUS"}, b"y"),
        # The client cannot, or is told not to.
        ({"SCRAM-SHA-256"}, b"", None, b"n"),
        (ALL, BINDING, {"SCRAM-SHA-256"}, b"n"),
    ],
)
def test_the_flag_says_what_the_client_could(
    offered: set[str], binding: bytes, only: set[str] | None, flag: bytes
) -> None:
    chosen = choose_mechanisms(ADA, offered, channel_binding=binding, only=only)
    assert first_octet(chosen[0]) == flag


def test_what_follows_a_refused_plus_says_that_it_could() -> None:
    # Else somebody in between could refuse -PLUS in the server's name, and would not be noticed.
    chosen = choose_mechanisms(ADA, ALL, channel_binding=BINDING)
    rest = after_reply(chosen[0], chosen[1:], code=504)
    assert [first_octet(one) for one in rest[:3]] == [b"p", b"y", b"y"]


CHOSEN = choose_mechanisms(ADA, ALL, channel_binding=BINDING)
MECHANISMS = dict(zip(names(CHOSEN), CHOSEN, strict=True))


def left(failed: str) -> tuple[ClientMechanism, ...]:
    return CHOSEN[names(CHOSEN).index(failed) + 1 :]


@pytest.mark.parametrize(
    ("code", "enhanced_code"),
    [(432, "4.7.12"), (501, "5.5.4"), (504, "5.5.4"), (504, None), (500, "5.5.6")],
)
@pytest.mark.parametrize("failed", BY_PASSWORD)
def test_the_mechanism_was_at_fault(failed: str, code: int, enhanced_code: str | None) -> None:
    rest = left(failed)
    assert after_reply(MECHANISMS[failed], rest, code=code, enhanced_code=enhanced_code) == rest


@pytest.mark.parametrize(
    ("code", "enhanced_code"),
    [
        (535, "5.7.8"),
        (535, None),
        (454, "4.7.0"),
        (421, None),
        (500, None),
        (500, "5.5.2"),
        (503, "5.5.1"),
        (530, "5.7.0"),
        (550, None),
    ],
)
@pytest.mark.parametrize("failed", BY_PASSWORD)
def test_the_mechanism_was_not_at_fault(failed: str, code: int, enhanced_code: str | None) -> None:
    found = after_reply(MECHANISMS[failed], left(failed), code=code, enhanced_code=enhanced_code)
    assert found == ()


@pytest.mark.parametrize("code", [534, 538])
def test_the_mechanism_was_too_weak(code: int) -> None:
    # What is as weak would be refused as well, and count as one more failure.
    plain = MECHANISMS["PLAIN"]
    assert names(after_reply(plain, left("PLAIN"), code=code)) == ("CRAM-MD5",)
    scram = MECHANISMS["SCRAM-SHA-256"]
    assert after_reply(scram, left("SCRAM-SHA-256"), code=code) == ()


@pytest.mark.parametrize(
    "error", [ServerSignatureInvalid(), ServerNonceInvalid(), ServerRefused(), NoCommonMechanism()]
)
@pytest.mark.parametrize("failed", BY_PASSWORD)
def test_nothing_follows_where_the_server_is_not_proven(failed: str, error: SASLError) -> None:
    assert after_error(MECHANISMS[failed], left(failed), error) == ()


@pytest.mark.parametrize("error", [ChallengeInvalid(), IterationCountRefused()])
def test_no_password_follows_a_SCRAM_played_badly(error: SASLError) -> None:
    for name in BY_PASSWORD[:4]:
        rest = after_error(MECHANISMS[name], left(name), error)
        assert all(one.exposure is Exposure.SLOW_GUESSES for one in rest)
        assert names(rest) == tuple(one for one in names(left(name)) if "SCRAM" in one)


def test_what_is_no_worse_follows_an_unknown_challenge() -> None:
    rest = after_error(MECHANISMS["PLAIN"], left("PLAIN"), ChallengeInvalid())
    assert names(rest) == ("LOGIN", "CRAM-MD5")


@pytest.mark.parametrize("failed", BY_PASSWORD)
def test_all_others_follow_what_cannot_carry_the_credentials(failed: str) -> None:
    assert after_error(MECHANISMS[failed], left(failed), CredentialsUnusable()) == left(failed)

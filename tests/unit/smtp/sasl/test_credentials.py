from __future__ import annotations

import pytest

from postseal.smtp.sasl import (
    BearerToken,
    ChallengeInvalid,
    ClientCertificate,
    Credentials,
    CredentialsUnusable,
    Exposure,
    Password,
)
from postseal.smtp.sasl.external import ExternalClient


@pytest.mark.parametrize(
    ("credentials", "says"),
    [
        (Password("", "x"), "the user must have 1 to 255"),
        (Password("x" * 256, "x"), "the user must have 1 to 255"),
        (Password("ä" * 128, "x"), "the user must have 1 to 255"),
        (Password("a\x00", "x"), "the user must not hold NUL"),
        (Password("\ud800", "x"), "the user is not valid Unicode"),
        (Password("a", ""), "the password must have 1 to 1024"),
        (Password("a", "x" * 1025), "the password must have 1 to 1024"),
        (Password("a", "x\x00"), "the password must not hold NUL"),
        (Password("a", "\ud800"), "the password is not valid Unicode"),
        (Password("a", "x", "b\x00"), "the authorization identity must not hold NUL"),
        (BearerToken("", "x"), "the user must have"),
        (BearerToken("a\x01host=b", "x"), "no control characters"),
        (BearerToken("a", "x", host="b\x01"), "no control characters"),
        (BearerToken("a", ""), "a bearer token has 1 to 8192"),
        (BearerToken("a", "Bearer x"), "a bearer token has"),
        (BearerToken("a", "x\x01"), "a bearer token has"),
        (BearerToken("a", "x\n"), "a bearer token has"),
        (BearerToken("a", "=x"), "a bearer token has"),
        (BearerToken("a", "ä"), "a bearer token has"),
        (BearerToken("a", "x" * 8193), "a bearer token has"),
        (ClientCertificate("a\x00"), "the authorization identity must not hold NUL"),
    ],
)
def test_what_no_mechanism_carries(credentials: Credentials, says: str) -> None:
    with pytest.raises(CredentialsUnusable, match=says):
        credentials.check()


@pytest.mark.parametrize(
    "credentials",
    [
        Password("x" * 255, "x" * 1024, "x" * 255),
        Password("ada", "with spaces\tand \U0001f600"),
        BearerToken("ada", "x" * 8192, host="mail.example", port=587),
        BearerToken("ada", "-._~+/09azAZ=="),
        ClientCertificate(),
        ClientCertificate("ada"),
    ],
)
def test_what_some_mechanism_carries(credentials: Credentials) -> None:
    credentials.check()
    assert credentials.username or credentials == ClientCertificate()


@pytest.mark.parametrize("identity", ["", "ada", "jürgen@example.com"])
def test_EXTERNAL_says_whom_to_act_as(identity: str) -> None:
    client = ExternalClient(ClientCertificate(identity))
    assert client.initial_response() == identity.encode()
    assert client.exposure is Exposure.NOTHING
    client.finish()
    with pytest.raises(ChallengeInvalid):
        client.respond(b"")

"""Bearer tokens as the server reads them: exactly, or not at all."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postseal.smtp.sasl import (
    BearerServer,
    BearerToken,
    Challenge,
    Failed,
    FailureCause,
    TokenPresented,
)
from postseal.smtp.sasl.bearer import OAuthBearerClient, XOAuth2Client
from postseal.smtp.sasl.bearer_server import OAuthBearerServer, XOAuth2Server

NAMES = st.text(st.characters(exclude_categories=["Cc", "Cs", "Zl", "Zp"]), min_size=1, max_size=60)
TOKENS = st.from_regex(r"[A-Za-z0-9._~+/-]{1,80}={0,2}", fullmatch=True)


@given(NAMES.filter(str.isprintable), TOKENS, st.sampled_from(["", "mx.example.com"]))
def test_what_our_client_says_is_understood(username: str, token: str, host: str) -> None:
    credentials = BearerToken(username, token, host=host, port=587 if host else None)
    presented = TokenPresented(username, token)
    client = OAuthBearerClient(credentials)
    assert OAuthBearerServer().receive(client.initial_response()) == presented
    assert XOAuth2Server().receive(XOAuth2Client(credentials).initial_response()) == presented


@pytest.mark.parametrize("server", [OAuthBearerServer(), XOAuth2Server()])
def test_a_client_that_waits_is_asked(server: BearerServer) -> None:
    assert server.receive(None) == Challenge(b"")


@pytest.mark.parametrize(
    "response",
    [
        b"n,,\x01auth=Bearer t\x01\x01",
        b"y,,\x01host=a\x01auth=bearer  t\x01port=25\x01\x01",
    ],
)
def test_the_name_may_be_left_to_the_token(response: bytes) -> None:
    assert OAuthBearerServer().receive(response) == TokenPresented("", "t")


@pytest.mark.parametrize(
    "response",
    [
        b"",
        b"n,,\x01\x01",
        b"n,,\x01auth=Bearer t\x01",
        b"n,,\x01auth=Basic t\x01\x01",
        b"n,,\x01auth=Bearer \x01\x01",
        b"n,,\x01auth=Bearer t t\x01\x01",
        # One token, so that nobody reads another than we do.
        b"n,,\x01auth=Bearer t\x01auth=Bearer u\x01\x01",
        # RFC 7628 3.1: there is no channel binding in it.
        b"p=tls-server-end-point,,\x01auth=Bearer t\x01\x01",
        b"n,a=a=b,\x01auth=Bearer t\x01\x01",
        b"n,a=\xff,\x01auth=Bearer t\x01\x01",
        b"n,a=" + b"x" * 256 + b",\x01auth=Bearer t\x01\x01",
        b"n,,\x01auth=Bearer t\x00\x01\x01",
        b"user=ada\x01auth=Bearer t\x01\x01x",
        b"user=\x01auth=Bearer t\x01\x01",
    ],
)
def test_what_is_no_token(response: bytes) -> None:
    for server in (OAuthBearerServer(), XOAuth2Server()):
        step = server.receive(response)
        assert isinstance(step, Failed)
        assert step.cause is FailureCause.MALFORMED

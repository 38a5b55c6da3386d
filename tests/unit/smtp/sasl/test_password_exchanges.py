"""PLAIN, LOGIN and CRAM-MD5: what a client says, and what our server makes of it."""

from __future__ import annotations

import hmac

import pytest

from postseal.smtp.sasl import (
    Challenge,
    ChallengeInvalid,
    ClientMechanism,
    CredentialsUnusable,
    Exposure,
    Failed,
    FailureCause,
    Password,
    PasswordReceived,
    PlainCredentials,
    ServerMechanism,
)
from postseal.smtp.sasl.cram_md5 import CramMD5Client
from postseal.smtp.sasl.login import LoginClient, LoginServer
from postseal.smtp.sasl.plain_exchange import PlainClient, PlainServer
from tests.unit.smtp.sasl.exchanges import run

TIM = Password("tim", "tanstaaftanstaaf")
RECEIVED = PasswordReceived(PlainCredentials("", "tim", "tanstaaftanstaaf"))


class TestPlain:
    def test_the_example_of_the_rfc(self) -> None:
        # RFC 4616 4
        assert PlainClient(TIM).initial_response() == b"\x00tim\x00tanstaaftanstaaf"
        kurt = Password("Kurt", "xipj3plmq", "Ursel")
        assert PlainClient(kurt).initial_response() == b"Ursel\x00Kurt\x00xipj3plmq"

    def test_client_and_server(self) -> None:
        assert run(PlainClient(TIM), PlainServer()).succeeded == RECEIVED

    def test_the_response_comes_later(self) -> None:
        server = PlainServer()
        assert server.receive(None) == Challenge(b"")
        assert server.receive(PlainClient(TIM).initial_response()) == RECEIVED

    def test_there_is_nothing_more_to_ask(self) -> None:
        with pytest.raises(ChallengeInvalid, match="asks for more than PLAIN has"):
            PlainClient(TIM).respond(b"")

    def test_a_password_that_is_too_long_for_it(self) -> None:
        with pytest.raises(CredentialsUnusable, match="the password for PLAIN") as caught:
            PlainClient(Password("tim", "x" * 256)).initial_response()
        assert caught.value.__context__ is None

    def test_a_response_that_is_none(self) -> None:
        step = PlainServer().receive(b"tim")
        assert isinstance(step, Failed)
        assert step.cause is FailureCause.MALFORMED


class TestLogin:
    def test_client_and_server(self) -> None:
        exchange = run(LoginClient(TIM), LoginServer())
        assert exchange.succeeded == RECEIVED
        assert exchange.messages == [b"Username:", b"tim", b"Password:", b"tanstaaftanstaaf"]

    def test_the_user_comes_with_AUTH(self) -> None:
        server = LoginServer()
        assert server.receive(b"tim") == Challenge(b"Password:")
        assert server.receive(b"tanstaaftanstaaf") == RECEIVED

    def test_prompts_of_any_words(self) -> None:
        # draft-murchison-sasl-login-00 has "User Name" and "Password", each with a NUL.
        client = LoginClient(TIM)
        client.initial_response()
        assert client.respond(b"User Name\x00") == b"tim"
        assert client.respond(b"\xff") == b"tanstaaftanstaaf"
        with pytest.raises(ChallengeInvalid):
            client.respond(b"PIN:")

    def test_it_cannot_act_as_another(self) -> None:
        with pytest.raises(CredentialsUnusable, match="LOGIN has no authorization identity"):
            LoginClient(Password("a", "b", "c")).initial_response()

    @pytest.mark.parametrize(
        ("username", "password"),
        [
            (b"", b"x"),
            (b"x", b""),
            (b"\xff", b"x"),
            (b"x", b"\xff"),
            (b"a\x00", b"x"),
            (b"a", b"x\x00"),
            (b"x" * 256, b"x"),
            (b"x", b"x" * 256),
        ],
    )
    def test_responses_that_are_none(self, username: bytes, password: bytes) -> None:
        server = LoginServer()
        server.receive(username)
        step = server.receive(password)
        assert isinstance(step, Failed)
        assert step.cause is FailureCause.MALFORMED


class TestCramMD5:
    def test_the_example_of_the_rfc(self) -> None:
        # RFC 2195 2
        client: ClientMechanism = CramMD5Client(TIM)
        assert client.initial_response() is None
        response = client.respond(b"<1896.697170952@postoffice.reston.mci.net>")
        assert response == b"tim b913a602c7eda7a495b4e6e7334d3890"

    def test_a_password_beyond_ASCII(self) -> None:
        digest = hmac.new("pässwort".encode(), b"<1@a>", "md5").hexdigest()
        client = CramMD5Client(Password("jürgen", "pässwort"))
        client.initial_response()
        assert client.respond(b"<1@a>") == f"jürgen {digest}".encode()

    def test_a_challenge_without_which_the_digest_is_the_same_each_time(self) -> None:
        with pytest.raises(ChallengeInvalid, match="empty"):
            CramMD5Client(TIM).respond(b"")

    def test_one_challenge_is_all(self) -> None:
        client = CramMD5Client(TIM)
        client.respond(b"<1@a>")
        with pytest.raises(ChallengeInvalid, match="asks for more"):
            client.respond(b"<2@a>")

    def test_it_cannot_act_as_another(self) -> None:
        with pytest.raises(CredentialsUnusable, match="authorization identity"):
            CramMD5Client(Password("a", "b", "c")).initial_response()

    def test_a_system_without_MD5(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def refuse(*_: object) -> None:
            raise ValueError("[digital envelope routines] unsupported")

        monkeypatch.setattr("hmac.new", refuse)
        with pytest.raises(CredentialsUnusable, match="MD5 is disabled"):
            CramMD5Client(TIM).respond(b"<1@a>")


def test_what_each_gives_away() -> None:
    assert PlainClient.exposure is LoginClient.exposure is Exposure.SECRET
    assert CramMD5Client.exposure is Exposure.FAST_GUESSES


@pytest.mark.parametrize("server", [PlainServer, LoginServer])
def test_the_names_are_those_of_the_registry(server: type[ServerMechanism]) -> None:
    assert server().name in {"PLAIN", "LOGIN"}

"""What a client can log in with: a token that is fetched, a certificate, chosen mechanisms."""

from __future__ import annotations

import asyncio
from base64 import b64encode
from typing import Any

import pytest

from postseal import AsyncMailer, Mailer, Secret
from postseal.errors import AuthError, InvalidSetting
from postseal.send import Endpoint
from postseal.send.session.connection import ConnectionOptions
from postseal.testing import MemoryNetwork
from tests.parts.worlds import World, in_each_world
from tests.unit.send.dialogues import open_connection, refused

ADA = Endpoint.parse("smtp+insecure://ada@mail.example.org:1025")
TOKEN = "ya29.s3cret-token"
BEARER = b64encode(
    b"n,a=ada,\x01host=mail.example.org\x01port=1025\x01auth=Bearer " + TOKEN.encode() + b"\x01\x01"
).decode()


def offer(mechanisms: str) -> str:
    return (
        "S: 220 mail.example.org ESMTP\nC: EHLO [192.0.2.1]\n"
        f"S: 250-mail.example.org\nS: 250 AUTH {mechanisms}\n"
    )


def here(script: str) -> MemoryNetwork:
    return MemoryNetwork(script, peer_address="127.0.0.1")


def failed(world: World, script: str, **options: Any) -> AuthError:
    error = refused(world, "", ADA, network=here(script), options=ConnectionOptions(**options))
    assert isinstance(error, AuthError)
    return error


@in_each_world
def test_a_token_is_fetched_for_each_connection(world: World) -> None:
    fetched: list[str] = []

    def token() -> Secret:
        fetched.append(TOKEN)
        return Secret(TOKEN)

    options = ConnectionOptions(token=token)
    script = offer("PLAIN XOAUTH2 OAUTHBEARER") + f"C: AUTH OAUTHBEARER {BEARER}\nS: 235 ok"
    for _ in range(2):
        open_connection(world, here(script), ADA, options=options)
    assert len(fetched) == 2


@in_each_world
def test_no_token_is_fetched_for_a_server_that_gets_none(world: World) -> None:
    # A fresh token costs a request, and may be worth stealing.
    fetched: list[str] = []

    def token() -> str:
        fetched.append(TOKEN)
        return TOKEN

    for script, endpoint in (
        ("S: 554 go away", ADA),
        (offer("OAUTHBEARER"), Endpoint.parse("smtp://ada@mail.example.org")),
    ):
        refused(world, script, endpoint, options=ConnectionOptions(token=token))
    assert fetched == []


def test_a_token_may_be_awaited() -> None:
    async def token() -> str:
        await asyncio.sleep(0)
        return TOKEN

    response = b64encode(b"user=ada\x01auth=Bearer " + TOKEN.encode() + b"\x01\x01").decode()
    script = offer("XOAUTH2") + f"C: AUTH XOAUTH2 {response}\nS: 235 ok"
    network = here(script)
    connection = open_connection(
        World.ASYNCIO, network, ADA, options=ConnectionOptions(token=token)
    )
    assert connection.is_usable
    assert network.streams[0].written.endswith(f"AUTH XOAUTH2 {response}\r\n".encode())


@in_each_world
def test_the_servers_explanation_is_in_the_error(world: World) -> None:
    # RFC 7628 3.2.2 and 3.2.3: it comes as a challenge, which is answered with next to nothing.
    challenge = b64encode(
        b'{"status":"invalid_token","scope":"mail ' + TOKEN.encode() + b'"}'
    ).decode()
    script = offer("OAUTHBEARER") + (
        f"C: AUTH OAUTHBEARER {BEARER}\nS: 334 {challenge}\nC: AQ==\nS: 535 5.7.8 {BEARER} no"
    )
    error = failed(world, script, token=lambda: TOKEN)
    assert error.code == 535
    assert "status invalid_token" in error.text
    assert TOKEN not in str(error)
    assert BEARER not in str(error)
    assert "whether it has expired" in (error.hint or "")


@in_each_world
def test_a_token_never_goes_by_the_means_of_a_password(world: World) -> None:
    error = failed(world, offer("PLAIN LOGIN CRAM-MD5"), token=lambda: TOKEN)
    assert "OAUTHBEARER, XOAUTH2" in str(error)


@in_each_world
@pytest.mark.parametrize("token", ["", "a b", "x\r\nQUIT", "Bearer x", "x" * 8193])
def test_what_is_no_token_is_not_sent(world: World, token: str) -> None:
    error = failed(world, offer("OAUTHBEARER XOAUTH2"), token=lambda: token)
    assert "a bearer token has" in error.text


@in_each_world
def test_what_the_source_of_tokens_raises_ends_the_connection(world: World) -> None:
    def token() -> str:
        raise KeyError("the vault is shut")

    network = here(offer("OAUTHBEARER"))
    with pytest.raises(KeyError, match="the vault is shut"):
        open_connection(world, network, ADA, options=ConnectionOptions(token=token))
    assert network.streams[0].is_closed


@in_each_world
@pytest.mark.parametrize(("user", "said"), [("ada@", "YWRh"), ("", "=")])
def test_EXTERNAL_says_whom_to_act_as(world: World, user: str, said: str) -> None:
    endpoint = Endpoint.parse(f"smtp+insecure://{user}mail.example.org")
    network = here(offer("PLAIN EXTERNAL") + f"C: AUTH EXTERNAL {said}\nS: 235 ok")
    connection = open_connection(
        world, network, endpoint, options=ConnectionOptions(mechanisms=frozenset({"EXTERNAL"}))
    )
    assert connection.is_usable
    assert network.streams[0].written.endswith(f"AUTH EXTERNAL {said}\r\n".encode())


@in_each_world
def test_only_the_chosen_mechanisms_are_used(world: World) -> None:
    error = failed(
        world,
        offer("PLAIN LOGIN"),
        password=Secret("hunter2"),
        mechanisms=frozenset({"SCRAM-SHA-256"}),
    )
    assert "SCRAM-SHA-256 alone may be used" in str(error)
    script = offer("PLAIN LOGIN") + (
        "C: AUTH LOGIN\nS: 334 VXNlcm5hbWU6\nC: YWRh\nS: 334 UGFzc3dvcmQ6\n"
        "C: aHVudGVyMg==\nS: 235 ok"
    )
    open_connection(
        world,
        here(script),
        ADA,
        options=ConnectionOptions(password=Secret("hunter2"), mechanisms=frozenset({"LOGIN"})),
    )


@pytest.mark.parametrize("kind", [Mailer, AsyncMailer])
@pytest.mark.parametrize(
    ("url", "options", "error", "words"),
    [
        ("smtp://ada@h.example", {"password": "x", "token": str}, InvalidSetting, "and a token"),
        ("smtp://h.example", {"token": str}, AuthError, "a token was given, but no user"),
        ("smtp+opportunistic://a@h.example", {"token": str}, AuthError, "never carries"),
        ("smtp+opportunistic://h.example", {"mechanisms": ["external"]}, AuthError, "never"),
        ("smtp://ada@h.example", {"mechanisms": ["PLAIN"]}, AuthError, "no password"),
        ("smtp://h.example", {"mechanisms": ["EXTERNAL"]}, InvalidSetting, "there is none"),
    ],
)
def test_contradictions_are_refused_when_a_mailer_is_made(
    kind: type[Mailer | AsyncMailer],
    url: str,
    options: dict[str, Any],
    error: type[Exception],
    words: str,
) -> None:
    with pytest.raises(error, match=words):
        kind(url, network=MemoryNetwork(), **options)


@in_each_world
def test_mailers_take_them(world: World) -> None:
    script = offer("OAUTHBEARER") + f"C: AUTH OAUTHBEARER {BEARER}\nS: 235 ok\nC: QUIT\nS: 221 bye"
    network = here(script)
    verification = world.mail(
        "smtp+insecure://ada@mail.example.org:1025",
        lambda mailer: mailer.verify(),
        network=network,
        token=lambda: TOKEN,
        mechanisms=["oauthbearer"],
    )
    network.check_played()
    assert (verification.host, verification.peer_address) == ("mail.example.org", "127.0.0.1")

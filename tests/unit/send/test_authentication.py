"""Promise 1, as far as it can be seen without TLS, and what becomes of credentials."""

from __future__ import annotations

import pytest

from postseal import Secret
from postseal.errors import AuthError, Phase
from postseal.send import Endpoint
from postseal.send.session.connection import ConnectionOptions
from postseal.testing import MemoryNetwork
from tests.parts.worlds import World, in_each_world
from tests.unit.send.dialogues import IN_CLEAR, PLAIN, open_connection, refused

IN_CLEAR_WITH_USER = Endpoint.parse("smtp+insecure://ada@mail.example.org")
AUTH_OFFERED = """
    S: 220 mail.example.org ESMTP
    C: EHLO [192.0.2.1]
    S: 250-mail.example.org
    S: 250 AUTH PLAIN LOGIN
    """
# "\0ada\0hunter2"
RESPONSE = "AGFkYQBodW50ZXIy"
PASSWORD = ConnectionOptions(password=Secret("hunter2"))


@in_each_world
@pytest.mark.parametrize(
    ("peer", "may"),
    [
        ("127.0.0.1", True),
        ("127.8.9.10", True),
        ("::1", True),
        ("192.0.2.25", False),
        ("10.0.0.1", False),
        ("0.0.0.0", False),
        ("::", False),
        ("fe80::1%lo", False),
        ("", False),
    ],
)
def test_a_password_in_clear_is_for_loopback_alone(world: World, peer: str, may: bool) -> None:
    # It is the address that was reached which counts, not what the URL calls it.
    script = AUTH_OFFERED + (f"C: AUTH PLAIN {RESPONSE}\nS: 235 ok" if may else "S: <silence>")
    network = MemoryNetwork(script, peer_address=peer)
    if may:
        open_connection(world, network, IN_CLEAR_WITH_USER, options=PASSWORD)
    else:
        error = refused(world, "", IN_CLEAR_WITH_USER, network=network, options=PASSWORD)
        assert "only over TLS to an authenticated server" in error.text
        assert error.phase is Phase.AUTH
        assert b"AUTH" not in network.streams[0].written


@in_each_world
def test_opportunistic_TLS_never_carries_a_password(world: World) -> None:
    endpoint = Endpoint.parse("smtp+opportunistic://ada@mail.example.org")
    for peer in ("192.0.2.25", "127.0.0.1"):
        network = MemoryNetwork(AUTH_OFFERED + "S: <silence>", peer_address=peer)
        refused(world, "", endpoint, network=network, options=PASSWORD)
        assert b"AUTH" not in network.streams[0].written


@in_each_world
@pytest.mark.parametrize(
    ("reply", "code", "is_temporary"),
    [
        ("535 5.7.8 wrong", 535, False),
        ("454 4.7.0 try later", 454, True),
        ("534 5.7.9 too weak", 534, False),
    ],
)
def test_credentials_that_are_not_taken(
    world: World, reply: str, code: int, is_temporary: bool
) -> None:
    network = MemoryNetwork(
        AUTH_OFFERED + f"C: AUTH PLAIN {RESPONSE}\nS: {reply}", peer_address="127.0.0.1"
    )
    error = refused(world, "", IN_CLEAR_WITH_USER, network=network, options=PASSWORD)
    assert isinstance(error, AuthError)
    assert (error.phase, error.code, error.is_temporary) == (Phase.AUTH, code, is_temporary)


@in_each_world
@pytest.mark.parametrize(
    ("script", "endpoint", "password", "words"),
    [
        (AUTH_OFFERED, IN_CLEAR, "hunter2", "a password was given, but no user"),
        (PLAIN, IN_CLEAR_WITH_USER, "hunter2", "It offers: none"),
        (
            AUTH_OFFERED.replace("PLAIN LOGIN", "XOAUTH2 NTLM"),
            IN_CLEAR_WITH_USER,
            "hunter2",
            "NTLM, XOAUTH2",
        ),
        (AUTH_OFFERED, IN_CLEAR_WITH_USER, "x" * 2000, "1 to 1024 octets"),
        (AUTH_OFFERED, IN_CLEAR_WITH_USER, "a\0b", "not hold NUL"),
        # What os.environ makes of octets that are no UTF-8.
        (AUTH_OFFERED, IN_CLEAR_WITH_USER, "hunter2\udcff", "valid Unicode"),
    ],
)
def test_credentials_that_cannot_be_given(
    world: World, script: str, endpoint: Endpoint, password: str, words: str
) -> None:
    network = MemoryNetwork(script, peer_address="127.0.0.1")
    options = ConnectionOptions(password=Secret(password))
    error = refused(world, "", endpoint, network=network, options=options)
    assert isinstance(error, AuthError)
    assert words in str(error)
    assert error.phase is Phase.AUTH
    assert password not in str(error)
    assert b"AUTH" not in network.streams[0].written


@in_each_world
def test_a_server_that_fails_at_one_mechanism_may_know_another(world: World) -> None:
    # RFC 4954 4: 504 is about the mechanism, not about the credentials.
    script = (
        AUTH_OFFERED
        + f"""
        C: AUTH PLAIN {RESPONSE}
        S: 504 5.5.4 not implemented
        C: AUTH LOGIN
        S: 334 VXNlcm5hbWU6
        C: YWRh
        S: 334 UGFzc3dvcmQ6
        C: aHVudGVyMg==
        S: 235 2.7.0 welcome
        """
    )
    network = MemoryNetwork(script, peer_address="127.0.0.1")
    connection = open_connection(world, network, IN_CLEAR_WITH_USER, options=PASSWORD)
    assert connection.is_usable
    # The same connection: nobody takes a server that asks again for one that must be left.
    assert len(network.connected) == 1
    assert network.streams[0].written.count(b"AUTH ") == 2

"""SCRAM as the client uses it, against the server's half: both sides prove themselves."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable
from types import MappingProxyType
from typing import TypeVar

import pytest

from postseal import Secret
from postseal.errors import AuthError
from postseal.send import Endpoint
from postseal.send.session.authentication import Login, authenticate
from postseal.smtp import Extensions, Reply
from postseal.smtp.commands import Auth, AuthCancel, AuthResponse, Command
from postseal.smtp.sasl import (
    Challenge,
    ChannelEnds,
    Failed,
    PasswordReceived,
    RecordNeeded,
    ScramRecord,
    ServerOffer,
    ServerSASL,
    ServerStep,
    Succeeded,
)

T = TypeVar("T")

PASSWORD = "correct horse battery staple"
SALT = b"0123456789abcdef"


def _as_it_is(challenge: bytes) -> bytes:
    return challenge


class Server:
    """A server that keeps a SCRAM record for ada, seen through the replies to AUTH."""

    def __init__(
        self,
        *,
        binding: bytes = b"",
        client_binding: bytes = b"",
        forge: Callable[[bytes], bytes] = _as_it_is,
        mechanisms: str = "",
    ) -> None:
        self.channel = ChannelEnds(binding)
        self.offer = ServerOffer(frozenset(ServerSASL), decoy_secret=b"decoy")
        self.extensions = Extensions(
            MappingProxyType({"AUTH": mechanisms or " ".join(self.offer.names(self.channel))})
        )
        self.channel_binding = client_binding
        self.asked: list[str] = []
        self.passwords: list[str] = []
        self.succeeded = False
        self._forge = forge

    async def ask(self, command: Command, *, deadline: float) -> Reply:
        if isinstance(command, AuthCancel):
            return Reply(501, ("cancelled",), "5.7.0")
        if isinstance(command, Auth):
            self.asked.append(command.mechanism)
            mechanism = self.offer.begin(command.mechanism, self.channel)
            if mechanism is None:
                return Reply(504, ("not here",), "5.5.4")
            self._mechanism = mechanism
            return self._reply(mechanism.receive(command.initial_response))
        assert isinstance(command, AuthResponse)
        return self._reply(self._mechanism.receive(command.response))

    async def ask_keeper(self, ask: Callable[[float], T], *, deadline: float) -> T:
        return ask(deadline)

    def _reply(self, step: ServerStep) -> Reply:
        if isinstance(step, RecordNeeded):
            known = step.username == "ada"
            record = ScramRecord.derive(PASSWORD, hash_=step.hash, iterations=4096, salt=SALT)
            step = self._mechanism.supply(record if known else None)  # type: ignore[attr-defined]
        match step:
            case Challenge(data):
                return Reply(334, (b64encode(self._forge(data)).decode(),))
            case PasswordReceived(credentials):
                self.passwords.append(credentials.password)
                return Reply(535, ("no",), "5.7.8")
            case Succeeded():
                self.succeeded = True
                return Reply(235, ("welcome",), "2.7.0")
            case Failed():
                return Reply(535, ("no",), "5.7.8")
        raise AssertionError(step)


async def log_in(server: Server, *, username: str = "ada", password: str = PASSWORD) -> None:
    endpoint = Endpoint.parse(f"smtp://{username}@mail.example.org")
    await authenticate(server, endpoint, Login(Secret(password), None, None), deadline=600)


async def test_the_strongest_is_taken_and_the_password_stays_here() -> None:
    server = Server()
    await log_in(server)
    assert server.succeeded
    assert server.asked == ["SCRAM-SHA-256"]
    assert server.passwords == []


async def test_with_a_channel_both_can_name_it_is_bound() -> None:
    server = Server(binding=b"certificate", client_binding=b"certificate")
    await log_in(server)
    assert server.asked == ["SCRAM-SHA-256-PLUS"]


async def test_another_channel_is_noticed() -> None:
    # Somebody in the middle shows a certificate of their own and passes the rest on.
    server = Server(binding=b"certificate", client_binding=b"of somebody in the middle")
    with pytest.raises(AuthError):
        await log_in(server)
    assert not server.succeeded
    assert server.passwords == []


async def test_a_binding_that_was_taken_out_of_the_offer_is_noticed() -> None:
    # The server offers -PLUS; what reaches the client says it does not.
    server = Server(
        binding=b"certificate",
        client_binding=b"certificate",
        mechanisms="SCRAM-SHA-256 PLAIN LOGIN",
    )
    with pytest.raises(AuthError):
        await log_in(server)
    assert not server.succeeded
    assert server.passwords == []


async def test_a_server_that_does_not_know_the_password_gets_nothing_more() -> None:
    def wrong_signature(challenge: bytes) -> bytes:
        if challenge.startswith(b"v="):
            return b"v=" + b64encode(bytes(32))
        return challenge

    server = Server(forge=wrong_signature)
    with pytest.raises(AuthError):
        await log_in(server)
    # In particular no PLAIN, by which it would learn what it does not know.
    assert server.asked == ["SCRAM-SHA-256"]
    assert server.passwords == []


@pytest.mark.parametrize(("username", "password"), [("ada", "wrong"), ("eve", PASSWORD)])
async def test_wrong_credentials_are_not_tried_by_weaker_means(
    username: str, password: str
) -> None:
    server = Server()
    with pytest.raises(AuthError) as caught:
        await log_in(server, username=username, password=password)
    assert caught.value.code == 535
    assert server.asked == ["SCRAM-SHA-256"]
    assert server.passwords == []

"""The exchange by PLAIN (RFC 4616 2), from both sides: one response and no challenge."""

from __future__ import annotations

from typing import ClassVar

from postseal.smtp.sasl.credentials import Password
from postseal.smtp.sasl.errors import CredentialsUnusable
from postseal.smtp.sasl.mechanism import ClientMechanism, Exposure
from postseal.smtp.sasl.plain import decode_plain, encode_plain
from postseal.smtp.sasl.server_mechanism import (
    Challenge,
    Failed,
    FailureCause,
    PasswordReceived,
    ServerMechanism,
    ServerStep,
)

__all__ = ["PlainClient", "PlainServer"]


class PlainClient(ClientMechanism):
    """PLAIN from the client's side."""

    name = "PLAIN"
    exposure: ClassVar[Exposure] = Exposure.SECRET

    def __init__(self, credentials: Password) -> None:
        super().__init__(credentials)
        self._credentials = credentials

    def initial_response(self) -> bytes:
        given = self._credentials
        try:
            return encode_plain(
                given.username,
                given.password,
                authorization_identity=given.authorization_identity,
            )
        except ValueError as error:
            problem = str(error)
        # Raised outside of the handler: it carries no frame that holds the password.
        raise CredentialsUnusable(problem)


class PlainServer(ServerMechanism):
    """PLAIN from the server's side."""

    name = "PLAIN"

    def receive(self, response: bytes | None) -> ServerStep:
        if response is None:
            return Challenge(b"")
        credentials = decode_plain(response)
        if credentials is None:
            return Failed("the response is not that of PLAIN", FailureCause.MALFORMED)
        return PasswordReceived(credentials)

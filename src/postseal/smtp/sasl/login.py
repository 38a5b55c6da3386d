"""LOGIN (draft-murchison-sasl-login-00): user and password, each to its prompt.

The prompts' words differ from server to server and mean nothing; their order does.
"""

from __future__ import annotations

from typing import ClassVar

from postseal.smtp.sasl.credentials import Password
from postseal.smtp.sasl.errors import CredentialsUnusable
from postseal.smtp.sasl.mechanism import ClientMechanism, Exposure
from postseal.smtp.sasl.plain import read_credentials
from postseal.smtp.sasl.server_mechanism import (
    Challenge,
    Failed,
    FailureCause,
    PasswordReceived,
    ServerMechanism,
    ServerStep,
)

__all__ = ["LoginClient", "LoginServer"]


class LoginClient(ClientMechanism):
    """LOGIN from the client's side; it cannot act as somebody else."""

    name = "LOGIN"
    exposure: ClassVar[Exposure] = Exposure.SECRET

    def __init__(self, credentials: Password) -> None:
        super().__init__(credentials)
        self._credentials = credentials
        self._prompts = 0

    def initial_response(self) -> None:
        # Some servers take the user here, some do not; all of them ask.
        if self._credentials.authorization_identity:
            raise CredentialsUnusable("LOGIN has no authorization identity")

    def respond(self, challenge: bytes) -> bytes:
        self._prompts += 1
        if self._prompts == 1:
            return self.username.encode()
        if self._prompts == 2:
            return self._credentials.password.encode()
        return super().respond(challenge)


class LoginServer(ServerMechanism):
    """LOGIN from the server's side; the user may come with AUTH, as many clients have it."""

    name = "LOGIN"

    def __init__(self) -> None:
        self._username: bytes | None = None

    def receive(self, response: bytes | None) -> ServerStep:
        if response is None:
            return Challenge(b"Username:")
        if self._username is None:
            self._username = response
            return Challenge(b"Password:")
        credentials = read_credentials(b"", self._username, response)
        if credentials is None:
            return Failed("the responses are not those of LOGIN", FailureCause.MALFORMED)
        return PasswordReceived(credentials)

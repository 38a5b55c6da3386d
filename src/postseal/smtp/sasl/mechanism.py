"""The client's half of a mechanism: what it gives away, says first, and answers to challenges."""

from __future__ import annotations

from abc import ABC, abstractmethod
from enum import IntEnum, unique
from typing import ClassVar

from postseal.smtp.sasl.credentials import Credentials
from postseal.smtp.sasl.errors import ChallengeInvalid, ServerRefused

__all__ = ["ClientMechanism", "Exposure"]


@unique
class Exposure(IntEnum):
    """What a mechanism leaves in the hands of whoever plays the server, the least first."""

    NOTHING = 0
    """A claim that something else proves."""
    SLOW_GUESSES = 1
    """A proof by a salted hash of many iterations: each guess at the password costs as much."""
    FAST_GUESSES = 2
    """A proof by a single hash: billions of passwords a second can be tried against it."""
    SECRET = 3
    """The password, or a token that opens the mailbox to whoever bears it."""


class ClientMechanism(ABC):
    """One exchange by one mechanism (RFC 4422 3); made for it and not used again.

    Call `initial_response`, then `respond` for each challenge, then `finish` when the server
    says that it has succeeded. Any octets as challenge give a response or raise `SASLError`;
    then cancel the exchange. `username` is whom it speaks for, for messages.
    Making one checks the credentials (`CredentialsUnusable`).
    """

    name: str
    exposure: ClassVar[Exposure]
    advice: ClassVar[str] = "Check user and password; some providers want an app password."
    """What to do when the server says that the credentials are wrong."""

    def __init__(self, credentials: Credentials) -> None:
        self.username = credentials.username
        self.server_error = ""
        credentials.check()

    def __repr__(self) -> str:
        return f"<{type(self).__name__} for {self.username!a}>"

    @abstractmethod
    def initial_response(self) -> bytes | None:
        """Give what is sent together with AUTH; None where the server speaks first.

        Raises `CredentialsUnusable` where the mechanism cannot carry them.
        """

    def respond(self, challenge: bytes) -> bytes:
        """Answer a challenge. Raises `SASLError` where it has no honest answer.

        `server_error` then holds what the server explained in it, if it did, safe to print.
        """
        raise ChallengeInvalid(
            f"the server asks for more than {self.name} has ({len(challenge)} octets of challenge)"
        )

    def finish(self) -> None:
        """Accept the server's word that all is well.

        Raises `ServerSignatureInvalid` where the mechanism lets the server prove itself, and it
        did not, and `ServerRefused` where it has explained in a challenge why not.
        """
        if self.server_error:
            raise ServerRefused(
                f"the server refused {self.name} ({self.server_error}) and then took it"
            )

"""The server's half of a mechanism: responses in, steps out; the platform is asked by a step."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from enum import Enum, unique
from typing import TypeAlias

from postseal.smtp.sasl.plain import PlainCredentials
from postseal.smtp.sasl.scram_keys import ScramHash

__all__ = [
    "CertificateClaimed",
    "Challenge",
    "Failed",
    "FailureCause",
    "PasswordReceived",
    "RecordNeeded",
    "ServerMechanism",
    "ServerStep",
    "Succeeded",
    "TokenPresented",
]


@unique
class FailureCause(Enum):
    """Why an exchange failed, as far as the client may know."""

    MALFORMED = "the client broke the rules of the mechanism"  # RFC 4954 6: 501
    CREDENTIALS = "the credentials are not right"  # 535, the same for an unknown user
    CHANNEL = "the client speaks on another channel, or saw another offer"  # 535


@dataclass(frozen=True, slots=True)
class Challenge:
    """Send `data` (334); give what comes back to `receive`."""

    data: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class PasswordReceived:
    """The exchange is over: whether these are right is for the platform to say."""

    credentials: PlainCredentials


@dataclass(frozen=True, slots=True)
class TokenPresented:
    """The exchange is over: whether the bearer token opens this user's mail is the platform's.

    `username` is empty where the client leaves it to the token.
    """

    username: str
    token: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class CertificateClaimed:
    """The exchange is over: whose certificate it was that TLS has verified is the platform's.

    `authorization_identity` is whom the client asks to act as; empty: whoever it is.
    """

    authorization_identity: str


@dataclass(frozen=True, slots=True)
class RecordNeeded:
    """Look up the user's record and give it to `supply`; None where there is no such user.

    `username` was prepared by SASLprep (RFC 4013) as a query.
    """

    username: str
    hash: ScramHash


@dataclass(frozen=True, slots=True)
class Succeeded:
    """The client is `username`, and asks to act as `authorization_identity` (empty: itself).

    Whether it may act as somebody else is for the platform to say.
    """

    username: str
    authorization_identity: str = ""


@dataclass(frozen=True, slots=True)
class Failed:
    """The exchange is over. `reason` is for the log; the client is told the kind alone."""

    reason: str
    cause: FailureCause


ServerStep: TypeAlias = (
    Challenge
    | PasswordReceived
    | TokenPresented
    | CertificateClaimed
    | RecordNeeded
    | Succeeded
    | Failed
)


class ServerMechanism(ABC):
    """One exchange by one mechanism; made for it and not used again.

    Call `receive` with the initial response, None where AUTH had none, and do what the step says
    until it is neither `Challenge` nor `RecordNeeded`. Any octets give a step.
    """

    name: str

    @abstractmethod
    def receive(self, response: bytes | None) -> ServerStep:
        """Take a response of the client. Not to be called behind the last step."""

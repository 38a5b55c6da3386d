"""Why an exchange was ended by us, before the server's verdict or against it.

::

    AuthError
    └── SASLError
        ├── NoCommonMechanism       nothing the server offers fits the credentials
        ├── CredentialsUnusable     a mechanism cannot carry these credentials; nothing was sent
        ├── ChallengeInvalid        a challenge breaks the rules of its mechanism
        │   └── IterationCountRefused
        ├── ServerRefused           a challenge says no (RFC 5802 7, server-error)
        └── ServerNotProven         whoever answers may not be the server
            ├── ServerNonceInvalid
            ├── ServerSignatureInvalid
            └── ChannelBindingRefused

The server's verdict itself, a reply such as 535, is a plain `AuthError`. After any `SASLError`
during or behind an exchange the session may be authenticated in the eyes of the server: close it.
"""

from __future__ import annotations

from typing import Any

from postseal.errors import AuthError, Phase

__all__ = [
    "ChallengeInvalid",
    "ChannelBindingRefused",
    "CredentialsUnusable",
    "IterationCountRefused",
    "NoCommonMechanism",
    "SASLError",
    "ServerNonceInvalid",
    "ServerNotProven",
    "ServerRefused",
    "ServerSignatureInvalid",
]


class SASLError(AuthError):
    """The exchange was ended by this side."""

    def __init__(self, text: str = "", *, phase: Phase | None = Phase.AUTH, **where: Any) -> None:
        super().__init__(text, phase=phase, **where)


class NoCommonMechanism(SASLError):
    """The server offers no mechanism that these credentials can be used with."""


class CredentialsUnusable(SASLError):
    """A mechanism cannot carry the credentials as they are; nothing of them was sent."""


class ChallengeInvalid(SASLError):
    """The server's challenge is not one of the mechanism, or one more than it has."""


class IterationCountRefused(ChallengeInvalid):
    """The iteration count is too low to protect the password, or too high to be honest work."""


class ServerRefused(SASLError):
    """The server says in a challenge, not in its reply, that it does not take the credentials."""


class ServerNotProven(SASLError):
    """Whoever answers does not know what the server must know; nothing more is given to it."""


class ServerNonceInvalid(ServerNotProven):
    """The server's nonce does not begin with ours: the answer is old or to somebody else."""


class ServerSignatureInvalid(ServerNotProven):
    """The server did not prove that it knows the user's keys, or proved it wrongly."""


class ChannelBindingRefused(ServerNotProven):
    """The server sees another TLS channel, or another offer, than we do: somebody is between."""

"""What is wrong with the way to a mail server, as one word for programs and a remedy for people.

The engine's errors say what happened; a diagnosis says what that means for somebody who sets up an
account.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum, unique
from typing import Final, Self

from postseal.errors import MailError

__all__ = ["Ailment", "Diagnosis"]


@unique
class Ailment(StrEnum):
    """What can be wrong."""

    NAME_MISSING = "no such name"
    DNS_FAILED = "the DNS does not answer"
    REFUSED = "connection refused"
    FILTERED = "no answer: filtered, or down"
    UNREACHABLE = "unreachable"
    SILENT = "connected, and then nothing in time"
    CLOSED = "the server closed the connection"
    SPEAKS_TLS = "the port speaks TLS from the first octet"
    SPEAKS_PLAINTEXT = "the port speaks plaintext first"
    NOT_SMTP = "no SMTP"
    TURNED_AWAY = "the server turns this client away"
    BUSY = "the server takes no clients now"
    NO_STARTTLS = "STARTTLS is not offered"
    STARTTLS_STRIPPED = "STARTTLS was stripped"
    STARTTLS_INJECTED = "data injected behind STARTTLS"
    HANDSHAKE_FAILED = "the TLS handshake fails"
    CERTIFICATE_FOR_ANOTHER_NAME = "certificate for another name"
    CERTIFICATE_EXPIRED = "certificate expired"
    CERTIFICATE_UNKNOWN_ISSUER = "certificate of an unknown issuer"
    CERTIFICATE_REJECTED = "certificate not accepted"
    NO_LOGIN = "no login is offered"
    TOKENS_ONLY = "a token is needed, no password is taken"
    CREDENTIALS_WRONG = "wrong user or password"
    APP_PASSWORD_NEEDED = "an app password is needed"  # noqa: S105  # none itself
    BROWSER_LOGIN_NEEDED = "a login by web browser is needed first"
    LOGIN_DISABLED = "logins by SMTP are disabled"
    CREDENTIALS_OUTDATED = "the password has to be changed"
    LOGIN_REFUSED = "login refused"
    LOGIN_LATER = "logins fail for now"
    SERVER_NOT_PROVEN = "the server did not prove that it knows the user"
    NOT_VOUCHED_FOR = "nobody vouches for the server"
    NO_CREDENTIALS = "the password could not be had"
    PUBLISHED_IN_CLEAR = "published for use in clear"
    DECLINED = "the domain says that it has no such service"
    NOTHING_FOUND = "no server was found"
    OTHER = "other trouble"

    @property
    def is_inconclusive(self) -> bool:
        """Whether it says more of the way there, or of the moment, than of the server."""
        return self in _INCONCLUSIVE


_INCONCLUSIVE: Final = frozenset(
    {
        Ailment.DNS_FAILED,
        Ailment.REFUSED,
        Ailment.FILTERED,
        Ailment.UNREACHABLE,
        Ailment.SILENT,
        Ailment.BUSY,
        Ailment.LOGIN_LATER,
        Ailment.NOT_VOUCHED_FOR,
        Ailment.NO_CREDENTIALS,
    }
)


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """What is wrong, what was seen of it, and what to do.

    `names` are those in a certificate for another name.
    """

    ailment: Ailment
    text: str
    remedy: str
    names: tuple[str, ...] = ()

    @classmethod
    def of(cls, error: MailError, ailment: Ailment, remedy: str) -> Self:
        """Take the error's words, and its hint where it has one in place of `remedy`."""
        return cls(ailment, error.text, error.hint or remedy)

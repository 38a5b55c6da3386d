"""What went wrong, in the exceptions of `smtplib` and the standard library."""

from __future__ import annotations

import smtplib
import ssl
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from postseal.errors import (
    AuthError,
    ConnectError,
    Disconnected,
    InvalidInput,
    MailError,
    Phase,
    Rejected,
    StartTLSStripped,
    TimedOut,
    TLSError,
)
from postseal.send.results import Delivery, Refusal

__all__ = ["refused", "translating"]


@contextmanager
def translating() -> Iterator[None]:
    """Raise what smtplib would have raised, with Postseal's error as its cause.

    `InvalidInput` stays what it is: it is a `ValueError`, as there.
    """
    try:
        yield
    except InvalidInput:
        raise
    except MailError as error:
        raise _translated(error) from error


def _translated(error: MailError) -> Exception:
    text = str(error)
    code = error.code or 0
    match error:
        case AuthError():
            return smtplib.SMTPAuthenticationError(code or 535, text)
        case StartTLSStripped():
            return smtplib.SMTPNotSupportedError(text)
        case TLSError():
            return ssl.SSLError(ssl.SSLErrorNumber.SSL_ERROR_SSL, text)
        case TimedOut() if error.phase in (Phase.RESOLVE, Phase.CONNECT):
            return TimeoutError(text)
        case ConnectError() if error.code is None:
            return ConnectionRefusedError(text)
        case ConnectError():
            return smtplib.SMTPConnectError(code, text)
        case Disconnected() | TimedOut():
            return smtplib.SMTPServerDisconnected(text)
        case Rejected():
            return smtplib.SMTPDataError(code or 554, text)
        case _:
            return smtplib.SMTPException(text)


def refused(
    delivery: Delivery, *, sender: str, given: Iterable[str]
) -> dict[str, tuple[int, bytes]]:
    """Give the refused recipients by the texts they were given as.

    Raises what smtplib raises where nobody gets the message: `SMTPSenderRefused`,
    `SMTPRecipientsRefused` or `SMTPDataError`.
    """
    answers = {str(one.recipient): _answer(one) for one in delivery.refused}
    found = {text: answers[text] for text in given if text in answers}
    found |= {text: answers[text] for text in answers if text not in found}
    if delivery.accepted:
        return found
    first = delivery.refused[0]
    code, text = _answer(first)
    if first.phase is Phase.MAIL:
        raise smtplib.SMTPSenderRefused(code, text, sender)
    if all(one.phase is Phase.RCPT for one in delivery.refused):
        raise smtplib.SMTPRecipientsRefused(found)
    raise smtplib.SMTPDataError(code, text)


def _answer(refusal: Refusal) -> tuple[int, bytes]:
    return refusal.reply.code, refusal.reply.text.encode()

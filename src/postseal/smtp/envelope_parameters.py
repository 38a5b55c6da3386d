"""The ESMTP parameters of MAIL and RCPT that a server understands, and what it says to others."""

from __future__ import annotations

from typing import Final

from postseal.smtp.commands import Mail, Rcpt
from postseal.smtp.events import Transaction
from postseal.smtp.parse import Refusal

__all__ = ["check_mail_parameters", "check_rcpt_parameters"]

_BODY_TYPES: Final = ("7BIT", "8BITMIME")


def check_mail_parameters(command: Mail, *, extended: bool, max_size: int) -> Transaction:
    """Begin the transaction that MAIL asks for.

    Raises `Refusal`: 552 for a SIZE above `max_size`, 555 for a parameter that was not offered,
    501 for one that is not well formed, 553 for an address that needs SMTPUTF8.
    """
    is_8bit = is_internationalized = False
    for parameter in command.parameters:
        keyword, _, value = parameter.partition("=")
        match keyword.upper() if extended else "":
            case "SIZE":
                # RFC 1870 4: size-value = 1*20DIGIT
                if not (value.isascii() and value.isdigit() and len(value) <= 20):
                    raise Refusal(501, "5.5.4", "SIZE takes a number")
                if int(value) > max_size:
                    raise Refusal(552, "5.3.4", f"a message may have {max_size} octets")
            case "BODY":
                # RFC 6152 3
                if value.upper() not in _BODY_TYPES:
                    raise Refusal(501, "5.5.4", "BODY takes 7BIT or 8BITMIME")
                is_8bit = value.upper() == "8BITMIME"
            case "SMTPUTF8":
                # RFC 6531 3.4: it has no value.
                if value:
                    raise Refusal(501, "5.5.4", "SMTPUTF8 takes no value")
                is_internationalized = True
            case "AUTH":
                # RFC 4954 5: who wrote it first; trusted from nobody, so ignored.
                continue
            case _:
                raise Refusal(555, "5.5.4", f"{keyword} is not known here")
    path = command.reverse_path
    if path is not None and not str(path).isascii() and not is_internationalized:
        raise _needs_smtputf8()
    return Transaction(path, is_8bit=is_8bit, is_internationalized=is_internationalized)


def check_rcpt_parameters(command: Rcpt, transaction: Transaction) -> None:
    """Raise `Refusal` for a parameter of RCPT (none is offered) or an address out of place."""
    if command.parameters:
        raise Refusal(555, "5.5.4", f"{command.parameters[0].partition('=')[0]} is not known here")
    if not str(command.forward_path).isascii() and not transaction.is_internationalized:
        raise _needs_smtputf8()


def _needs_smtputf8() -> Refusal:
    # RFC 6531 3.5
    return Refusal(553, "5.6.7", "this address needs SMTPUTF8")

"""The ESMTP parameters of MAIL and RCPT that a server understands, and what it says to others."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final, TypeAlias

from postseal.defaults import Clock
from postseal.errors import InvalidInput
from postseal.smtp.commands import Mail, Rcpt
from postseal.smtp.envelope_values import (
    DeliverBy,
    DeliverByMode,
    HoldFor,
    HoldUntil,
    NotificationRequest,
    Notify,
    OriginalRecipient,
    ReturnContent,
    check_envelope_id,
    check_notify,
)
from postseal.smtp.events import Transaction
from postseal.smtp.grammar import decode_xtext
from postseal.smtp.parse import Refusal
from postseal.smtp.protocol import Extension

__all__ = ["MailTerms", "check_mail_parameters", "check_rcpt_parameters"]

# RFC 2852 4: by-value = by-time ";" by-mode [by-trace]
_BY: Final = re.compile(r"([+-]?[0-9]{1,9});([NR])(T?)\Z", re.IGNORECASE | re.ASCII)

# RFC 4865 3: an Internet date and time in UTC (RFC 3339 5.6).
_MOMENT: Final = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,6})?Z\Z"
)

# RFC 6710 7: priority-value = (["-"] NZDIGIT) / "0"
_PRIORITY: Final = re.compile(r"(?:-?[1-9]|0)\Z")


@dataclass(frozen=True, slots=True, kw_only=True)
class MailTerms:
    """What MAIL may ask for here and now.

    `offered` None: the client said HELO, so nothing was. `max_size` in octets, `max_hold` in
    seconds, measured from what `clock` shows.
    """

    offered: frozenset[Extension] | None
    max_size: int
    max_hold: int
    clock: Clock


_Reader: TypeAlias = Callable[[Transaction, str, MailTerms], Transaction]


def check_mail_parameters(command: Mail, terms: MailTerms) -> Transaction:
    """Begin the transaction that MAIL asks for.

    Raises `Refusal`: 552 for a SIZE above the limit, 555 for a parameter that was not offered,
    501 for one that is not well formed or there twice, 553 for an address that needs SMTPUTF8.
    """
    transaction = Transaction(command.reverse_path)
    for keyword, value in _read(command.parameters):
        if keyword == "AUTH" and terms.offered is not None:
            # RFC 4954 5: who wrote it first; trusted from nobody, so ignored.
            continue
        known = _MAIL_PARAMETERS.get(keyword)
        if known is None or (terms.offered or frozenset()).isdisjoint(known[0]):
            raise _unknown(keyword)
        transaction = known[1](transaction, value, terms)
    path = command.reverse_path
    if path is not None and not path.is_ascii and not transaction.is_internationalized:
        raise _needs_smtputf8()
    return transaction


def check_rcpt_parameters(
    command: Rcpt, transaction: Transaction, offered: frozenset[Extension] | None
) -> NotificationRequest | None:
    """Read what RCPT asks for; None where it asks for nothing.

    Raises `Refusal` as `check_mail_parameters` does.
    """
    if not command.forward_path.is_ascii and not transaction.is_internationalized:
        raise _needs_smtputf8()
    if not command.parameters:
        return None
    request = NotificationRequest(command.forward_path)
    for keyword, value in _read(command.parameters):
        if Extension.DSN not in (offered or ()):
            raise _unknown(keyword)
        match keyword:
            case "NOTIFY":
                request = replace(request, notify=_notify(value))
            case "ORCPT":
                request = replace(request, original_recipient=_original_recipient(value))
            case _:
                raise _unknown(keyword)
    return request


def _read(parameters: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    seen = set()
    for parameter in parameters:
        keyword, _, value = parameter.partition("=")
        keyword = keyword.upper()
        # RFC 5321 4.1.1.11 gives no meaning to a second value, so two servers may differ on it.
        if keyword in seen:
            raise _malformed(f"{keyword} is there twice")
        seen.add(keyword)
        yield keyword, value


def _size(transaction: Transaction, value: str, terms: MailTerms) -> Transaction:
    # RFC 1870 3: size-value = 1*20DIGIT
    if not (value.isascii() and value.isdigit() and len(value) <= 20):
        raise _malformed("SIZE takes a number")
    if int(value) > terms.max_size:
        raise Refusal(552, "5.3.4", f"a message may have {terms.max_size} octets")
    return transaction


def _body(transaction: Transaction, value: str, terms: MailTerms) -> Transaction:
    # RFC 6152 3, RFC 3030 3
    offered = terms.offered or frozenset()
    types = ["7BIT"]
    types += ["8BITMIME"] if Extension.EIGHT_BIT_MIME in offered else []
    types += ["BINARYMIME"] if Extension.BINARYMIME in offered else []
    if value.upper() not in types:
        raise _malformed(f"BODY takes {' or '.join(types)}")
    return replace(
        transaction,
        is_8bit=value.upper() != "7BIT",
        is_binary=value.upper() == "BINARYMIME",
    )


def _smtputf8(transaction: Transaction, value: str, _: MailTerms) -> Transaction:
    # RFC 6531 3.4: it has no value.
    if value:
        raise _malformed("SMTPUTF8 takes no value")
    return replace(transaction, is_internationalized=True)


def _ret(transaction: Transaction, value: str, _: MailTerms) -> Transaction:
    # RFC 3461 4.3
    try:
        return replace(transaction, return_content=ReturnContent(value.upper()))
    except ValueError:
        raise _malformed("RET takes FULL or HDRS") from None


def _envid(transaction: Transaction, value: str, _: MailTerms) -> Transaction:
    # RFC 3461 4.4
    decoded = decode_xtext(value)
    if decoded is None:
        raise _malformed("ENVID takes xtext")
    with _values_checked():
        check_envelope_id(decoded)
    return replace(transaction, envelope_id=decoded)


def _requiretls(transaction: Transaction, value: str, _: MailTerms) -> Transaction:
    # RFC 8689 2: it has no value.
    if value:
        raise _malformed("REQUIRETLS takes no value")
    return replace(transaction, requires_tls=True)


def _by(transaction: Transaction, value: str, _: MailTerms) -> Transaction:
    found = _BY.match(value)
    if found is None:
        raise _malformed("BY takes seconds, a semicolon, and N or R with or without T")
    with _values_checked():
        deliver_by = DeliverBy(int(found[1]), DeliverByMode(found[2].upper()), bool(found[3]))
    return replace(transaction, deliver_by=deliver_by)


def _holdfor(transaction: Transaction, value: str, terms: MailTerms) -> Transaction:
    # RFC 4865 3: future-release-interval = 1*9DIGIT, from 1
    if not (value.isascii() and value.isdigit() and len(value) <= 9 and int(value)):
        raise _malformed("HOLDFOR takes a number of seconds")
    if int(value) > terms.max_hold:
        raise _malformed(f"a message may be held for {terms.max_hold} seconds")
    return _held(transaction, HoldFor(int(value)))


def _holduntil(transaction: Transaction, value: str, terms: MailTerms) -> Transaction:
    try:
        moment = datetime.fromisoformat(value) if _MOMENT.match(value) else None
    except ValueError:
        moment = None
    if moment is None:
        raise _malformed("HOLDUNTIL takes a date and time in UTC such as 2030-01-31T08:00:00Z")
    if moment > terms.clock() + timedelta(seconds=terms.max_hold):
        raise _malformed(f"a message may be held for {terms.max_hold} seconds")
    return _held(transaction, HoldUntil(moment))


def _held(transaction: Transaction, hold: HoldFor | HoldUntil) -> Transaction:
    # RFC 4865 3: one of the two, once.
    if transaction.hold is not None:
        raise _malformed("HOLDFOR and HOLDUNTIL exclude each other")
    return replace(transaction, hold=hold)


def _mt_priority(transaction: Transaction, value: str, _: MailTerms) -> Transaction:
    if not _PRIORITY.match(value):
        raise _malformed("MT-PRIORITY takes a number from -9 to 9")
    return replace(transaction, priority=int(value))


_MAIL_PARAMETERS: Final[dict[str, tuple[tuple[Extension, ...], _Reader]]] = {
    "SIZE": ((Extension.SIZE,), _size),
    "BODY": ((Extension.EIGHT_BIT_MIME, Extension.BINARYMIME), _body),
    "SMTPUTF8": ((Extension.SMTPUTF8,), _smtputf8),
    "RET": ((Extension.DSN,), _ret),
    "ENVID": ((Extension.DSN,), _envid),
    "REQUIRETLS": ((Extension.REQUIRETLS,), _requiretls),
    "BY": ((Extension.DELIVERBY,), _by),
    "HOLDFOR": ((Extension.FUTURERELEASE,), _holdfor),
    "HOLDUNTIL": ((Extension.FUTURERELEASE,), _holduntil),
    "MT-PRIORITY": ((Extension.MT_PRIORITY,), _mt_priority),
}


def _notify(value: str) -> frozenset[Notify]:
    # RFC 3461 4.1
    try:
        notify = frozenset(Notify(word) for word in value.upper().split(","))
    except ValueError:
        notify = frozenset()
    with _values_checked():
        check_notify(notify)
    return notify


def _original_recipient(value: str) -> OriginalRecipient:
    # RFC 3461 4.2: original-recipient-address = addr-type ";" xtext
    address_type, _, text = value.partition(";")
    decoded = decode_xtext(text)
    if decoded is None:
        raise _malformed("ORCPT takes an address type, a semicolon, and an address in xtext")
    with _values_checked():
        return OriginalRecipient(address_type.lower(), decoded)


@contextmanager
def _values_checked() -> Iterator[None]:
    """Turn what a value says of itself into a refusal."""
    try:
        yield
    except InvalidInput as error:
        raise _malformed(error.text) from None


def _malformed(text: str) -> Refusal:
    return Refusal(501, "5.5.4", text)


def _unknown(keyword: str) -> Refusal:
    # RFC 5321 4.1.1.11
    return Refusal(555, "5.5.4", f"{keyword} is not known here")


def _needs_smtputf8() -> Refusal:
    # RFC 6531 3.5
    return Refusal(553, "5.6.7", "this address needs SMTPUTF8")

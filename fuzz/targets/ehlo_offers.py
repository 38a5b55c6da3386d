"""Whatever a server offers, the terms for a message are parameters that it offers, or the message
is refused as PermanentlyRejected; and its limits on a session leave room for somebody.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

from fuzz.chunks import text_of
from postseal.address import Address
from postseal.errors import PermanentlyRejected
from postseal.smtp.client_parameters import Demands, agree_on_terms
from postseal.smtp.commands import Mail, Rcpt
from postseal.smtp.delivery_options import DeliveryOptions
from postseal.smtp.envelope_values import (
    DeliverBy,
    DeliverByMode,
    HoldFor,
    HoldUntil,
    Notify,
    ReturnContent,
)
from postseal.smtp.extensions import Extensions
from postseal.smtp.limits import Allowance
from postseal.smtp.reply import ReplyParser

__all__ = ["run"]

_RECIPIENTS: Final = (Address("ada", "example.com"), Address("bob", "example.org"))
_HOLDS: Final = (None, HoldFor(3600), HoldUntil(datetime(2030, 1, 31, 12, tzinfo=UTC)))
_OFFERED_AS: Final = {
    "RET": "DSN",
    "ENVID": "DSN",
    "BY": "DELIVERBY",
    "HOLDFOR": "FUTURERELEASE",
    "HOLDUNTIL": "FUTURERELEASE",
}


def run(data: bytes) -> None:
    """Check the invariant: the first octet chooses the message, the lines behind it are offers."""
    if not data:
        return
    extensions = _extensions(text_of(data[1:]))
    _check_terms(extensions, data[0])
    if (limits := extensions.limits) is not None:
        taken = Allowance(limits).take(_RECIPIENTS)
        assert taken
        assert set(taken) <= set(_RECIPIENTS)


def _extensions(text: str) -> Extensions:
    lines = [line for line in text.splitlines() if line.isprintable() and len(line) < 500][:100]
    parser = ReplyParser()
    parser.feed("".join(f"250-{line}\r\n" for line in ("mx", *lines)).encode() + b"250 HELP\r\n")
    reply = parser.next_reply()
    assert reply is not None
    return Extensions.from_reply(reply)


def _check_terms(extensions: Extensions, choice: int) -> None:
    mode = DeliverByMode.RETURN if choice & 4 else DeliverByMode.NOTIFY
    demands = Demands(
        size=1000,
        is_8bit=bool(choice & 8),
        is_binary=bool(choice & 16),
        is_internationalized=bool(choice & 32),
        options=DeliveryOptions(
            return_content=ReturnContent.FULL,
            envelope_id="a+b c",
            notify=frozenset({Notify.DELAY}),
            requires_tls=bool(choice & 64),
            deliver_by=DeliverBy(60, mode) if choice & 128 else None,
            hold=_HOLDS[choice % 3],
            priority=-9,
        ),
    )
    try:
        terms = agree_on_terms(extensions, demands)
    except PermanentlyRejected as error:
        assert str(error).isprintable()
        return
    for parameter in terms.mail:
        keyword = parameter.partition("=")[0]
        assert keyword == "BODY" or _OFFERED_AS.get(keyword, keyword) in extensions
    for line in (
        Mail(None, terms.mail).encode(),
        Rcpt(_RECIPIENTS[0], terms.rcpt(_RECIPIENTS[0])).encode(),
    ):
        assert line.count(b"\r") == line.count(b"\n") == 1

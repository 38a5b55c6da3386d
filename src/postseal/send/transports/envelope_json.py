"""An envelope as JSON: the words that would be said with MAIL and RCPT, so that none gets lost.

::

    {"version": 1, "reverse_path": "ada@example.com", "parameters": ["BODY=8BITMIME"],
     "recipients": [{"forward_path": "bob@example.org", "parameters": ["NOTIFY=NEVER"]}]}

The reverse-path is null for bounces. Parameters are written as a client writes them and read as a
server reads them.
"""

from __future__ import annotations

import json
from typing import Final

from postseal.address import Address
from postseal.defaults import utc_now
from postseal.errors import InvalidInput, LocalProtocolError
from postseal.json_place import JSONPlace, read_json
from postseal.mail.envelope import MAX_RECIPIENTS, Envelope
from postseal.send.outgoing import Outgoing
from postseal.send.terms import terms_for
from postseal.smtp.commands import Mail, Rcpt
from postseal.smtp.delivery_options import DeliveryOptions
from postseal.smtp.envelope_parameters import (
    MailTerms,
    check_mail_parameters,
    check_rcpt_parameters,
)
from postseal.smtp.envelope_values import NotificationRequest
from postseal.smtp.events import Transaction
from postseal.smtp.extensions import Extensions
from postseal.smtp.parse import Refusal
from postseal.smtp.protocol import Extension

__all__ = ["envelope_from_json", "envelope_to_json"]

_VERSION: Final = 1
# Each with its keyword alone: without a limit, and for all there is to ask for.
_EVERYTHING: Final = Extensions({extension.value: "" for extension in Extension})
_ANYTHING: Final = MailTerms(
    offered=frozenset(Extension), max_size=10**20, max_hold=999_999_999, clock=utc_now
)


def envelope_to_json(outgoing: Outgoing) -> str:
    """Write the envelope of a message and what it asks for."""
    terms = terms_for(outgoing, _EVERYTHING)
    sender = outgoing.envelope.sender
    content = {
        "version": _VERSION,
        "reverse_path": None if sender is None else str(sender),
        "parameters": terms.mail,
        "recipients": [
            {"forward_path": str(recipient), "parameters": terms.rcpt(recipient)}
            for recipient in outgoing.envelope.recipients
        ],
    }
    return json.dumps(content, ensure_ascii=False, indent=1) + "\n"


def envelope_from_json(text: str | bytes, *, name: str = "envelope") -> Outgoing:
    """Read what `envelope_to_json` wrote, or a person: a message that has no content yet.

    Raises `InvalidInput`, which begins with `name` and says the place.
    """
    whole = read_json(text, name)
    whole.check_keys(("version", "reverse_path", "parameters", "recipients"))
    if whole.get("version").value != _VERSION:
        raise InvalidInput(
            f"{name} is not of version {_VERSION}", hint="A newer release may have written it."
        )
    sender = whole.get("reverse_path").optional_text()
    reverse_path = None if sender is None else Address.parse(sender)
    try:
        mail = Mail(_in_ascii(reverse_path), tuple(whole.get("parameters").texts()))
        transaction = check_mail_parameters(mail, _ANYTHING)
    except (Refusal, LocalProtocolError) as error:
        raise InvalidInput(f"{name}.parameters cannot be said with MAIL: {error}") from None
    places = whole.get("recipients").items()
    if len(places) > MAX_RECIPIENTS:
        raise InvalidInput(f"{name}.recipients has more than {MAX_RECIPIENTS} of them")
    recipients: list[Address] = []
    requests: list[NotificationRequest] = []
    for place in places:
        recipient, request = _recipient(place, transaction)
        recipients.append(recipient)
        if request is not None:
            requests.append(request)
    return Outgoing(
        envelope=Envelope(reverse_path, tuple(recipients)),
        content=(),
        is_8bit=transaction.is_8bit,
        is_internationalized=transaction.is_internationalized,
        is_binary=transaction.is_binary,
        options=_options(transaction, tuple(requests)),
    )


def _recipient(
    place: JSONPlace, transaction: Transaction
) -> tuple[Address, NotificationRequest | None]:
    place.check_keys(("forward_path", "parameters"))
    recipient = Address.parse(place.get("forward_path").text())
    try:
        rcpt = Rcpt(Address.parse(recipient.to_ascii()), tuple(place.get("parameters").texts()))
        request = check_rcpt_parameters(rcpt, transaction, _ANYTHING.offered)
    except (Refusal, LocalProtocolError) as error:
        raise InvalidInput(f"{place.name}.parameters cannot be said with RCPT: {error}") from None
    return recipient, request


def _options(
    transaction: Transaction, requests: tuple[NotificationRequest, ...]
) -> DeliveryOptions | None:
    options = DeliveryOptions(
        return_content=transaction.return_content,
        envelope_id=transaction.envelope_id,
        notification_requests=requests,
        requires_tls=transaction.requires_tls,
        deliver_by=transaction.deliver_by,
        hold=transaction.hold,
        priority=transaction.priority,
    )
    return None if options == DeliveryOptions() else options


def _in_ascii(address: Address | None) -> Address | None:
    # As a client says it: a domain in letters of other scripts needs no SMTPUTF8.
    return None if address is None else Address.parse(address.to_ascii())

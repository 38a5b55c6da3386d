"""The parameters of MAIL and RCPT that a message needs, as far as a server offers them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final, NamedTuple

from postseal.address import Address, ascii_domain
from postseal.errors import PermanentlyRejected, Phase
from postseal.smtp.grammar import encode_xtext
from postseal.smtp.protocol import Extension

if TYPE_CHECKING:
    from postseal.smtp.delivery_options import DeliveryOptions
    from postseal.smtp.envelope_values import (
        DeliverBy,
        HoldFor,
        HoldUntil,
        NotificationRequest,
        Notify,
    )
    from postseal.smtp.extensions import Extensions

__all__ = ["Demands", "Terms", "agree_on_terms"]

_NUMBER: Final = re.compile(r"[0-9]{1,9}\Z", re.ASCII)
_MOMENT: Final = "%Y-%m-%dT%H:%M:%SZ"


class Demands(NamedTuple):
    """What a message demands of the server that is to take it.

    `size` in octets, where it is known. `is_8bit`: octets above 127, in lines (RFC 6152).
    `is_binary`: any octets (RFC 3030 3). `is_internationalized`: UTF-8 in headers or addresses
    (RFC 6531). `is_chunked`: it goes by BDAT (RFC 3030 2), as what is binary always does.
    """

    size: int | None = None
    is_8bit: bool = False
    is_binary: bool = False
    is_internationalized: bool = False
    is_chunked: bool = False
    options: DeliveryOptions | None = None


class Terms(NamedTuple):
    """What is said with MAIL and with each RCPT, and which requests had to be left out."""

    mail: tuple[str, ...]
    dropped: tuple[Extension, ...] = ()
    rcpt_default: tuple[str, ...] = ()
    rcpt_requests: Mapping[tuple[str, str], tuple[str, ...]] | None = None

    def rcpt(self, recipient: Address) -> tuple[str, ...]:
        """Give the parameters for one recipient."""
        if not self.rcpt_requests:
            return self.rcpt_default
        return self.rcpt_requests.get(_key(recipient), self.rcpt_default)


def agree_on_terms(extensions: Extensions, demands: Demands) -> Terms:
    """Write the parameters for a server with these extensions.

    Raises `PermanentlyRejected` of phase `mail`, with the enhanced code that a server would have
    given, where it does not offer what the message cannot do without.
    """
    parameters = _parameters_of_content(extensions, demands)
    if demands.options is None:
        return Terms(tuple(parameters))
    return _with_options(extensions, parameters, demands.options)


def _parameters_of_content(extensions: Extensions, demands: Demands) -> list[str]:
    parameters: list[str] = []
    size = demands.size
    if size is not None and "SIZE" in extensions:
        limit = extensions.max_message_size
        if limit is not None and size > limit:
            raise _refusal("5.3.4", f"the message has {size} octets, the server takes {limit}")
        parameters.append(f"SIZE={size}")
    if (demands.is_chunked or demands.is_binary) and "CHUNKING" not in extensions:
        raise _refusal("5.6.1", "the message goes in chunks, and the server does not take those")
    if demands.is_binary:
        if "BINARYMIME" not in extensions:
            raise _refusal("5.6.3", "the message is binary, and the server does not take that")
        parameters.append("BODY=BINARYMIME")
    elif demands.is_8bit:
        if "8BITMIME" not in extensions:
            raise _refusal("5.6.3", "the message is 8-bit, and the server does not take that")
        parameters.append("BODY=8BITMIME")
    if demands.is_internationalized:
        if "SMTPUTF8" not in extensions:
            raise _refusal("5.6.7", "the message needs SMTPUTF8, and the server does not offer it")
        parameters.append("SMTPUTF8")
    return parameters


def _with_options(extensions: Extensions, parameters: list[str], options: DeliveryOptions) -> Terms:
    dropped: list[Extension] = []
    default: tuple[str, ...] = ()
    requests: dict[tuple[str, str], tuple[str, ...]] = {}
    if _asks_for_notification(options):
        if "DSN" in extensions:
            parameters += _notification_of_message(options)
            default = _notify(options.notify)
            requests = {_key(one.recipient): _request(one) for one in options.notification_requests}
        else:
            # RFC 3461 5.2.2: the message goes on without; a relay may have to tell its sender.
            dropped.append(Extension.DSN)
    if options.requires_tls:
        # RFC 8689 4.2.1
        if "REQUIRETLS" not in extensions:
            raise _refusal("5.7.30", "the message requires TLS, and the server does not promise it")
        parameters.append("REQUIRETLS")
    if options.deliver_by is not None:
        if _takes_deliver_by(extensions, options.deliver_by):
            parameters.append(_deliver_by(options.deliver_by))
        else:
            dropped.append(Extension.DELIVERBY)
    if options.hold is not None:
        parameters.append(_hold(extensions, options.hold))
    if options.priority:
        if "MT-PRIORITY" in extensions:
            parameters.append(f"MT-PRIORITY={options.priority}")
        else:
            dropped.append(Extension.MT_PRIORITY)
    return Terms(tuple(parameters), tuple(dropped), default, requests)


def _asks_for_notification(options: DeliveryOptions) -> bool:
    return bool(
        options.return_content
        or options.envelope_id
        or options.notify
        or options.notification_requests
    )


def _notification_of_message(options: DeliveryOptions) -> list[str]:
    parameters = []
    if options.return_content is not None:
        parameters.append(f"RET={options.return_content.value}")
    if options.envelope_id is not None:
        parameters.append(f"ENVID={encode_xtext(options.envelope_id)}")
    return parameters


def _request(request: NotificationRequest) -> tuple[str, ...]:
    original = request.original_recipient
    if original is None:
        return _notify(request.notify)
    written = f"ORCPT={original.address_type};{encode_xtext(original.address)}"
    return (*_notify(request.notify), written)


def _notify(notify: frozenset[Notify] | None) -> tuple[str, ...]:
    if notify is None:
        return ()
    from postseal.smtp.envelope_values import Notify

    return (f"NOTIFY={','.join(one.value for one in Notify if one in notify)}",)


def _takes_deliver_by(extensions: Extensions, deliver_by: DeliverBy) -> bool:
    """Tell whether BY can be said; raise where it cannot and the message must not go without."""
    from postseal.smtp.envelope_values import DeliverByMode

    must = deliver_by.mode is DeliverByMode.RETURN
    if "DELIVERBY" not in extensions:
        if must:
            # RFC 2852 4.1.4
            raise _refusal(
                "5.3.3", "the message is to be returned when late, and the server offers no BY"
            )
        return False
    # RFC 2852 3: the parameter is the least time that the server takes in this mode.
    least = extensions.parameters["DELIVERBY"]
    if must and _NUMBER.match(least) and deliver_by.seconds < int(least):
        raise _refusal(
            "5.3.3", f"the message is due in {deliver_by.seconds} s, the server wants {least} s"
        )
    return True


def _deliver_by(deliver_by: DeliverBy) -> str:
    trace = "T" if deliver_by.is_traced else ""
    return f"BY={deliver_by.seconds};{deliver_by.mode.value}{trace}"


def _hold(extensions: Extensions, hold: HoldFor | HoldUntil) -> str:
    from postseal.smtp.envelope_values import HoldFor

    if "FUTURERELEASE" not in extensions:
        raise _refusal("5.3.3", "the message is to be held, and the server offers no FUTURERELEASE")
    # RFC 4865 3: the longest interval, and the latest moment, in seconds and in UTC.
    interval, _, latest = extensions.parameters["FUTURERELEASE"].partition(" ")
    if isinstance(hold, HoldFor):
        if _NUMBER.match(interval) and hold.seconds > int(interval):
            raise _refusal(
                "5.3.3", f"the message is to be held {hold.seconds} s, the server holds {interval}"
            )
        return f"HOLDFOR={hold.seconds}"
    moment = hold.moment.astimezone(UTC)
    if (bound := _moment(latest.strip())) is not None and moment > bound:
        raise _refusal("5.3.3", f"the message is to be held longer than till {latest.strip()}")
    return f"HOLDUNTIL={moment.strftime(_MOMENT)}"


def _moment(text: str) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment if moment.tzinfo is not None else None


def _key(recipient: Address) -> tuple[str, str]:
    return recipient.local, ascii_domain(recipient.domain)


def _refusal(enhanced_code: str, text: str) -> PermanentlyRejected:
    return PermanentlyRejected(text, phase=Phase.MAIL, enhanced_code=enhanced_code)

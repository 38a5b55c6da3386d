"""The values of parameters: those that cannot be said cannot be made."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta, timezone

import pytest

from postseal.address import Address
from postseal.errors import InvalidInput
from postseal.smtp.delivery_options import DeliveryOptions
from postseal.smtp.envelope_values import (
    DeliverBy,
    DeliverByMode,
    HoldFor,
    HoldUntil,
    NotificationRequest,
    Notify,
    OriginalRecipient,
)

BOB = Address.parse("bob@example.org")
LAST = datetime.max  # noqa: DTZ901
WEST = timezone(timedelta(hours=-1))
BREAKS = ["a\rb", "a\nb", "a\r\nRCPT TO:<eve@example.org>", "a\x00b", "a\tb", "\x7f", "\u010a", "å"]


@pytest.mark.parametrize("text", BREAKS)
@pytest.mark.parametrize(
    "make",
    [
        lambda text: DeliveryOptions(envelope_id=text),
        lambda text: OriginalRecipient("rfc822", text),
        lambda text: OriginalRecipient(text, "bob@example.org"),
    ],
    ids=["ENVID", "ORCPT address", "ORCPT type"],
)
def test_no_value_holds_a_control(make: Callable[[str], object], text: str) -> None:
    with pytest.raises(InvalidInput):
        make(text)


@pytest.mark.parametrize(
    ("kind", "parts", "says"),
    [
        (DeliveryOptions, {"envelope_id": ""}, "ENVID"),
        (DeliveryOptions, {"envelope_id": "a" * 101}, "ENVID"),
        # Encoded, a plus is three characters.
        (DeliveryOptions, {"envelope_id": "+" * 34}, "ENVID"),
        (DeliveryOptions, {"notify": frozenset()}, "NOTIFY"),
        (DeliveryOptions, {"notify": frozenset({Notify.NEVER, Notify.DELAY})}, "NOTIFY"),
        (NotificationRequest, {"recipient": BOB, "notify": frozenset()}, "NOTIFY"),
        (DeliveryOptions, {"priority": 10}, "MT-PRIORITY"),
        (DeliveryOptions, {"priority": -10}, "MT-PRIORITY"),
        (
            DeliveryOptions,
            {"notification_requests": (NotificationRequest(BOB),) * 2},
            "more than one",
        ),
        (OriginalRecipient, {"address_type": "rfc822", "address": ""}, "ORCPT"),
        (OriginalRecipient, {"address_type": "rfc822", "address": "a" * 494}, "ORCPT"),
        (OriginalRecipient, {"address_type": "rfc 822", "address": "a"}, "ORCPT"),
        (DeliverBy, {"seconds": 0, "mode": DeliverByMode.RETURN}, "above zero"),
        (DeliverBy, {"seconds": 10**9, "mode": DeliverByMode.NOTIFY}, "nine digits"),
        (HoldFor, {"seconds": 0}, "HOLDFOR"),
        (HoldFor, {"seconds": 10**9}, "HOLDFOR"),
        (HoldUntil, {"moment": datetime(2030, 1, 1)}, "no offset"),  # noqa: DTZ001
        (HoldUntil, {"moment": LAST.replace(tzinfo=WEST)}, "years 1 to 9999"),
    ],
)
def test_what_cannot_be_said(
    kind: Callable[..., object], parts: dict[str, object], says: str
) -> None:
    with pytest.raises(InvalidInput, match=says):
        kind(**parts)

"""An envelope in JSON: read as strictly as a server reads it."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postseal.address import Address
from postseal.errors import InvalidInput
from postseal.mail import Envelope
from postseal.send import (
    DeliverBy,
    DeliverByMode,
    DeliveryOptions,
    HoldFor,
    HoldUntil,
    NotificationRequest,
    Notify,
    OriginalRecipient,
    Outgoing,
    ReturnContent,
)
from postseal.send.transports.envelope_json import envelope_from_json, envelope_to_json

BOB = Address.parse("bob@example.org")
GOOD = {
    "version": 1,
    "reverse_path": "ada@example.com",
    "parameters": [],
    "recipients": [{"forward_path": "bob@example.org", "parameters": []}],
}

_notify = st.one_of(
    st.just(frozenset({Notify.NEVER})),
    st.frozensets(st.sampled_from([Notify.SUCCESS, Notify.FAILURE, Notify.DELAY]), min_size=1),
)
_options = st.builds(
    DeliveryOptions,
    return_content=st.none() | st.sampled_from(ReturnContent),
    envelope_id=st.none()
    | st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=30),
    notification_requests=st.sampled_from(
        [
            (),
            (NotificationRequest(BOB, frozenset({Notify.DELAY})),),
            (NotificationRequest(BOB, None, OriginalRecipient("rfc822", "bob@old.example")),),
        ]
    ),
    requires_tls=st.booleans(),
    deliver_by=st.none()
    | st.builds(DeliverBy, st.integers(1, 10**9 - 1), st.sampled_from(DeliverByMode)),
    hold=st.none()
    | st.builds(HoldFor, st.integers(1, 10**9 - 1))
    | st.just(HoldUntil(datetime(2031, 5, 1, 12, tzinfo=UTC))),
    priority=st.integers(-9, 9),
)


@given(
    options=_options,
    sender=st.sampled_from([None, "ada@example.com", '"a b"@example.com', "ada@bücher.example"]),
    is_8bit=st.booleans(),
)
def test_what_is_written_is_read(
    options: DeliveryOptions, sender: str | None, *, is_8bit: bool
) -> None:
    envelope = Envelope(None if sender is None else Address.parse(sender), (BOB,))
    outgoing = Outgoing(envelope=envelope, content=[], is_8bit=is_8bit, options=options)
    read = envelope_from_json(envelope_to_json(outgoing))
    assert (read.envelope, read.is_8bit, read.is_binary) == (envelope, is_8bit, False)
    assert read.options == (None if options == DeliveryOptions() else options)


def test_one_wish_for_all_is_one_for_each() -> None:
    options = DeliveryOptions(notify=frozenset({Notify.NEVER}))
    eve = Address.parse("eve@example.net")
    outgoing = Outgoing(envelope=Envelope(None, (BOB, eve)), content=[], options=options)
    read = envelope_from_json(envelope_to_json(outgoing)).options
    assert read is not None
    assert read.notification_requests == tuple(
        NotificationRequest(one, frozenset({Notify.NEVER})) for one in (BOB, eve)
    )


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"version": 2}, "version 1"),
        ({"version": None}, "version 1"),
        ({"sender": "x"}, "'sender'"),
        ({"reverse_path": "ada"}, "no @"),
        ({"reverse_path": 7}, "reverse_path"),
        ({"reverse_path": "ada@example.com\r\nRSET"}, "U\\+000D"),
        ({"parameters": ["SIZE=1\r\nRSET"]}, "MAIL"),
        ({"parameters": ["XYZZY"]}, "MAIL"),
        ({"parameters": ["BODY=9BIT"]}, "BODY takes"),
        ({"parameters": ["SMTPUTF8", "SMTPUTF8"]}, "twice"),
        ({"parameters": "SMTPUTF8"}, "parameters"),
        ({"reverse_path": "ädä@example.com"}, "SMTPUTF8"),
        ({"recipients": []}, "no recipient"),
        ({"recipients": [{"forward_path": None, "parameters": []}]}, "forward_path"),
        ({"recipients": ["bob@example.org"]}, "an object"),
        (
            {"recipients": [{"forward_path": "bob@example.org", "parameters": ["NOTIFY=YES"]}]},
            "recipients\\[0\\].parameters",
        ),
        ({"recipients": GOOD["recipients"] * 10_001}, "more than 10000"),  # type: ignore[operator]
    ],
)
def test_what_no_envelope_says(change: dict[str, object], match: str) -> None:
    with pytest.raises(InvalidInput, match=match):
        envelope_from_json(json.dumps({**GOOD, **change}))


@pytest.mark.parametrize("text", [b"", b"[]", b"{", b"\xff", b"[" * 100_000, b'{"a":1,"a":1}'])
def test_what_is_no_object(text: bytes) -> None:
    with pytest.raises(InvalidInput):
        envelope_from_json(text)


def test_what_is_left_out_is_empty() -> None:
    read = envelope_from_json('{"version": 1, "recipients": [{"forward_path": "bob@example.org"}]}')
    assert read.envelope == Envelope(None, (BOB,))
    assert read.options is None

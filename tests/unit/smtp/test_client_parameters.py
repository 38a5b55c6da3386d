"""What a client writes behind MAIL and RCPT, what it leaves out, and what it must not leave out."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from types import MappingProxyType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postseal.address import Address
from postseal.errors import InvalidInput, PermanentlyRejected, Phase
from postseal.smtp.client_parameters import Demands, agree_on_terms
from postseal.smtp.commands import Mail, Rcpt
from postseal.smtp.delivery_options import DeliveryOptions
from postseal.smtp.envelope_parameters import (
    MailTerms,
    check_mail_parameters,
    check_rcpt_parameters,
)
from postseal.smtp.envelope_values import (
    DeliverBy,
    DeliverByMode,
    HoldFor,
    HoldUntil,
    NotificationRequest,
    Notify,
    OriginalRecipient,
    ReturnContent,
)
from postseal.smtp.extensions import Extensions
from postseal.smtp.protocol import Extension

BOB = Address.parse("bob@example.org")
EVE = Address.parse("eve@example.org")
NOON = datetime(2030, 1, 31, 12, tzinfo=UTC)
LAST = datetime.max.replace(tzinfo=UTC)


def offers(**parameters: str) -> Extensions:
    return Extensions(
        MappingProxyType({name.replace("_", "-"): text for name, text in parameters.items()})
    )


EVERYTHING = offers(
    **{extension.name.replace("EIGHT_BIT_MIME", "8BITMIME"): "" for extension in Extension}
)


def said(extensions: Extensions, **demands: Any) -> tuple[str, ...]:
    return agree_on_terms(extensions, Demands(**demands)).mail


def refusal(extensions: Extensions, **demands: Any) -> PermanentlyRejected:
    with pytest.raises(PermanentlyRejected) as caught:
        agree_on_terms(extensions, Demands(**demands))
    assert caught.value.phase is Phase.MAIL
    return caught.value


def options(**options: Any) -> dict[str, Any]:
    return {"options": DeliveryOptions(**options)}


@pytest.mark.parametrize(
    ("asked", "written"),
    [
        ({"envelope_id": "a" * 100}, f"ENVID={'a' * 100}"),
        ({"envelope_id": "+" * 33}, f"ENVID={'+2B' * 33}"),
        ({"priority": 9}, "MT-PRIORITY=9"),
        ({"priority": -9}, "MT-PRIORITY=-9"),
        ({"deliver_by": DeliverBy(-999_999_999, DeliverByMode.NOTIFY)}, "BY=-999999999;N"),
        ({"deliver_by": DeliverBy(1, DeliverByMode.RETURN)}, "BY=1;R"),
        ({"hold": HoldFor(999_999_999)}, "HOLDFOR=999999999"),
        ({"hold": HoldUntil(LAST)}, "HOLDUNTIL=9999-12-31T23:59:59Z"),
    ],
)
def test_the_ends_of_the_ranges(asked: dict[str, Any], written: str) -> None:
    assert said(EVERYTHING, **options(**asked)) == (written,)


def test_the_longest_original_recipient() -> None:
    longest = NotificationRequest(BOB, None, OriginalRecipient("rfc822", "a" * 493))
    terms = agree_on_terms(EVERYTHING, Demands(**options(notification_requests=(longest,))))
    (written,) = terms.rcpt(BOB)
    # RFC 3461 4.2
    assert len(written.removeprefix("ORCPT=")) == 500


def test_content_says_what_it_is() -> None:
    assert said(EVERYTHING, size=7) == ("SIZE=7",)
    assert said(EVERYTHING, is_8bit=True) == ("BODY=8BITMIME",)
    # Binary content is more than 8-bit, and says one of the two.
    assert said(EVERYTHING, is_8bit=True, is_binary=True) == ("BODY=BINARYMIME",)
    assert said(EVERYTHING, is_internationalized=True) == ("SMTPUTF8",)
    assert said(offers(), size=7) == ()


@pytest.mark.parametrize(
    ("extensions", "demands", "code"),
    [
        (offers(SIZE="10"), {"size": 11}, "5.3.4"),
        (offers(), {"is_8bit": True}, "5.6.3"),
        (offers(BINARYMIME=""), {"is_binary": True}, "5.6.1"),
        (offers(CHUNKING=""), {"is_binary": True}, "5.6.3"),
        (offers(), {"is_chunked": True}, "5.6.1"),
        (offers(), {"is_internationalized": True}, "5.6.7"),
        (offers(), options(requires_tls=True), "5.7.30"),
        (offers(), options(hold=HoldFor(60)), "5.3.3"),
        (offers(FUTURERELEASE="59 2030-01-31T12:00:00Z"), options(hold=HoldFor(60)), "5.3.3"),
        (
            offers(FUTURERELEASE="60 2030-01-31T12:00:00Z"),
            options(hold=HoldUntil(NOON + timedelta(seconds=1))),
            "5.3.3",
        ),
        (offers(), options(deliver_by=DeliverBy(60, DeliverByMode.RETURN)), "5.3.3"),
        (offers(DELIVERBY="61"), options(deliver_by=DeliverBy(60, DeliverByMode.RETURN)), "5.3.3"),
    ],
)
def test_what_a_message_cannot_go_without(
    extensions: Extensions, demands: dict[str, Any], code: str
) -> None:
    assert refusal(extensions, **demands).enhanced_code == code


@pytest.mark.parametrize(
    ("asked", "dropped"),
    [
        ({"return_content": ReturnContent.FULL}, Extension.DSN),
        ({"envelope_id": "QQ314159"}, Extension.DSN),
        ({"notify": frozenset({Notify.NEVER})}, Extension.DSN),
        ({"notification_requests": (NotificationRequest(BOB),)}, Extension.DSN),
        ({"deliver_by": DeliverBy(-5, DeliverByMode.NOTIFY)}, Extension.DELIVERBY),
        ({"priority": -3}, Extension.MT_PRIORITY),
    ],
)
def test_what_can_be_left_out_is_told(asked: dict[str, Any], dropped: Extension) -> None:
    terms = agree_on_terms(offers(), Demands(**options(**asked)))
    assert terms.mail == terms.rcpt(BOB) == ()
    assert terms.dropped == (dropped,)
    assert agree_on_terms(EVERYTHING, Demands(**options(**asked))).dropped == ()


def test_all_that_can_be_said() -> None:
    terms = agree_on_terms(
        EVERYTHING,
        Demands(
            size=1,
            **options(
                return_content=ReturnContent.HEADERS,
                envelope_id="a+b c",
                notify=frozenset({Notify.DELAY, Notify.FAILURE}),
                notification_requests=(
                    NotificationRequest(
                        # RFC 5321 2.4: the domain's case makes no other recipient.
                        Address.parse("bob@EXAMPLE.org"),
                        frozenset({Notify.NEVER}),
                        OriginalRecipient("rfc822", "Bob+1@example.org"),
                    ),
                ),
                requires_tls=True,
                deliver_by=DeliverBy(120, DeliverByMode.RETURN, is_traced=True),
                hold=HoldUntil(NOON.astimezone(timezone(timedelta(hours=2)))),
                priority=9,
            ),
        ),
    )
    assert terms.mail == (
        "SIZE=1",
        "RET=HDRS",
        "ENVID=a+2Bb+20c",
        "REQUIRETLS",
        "BY=120;RT",
        "HOLDUNTIL=2030-01-31T12:00:00Z",
        "MT-PRIORITY=9",
    )
    assert terms.rcpt(BOB) == ("NOTIFY=NEVER", "ORCPT=rfc822;Bob+2B1@example.org")
    assert terms.rcpt(EVE) == ("NOTIFY=FAILURE,DELAY",)


def test_bounds_that_cannot_be_read_are_none() -> None:
    assert said(offers(FUTURERELEASE="soon later"), **options(hold=HoldFor(9))) == ("HOLDFOR=9",)
    until = options(hold=HoldUntil(NOON))
    for text in ("", "60", "60 2020-01-01T00:00:00", "60 never"):
        assert said(offers(FUTURERELEASE=text), **until) == ("HOLDUNTIL=2030-01-31T12:00:00Z",)


TEXT = st.text(max_size=20) | st.sampled_from(
    ["x\r\nRSET", "x\nRSET", "\x00", "a\x7fb", "å", "\u010d\u010a", "\u2028", " ", ""]
)


@given(
    TEXT, TEXT, TEXT, st.integers(-10, 10), st.integers(-(10**10), 10**10), st.sampled_from("NR")
)
def test_whatever_is_asked_for_is_one_line_that_our_server_reads_back(
    envelope_id: str, address_type: str, address: str, priority: int, seconds: int, mode: str
) -> None:
    try:
        asked = DeliveryOptions(
            envelope_id=envelope_id,
            notification_requests=(
                NotificationRequest(
                    BOB, frozenset({Notify.SUCCESS}), OriginalRecipient(address_type, address)
                ),
            ),
            deliver_by=DeliverBy(seconds, DeliverByMode(mode)),
            priority=priority,
        )
    except InvalidInput:
        return
    terms = agree_on_terms(EVERYTHING, Demands(options=asked))
    mail, rcpt = Mail(EVE, terms.mail), Rcpt(BOB, terms.rcpt(BOB))
    for line in (mail.encode(), rcpt.encode()):
        assert line.endswith(b"\r\n")
        assert line.count(b"\r") == line.count(b"\n") == 1
        assert b"\x00" not in line
    rules = MailTerms(offered=frozenset(Extension), max_size=1, max_hold=1, clock=lambda: NOON)
    transaction = check_mail_parameters(mail, rules)
    assert transaction.envelope_id == asked.envelope_id
    assert transaction.deliver_by == asked.deliver_by
    assert transaction.priority == asked.priority
    request = check_rcpt_parameters(rcpt, transaction, rules.offered)
    assert request is not None
    assert request.original_recipient == OriginalRecipient(address_type.lower(), address)

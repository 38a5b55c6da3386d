from __future__ import annotations

from datetime import UTC, datetime

import pytest

from postseal.address import Address
from postseal.smtp.commands import Mail, Rcpt
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
from postseal.smtp.events import Transaction
from postseal.smtp.parse import Refusal
from postseal.smtp.protocol import Extension
from postseal.smtp.rules import DEFAULT_EXTENSIONS

ADA = Address("ada", "example.com")
ADA_IN_CYRILLIC = Address("ада", "example.com")
NOON = datetime(2030, 1, 31, 12, tzinfo=UTC)
AT_RF = Address("ada", "пример.рф")


def terms(offered: frozenset[Extension] | None) -> MailTerms:
    return MailTerms(offered=offered, max_size=1000, max_hold=3600, clock=lambda: NOON)


def begin(*parameters: str, path: Address | None = ADA, extended: bool = True) -> Transaction:
    offered = DEFAULT_EXTENSIONS if extended else None
    return check_mail_parameters(Mail(path, parameters), terms(offered))


@pytest.mark.parametrize(
    ("parameters", "is_8bit", "is_internationalized"),
    [
        ((), False, False),
        (("SIZE=1000",), False, False),
        (("size=0",), False, False),
        (("BODY=8BITMIME",), True, False),
        (("body=8bitmime",), True, False),
        (("BODY=7BIT", "SIZE=1"), False, False),
        (("SMTPUTF8",), False, True),
        (("BODY=8BITMIME", "smtputf8"), True, True),
        # RFC 4954 5: a claim about who wrote it, which we believe of nobody.
        (("AUTH=<>",), False, False),
        (("AUTH=root@example.com",), False, False),
    ],
)
def test_begins_a_transaction(
    parameters: tuple[str, ...], is_8bit: bool, is_internationalized: bool
) -> None:
    found = begin(*parameters)
    assert found == Transaction(ADA, (), is_8bit, is_internationalized)


@pytest.mark.parametrize(
    ("parameter", "says"),
    [
        ("SIZE", "501 5.5.4 SIZE takes a number"),
        ("SIZE=-1", "501 5.5.4 SIZE takes a number"),
        ("SIZE=1e9", "501 5.5.4 SIZE takes a number"),
        ("SIZE=" + "0" * 21, "501 5.5.4 SIZE takes a number"),
        ("SIZE=1001", "552 5.3.4 a message may have 1000 octets"),
        ("SIZE=" + "9" * 20, "552 5.3.4 a message may have 1000 octets"),
        ("BODY", "501 5.5.4 BODY takes 7BIT or 8BITMIME"),
        ("BODY=BINARYMIME", "501 5.5.4 BODY takes 7BIT or 8BITMIME"),
        ("SMTPUTF8=1", "501 5.5.4 SMTPUTF8 takes no value"),
        ("RET=HDRS", "555 5.5.4 RET is not known here"),
        ("ENVID=a+0D+0A", "555 5.5.4 ENVID is not known here"),
    ],
)
def test_refuses_a_parameter_of_mail(parameter: str, says: str) -> None:
    with pytest.raises(Refusal) as caught:
        begin(parameter)
    assert str(caught.value.reply) == says


def test_a_long_keyword_is_not_sent_back_whole() -> None:
    with pytest.raises(Refusal) as caught:
        begin("A" * 10000)
    assert len(caught.value.reply.encode()) <= 512


def test_who_said_helo_was_offered_nothing() -> None:
    assert begin(extended=False) == Transaction(ADA)
    with pytest.raises(Refusal) as caught:
        begin("SIZE=1", extended=False)
    assert caught.value.reply.code == 555


@pytest.mark.parametrize("path", [ADA_IN_CYRILLIC, AT_RF])
def test_an_address_beyond_ascii_needs_SMTPUTF8(path: Address) -> None:
    with pytest.raises(Refusal) as caught:
        begin(path=path)
    assert str(caught.value.reply) == "553 5.6.7 this address needs SMTPUTF8"
    transaction = begin("SMTPUTF8", path=path)
    assert transaction.reverse_path == path
    check_rcpt_parameters(Rcpt(path), transaction, None)
    with pytest.raises(Refusal, match=r"5\.6\.7"):
        check_rcpt_parameters(Rcpt(path), begin(), None)


def test_the_null_path_needs_nothing() -> None:
    assert begin(path=None) == Transaction(None)


def test_a_parameter_of_RCPT_was_not_offered() -> None:
    assert check_rcpt_parameters(Rcpt(ADA), begin(), DEFAULT_EXTENSIONS) is None
    with pytest.raises(Refusal) as caught:
        check_rcpt_parameters(Rcpt(ADA, ("NOTIFY=NEVER",)), begin(), DEFAULT_EXTENSIONS)
    assert str(caught.value.reply) == "555 5.5.4 NOTIFY is not known here"


# -- what is offered only where the rules say so --------------------------------------------------

ALL = frozenset(Extension)


@pytest.mark.parametrize(
    ("parameters", "expected"),
    [
        # RFC 3461 4.3 and 4.4
        (("RET=hdrs",), Transaction(ADA, return_content=ReturnContent.HEADERS)),
        (("RET=FULL",), Transaction(ADA, return_content=ReturnContent.FULL)),
        (("ENVID=QQ+2B314159",), Transaction(ADA, envelope_id="QQ+314159")),
        (("REQUIRETLS",), Transaction(ADA, requires_tls=True)),
        # RFC 2852 4
        (("BY=120;R",), Transaction(ADA, deliver_by=DeliverBy(120, DeliverByMode.RETURN))),
        (("by=-5;nt",), Transaction(ADA, deliver_by=DeliverBy(-5, DeliverByMode.NOTIFY, True))),
        # RFC 4865 4
        (("HOLDFOR=3600",), Transaction(ADA, hold=HoldFor(3600))),
        (
            ("HOLDUNTIL=2030-01-31T13:00:00Z",),
            Transaction(ADA, hold=HoldUntil(datetime(2030, 1, 31, 13, tzinfo=UTC))),
        ),
        # RFC 6710 4
        (("MT-PRIORITY=-9",), Transaction(ADA, priority=-9)),
        (("mt-priority=0",), Transaction(ADA)),
        # RFC 3030 3
        (("BODY=binarymime",), Transaction(ADA, is_8bit=True, is_binary=True)),
    ],
)
def test_reads_what_was_offered(parameters: tuple[str, ...], expected: Transaction) -> None:
    assert check_mail_parameters(Mail(ADA, parameters), terms(ALL)) == expected
    with pytest.raises(Refusal):
        check_mail_parameters(Mail(ADA, parameters), terms(None))
    if not parameters[0].startswith("BODY"):
        with pytest.raises(Refusal, match="is not known here"):
            check_mail_parameters(Mail(ADA, parameters), terms(DEFAULT_EXTENSIONS))


@pytest.mark.parametrize(
    ("parameters", "says"),
    [
        (("RET=BODY",), "RET takes FULL or HDRS"),
        (("RET",), "RET takes FULL or HDRS"),
        (("ENVID",), "ENVID takes xtext"),
        # A line ending that the next hop would decode.
        (("ENVID=a+0D+0A",), "ENVID takes xtext"),
        (("ENVID=a+0d",), "ENVID takes xtext"),
        (("ENVID=a+",), "ENVID takes xtext"),
        (("ENVID=a+E9",), "ENVID takes xtext"),
        (("ENVID=" + "a" * 101,), "ENVID takes xtext of at most 100"),
        (("REQUIRETLS=1",), "REQUIRETLS takes no value"),
        (("BY=0;R",), "BY with R takes a time above zero"),
        (("BY=-1;R",), "BY with R takes a time above zero"),
        (("BY=1",), "BY takes seconds"),
        (("BY=1;X",), "BY takes seconds"),
        (("BY=1234567890;N",), "BY takes seconds"),
        (("HOLDFOR=0",), "HOLDFOR takes a number"),
        (("HOLDFOR=-1",), "HOLDFOR takes a number"),
        (("HOLDFOR",), "HOLDFOR takes a number"),
        (("HOLDFOR=3601",), "may be held for 3600 seconds"),
        (("HOLDFOR=1234567890",), "HOLDFOR takes a number"),
        (("HOLDUNTIL=2030-01-31T13:00:01Z",), "may be held for 3600 seconds"),
        (("HOLDUNTIL=2030-02-30T13:00:00Z",), "HOLDUNTIL takes a date"),
        (("HOLDUNTIL=2030-01-31T13:00:00",), "HOLDUNTIL takes a date"),
        (("HOLDUNTIL=20300131T130000Z",), "HOLDUNTIL takes a date"),
        (("HOLDFOR=1", "HOLDUNTIL=2030-01-31T12:30:00Z"), "exclude each other"),
        (("MT-PRIORITY=10",), "MT-PRIORITY takes"),
        (("MT-PRIORITY=-0",), "MT-PRIORITY takes"),
        (("MT-PRIORITY=+1",), "MT-PRIORITY takes"),
        (("BODY=8BIT",), "BODY takes 7BIT or 8BITMIME or BINARYMIME"),
        (("SIZE=1", "size=2"), "SIZE is there twice"),
    ],
)
def test_what_was_offered_must_be_well_formed(parameters: tuple[str, ...], says: str) -> None:
    with pytest.raises(Refusal, match=says) as caught:
        check_mail_parameters(Mail(ADA, parameters), terms(ALL))
    assert str(caught.value.reply).startswith("501 5.5.4 ")


def request(*parameters: str) -> NotificationRequest | None:
    return check_rcpt_parameters(Rcpt(ADA, parameters), Transaction(None), ALL)


def test_reads_what_RCPT_asks_for() -> None:
    # RFC 3461 4.1 and 4.2
    assert request() is None
    assert request("NOTIFY=NEVER") == NotificationRequest(ADA, frozenset({Notify.NEVER}))
    assert request("notify=success,DELAY", "ORCPT=RFC822;Bob+2Btag@example.org") == (
        NotificationRequest(
            ADA,
            frozenset({Notify.SUCCESS, Notify.DELAY}),
            OriginalRecipient("rfc822", "Bob+tag@example.org"),
        )
    )


@pytest.mark.parametrize(
    ("parameters", "says"),
    [
        (("NOTIFY",), "501 5.5.4 NOTIFY takes"),
        (("NOTIFY=NEVER,DELAY",), "501 5.5.4 NOTIFY takes"),
        (("NOTIFY=SUCCESS,",), "501 5.5.4 NOTIFY takes"),
        (("NOTIFY=NEVER", "NOTIFY=DELAY"), "501 5.5.4 NOTIFY is there twice"),
        (("ORCPT=bob@example.org",), "501 5.5.4 ORCPT takes"),
        (("ORCPT=rfc822;",), "501 5.5.4 ORCPT takes"),
        (("ORCPT=;bob",), "501 5.5.4 ORCPT takes"),
        (("ORCPT=rfc822;a+0D+0ARSET",), "501 5.5.4 ORCPT takes"),
        (("ORCPT=rfc822;" + "a" * 500,), "501 5.5.4 ORCPT takes"),
        (("RRVS=2030-01-31T13:00:00Z",), "555 5.5.4 RRVS is not known here"),
    ],
)
def test_what_RCPT_asks_for_must_be_well_formed(parameters: tuple[str, ...], says: str) -> None:
    with pytest.raises(Refusal) as caught:
        request(*parameters)
    assert str(caught.value.reply).startswith(says)

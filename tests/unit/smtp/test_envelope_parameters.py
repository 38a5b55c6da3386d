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
from postseal.smtp.events import Transaction
from postseal.smtp.parse import Refusal
from postseal.smtp.rules import DEFAULT_EXTENSIONS, Extension

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

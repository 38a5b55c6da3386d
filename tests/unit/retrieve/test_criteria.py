from __future__ import annotations

from dataclasses import fields
from datetime import date
from typing import Any

import pytest

from postseal.errors import InvalidHeader, InvalidInput
from postseal.mail.headers import Header
from postseal.retrieve import Criteria
from postseal.retrieve.criteria import SearchKeys


@pytest.mark.parametrize(
    ("criteria", "arguments"),
    [
        ({}, "ALL"),
        ({"from_": "ada", "bcc": "x"}, 'FROM "ada" BCC "x"'),
        ({"subject": 'say "hi"'}, r'SUBJECT "say \"hi\""'),
        ({"text": ""}, 'TEXT ""'),
        ({"header": Header("List-Id", "news")}, 'HEADER "List-Id" "news"'),
        ({"seen": False, "flagged": True, "draft": False}, "UNSEEN FLAGGED UNDRAFT"),
        ({"since": date(2026, 2, 1)}, "SINCE 1-Feb-2026"),
        ({"sent_before": date(2026, 12, 31)}, "SENTBEFORE 31-Dec-2026"),
        ({"larger": 0, "smaller": 2**32 - 1}, "LARGER 0 SMALLER 4294967295"),
        ({"to": "bob", "answered": True}, 'ANSWERED TO "bob"'),
    ],
)
def test_ascii_is_one_search(criteria: dict[str, Any], arguments: str) -> None:
    (keys,) = Criteria(**criteria).searches()
    assert sorted(" ".join(keys.arguments)) == sorted(arguments)
    assert keys.literal is None


def test_every_other_text_is_a_search_with_a_literal() -> None:
    found = list(Criteria(subject="gęś", from_="Żółw", seen=True).searches())
    assert found == [
        SearchKeys(("SEEN",)),
        SearchKeys(("CHARSET", "UTF-8", "FROM"), "Żółw".encode()),
        SearchKeys(("CHARSET", "UTF-8", "SUBJECT"), "gęś".encode()),
    ]
    (alone,) = Criteria(body="ß").searches()
    assert alone == SearchKeys(("CHARSET", "UTF-8", "BODY"), "ß".encode())


def test_everything_is_what_asks_for_nothing() -> None:
    assert Criteria().is_everything
    assert not Criteria(seen=False).is_everything
    assert not Criteria(larger=0).is_everything


@pytest.mark.parametrize("name", ["from_", "to", "cc", "bcc", "subject", "body", "text"])
@pytest.mark.parametrize("bad", ["a\r\nA1 LOGOUT", "a\n", "\0", "x" * 1025, "\ud800"])
def test_no_text_can_leave_its_place(name: str, bad: str) -> None:
    arguments: dict[str, Any] = {name: bad}
    with pytest.raises(InvalidInput):
        Criteria(**arguments)


@pytest.mark.parametrize("name", ["A B", "A:", "A\r\nB", "", "Ä"])
def test_no_field_name_can_leave_its_place(name: str) -> None:
    with pytest.raises(InvalidHeader):
        Criteria(header=Header(name, "x"))


@pytest.mark.parametrize("size", [-1, 2**32])
def test_what_is_no_size(size: int) -> None:
    with pytest.raises(InvalidInput):
        Criteria(larger=size)


def test_every_criterion_is_written() -> None:
    given: dict[str, Any] = {
        "header": Header("X", "y"),
        **dict.fromkeys(("since", "before", "sent_since", "sent_before"), date(2026, 1, 2)),
        **dict.fromkeys(("larger", "smaller"), 5),
        **dict.fromkeys(("seen", "answered", "flagged", "draft"), True),
    }
    for field in fields(Criteria):
        (keys,) = Criteria(**{field.name: given.get(field.name, "text")}).searches()
        assert keys.arguments != ("ALL",), field.name

"""What JSON says of the places within it, and what is said of those where it is wrong."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from enum import StrEnum

import pytest

from postseal.errors import InvalidInput
from postseal.json_place import JSONPlace, read_json


class Colour(StrEnum):
    RED = "red"


def place(text: str) -> JSONPlace:
    return read_json(text, "it")


@pytest.mark.parametrize(
    ("text", "read", "value"),
    [
        ('"a"', JSONPlace.text, "a"),
        ("null", JSONPlace.optional_text, None),
        ('["a", "b"]', JSONPlace.texts, ["a", "b"]),
        ("null", JSONPlace.texts, []),
        ('[["a", "b"]]', JSONPlace.pairs, [("a", "b")]),
        ('"red"', lambda place: place.word(Colour), Colour.RED),
        ("null", lambda place: place.word(Colour), None),
        ("1.5", JSONPlace.number, 1.5),
        ('"2026-03-01"', JSONPlace.date, datetime(2026, 3, 1)),  # noqa: DTZ001  # it has no zone
        ('"2026-03-01T12:00:00+01:00"', JSONPlace.moment, datetime(2026, 3, 1, 11, tzinfo=UTC)),
        ('"aGk="', JSONPlace.octets, b"hi"),
    ],
)
def test_a_value_is_read_as_what_it_is(
    text: str, read: Callable[[JSONPlace], object], value: object
) -> None:
    assert read(place(text)) == value


@pytest.mark.parametrize(
    ("text", "read", "complaint"),
    [
        ("null", JSONPlace.text, "it is missing, not a string"),
        ('{"a": [1]}', lambda it: it.get("a").texts(), r"it.a\[0\] is 1, not a string"),
        ("[1]", lambda it: it.get("a").text(), "it.a is missing, not a string"),
        ('{"b": 1}', lambda it: it.check_keys(["a"]), "it has the key 'b', which nobody knows"),
        ("[]", lambda it: it.check_keys(["a"]), r"it is \[\], not an object"),
        ("{}", JSONPlace.items, "it is {}, not a list"),
        ('[["a"]]', JSONPlace.pairs, r"it\[0\] is \['a'\], not a list of a name and a value"),
        ('"blue"', lambda it: it.word(Colour), "it is 'blue', not one of red"),
        ("true", JSONPlace.number, "it is True, not a number"),
        ("NaN", JSONPlace.number, "it is nan, not a number"),
        ("-1", JSONPlace.number, "it is -1, not a number"),
        ('"noon"', JSONPlace.date, "it is 'noon', not a date"),
        ('"2026-03-01"', JSONPlace.moment, "it is '2026-03-01', not a date"),
        ('"0001-01-01T00:00:00+12:00"', JSONPlace.moment, "not a date"),
        ('"?"', JSONPlace.octets, r"it is '\?', not base64"),
    ],
)
def test_what_is_something_else_is_told_by_its_place(
    text: str, read: Callable[[JSONPlace], object], complaint: str
) -> None:
    with pytest.raises(InvalidInput, match=complaint):
        read(place(text))


@pytest.mark.parametrize("text", [f'{{"{"ß" * 999}": 1}}', f'"{"ß" * 999}"'])
def test_what_a_stranger_wrote_is_shown_in_part_and_in_ascii(text: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        place(text).check_keys(())
    assert refused.value.text.isascii()
    assert len(refused.value.text) < 160


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("{", "it is no JSON"),
        ("[" * 100_000, "it is nested too deep"),
        ('{"a": 1, "a": 2}', "a key stands twice"),
        (b"\xff", "it is no JSON"),
    ],
)
def test_what_is_no_json_is_refused(text: str | bytes, complaint: str) -> None:
    with pytest.raises(InvalidInput, match=complaint):
        read_json(text, "it")

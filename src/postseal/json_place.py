"""A value within a JSON text, which knows where it stands and what it has to be."""

from __future__ import annotations

import json
from base64 import b64decode
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import NoReturn, TypeVar

from postseal.errors import InvalidInput

__all__ = ["JSONPlace", "read_json"]

_A_DATE = "a date as 2026-03-01T12:00:00+01:00"
_T = TypeVar("_T")
_Word = TypeVar("_Word", bound=StrEnum)


@dataclass(frozen=True, slots=True)
class JSONPlace:
    """A value and the name of its place; each reading of it raises `InvalidInput` by that name."""

    name: str
    value: object

    def get(self, key: str) -> JSONPlace:
        """Give the value of an object's key, None where it is not there."""
        fields = self.value if isinstance(self.value, dict) else {}
        return JSONPlace(f"{self.name}.{key}", fields.get(key))

    def check_keys(self, known: Collection[str]) -> None:
        """Refuse what is no object, and one with a key that nobody knows."""
        if not isinstance(self.value, dict):
            self._fail("an object")
        for key in self.value:
            if key not in known:
                raise InvalidInput(f"{self.name} has the key {_shown(key)}, which nobody knows")

    def items(self) -> list[JSONPlace]:
        """Read a list, empty where there is none."""
        if self.value is None:
            return []
        if not isinstance(self.value, list):
            self._fail("a list")
        return [JSONPlace(f"{self.name}[{number}]", each) for number, each in enumerate(self.value)]

    def text(self) -> str:
        """Read a string."""
        if not isinstance(self.value, str):
            self._fail("a string")
        return self.value

    def optional_text(self) -> str | None:
        """Read a string or null."""
        return None if self.value is None else self.text()

    def texts(self) -> list[str]:
        """Read a list of strings."""
        return [each.text() for each in self.items()]

    def pairs(self) -> list[tuple[str, str]]:
        """Read a list of lists of two strings."""
        found = []
        for each in self.items():
            texts = each.texts()
            if len(texts) != 2:
                each._fail("a list of a name and a value")
            found.append((texts[0], texts[1]))
        return found

    def word(self, words: type[_Word]) -> _Word | None:
        """Read one of the words, or null."""
        return None if self.value is None else self.choice({str(word): word for word in words})

    def choice(self, choices: Mapping[str, _T]) -> _T:
        """Read the name of one of the choices."""
        if not isinstance(self.value, str) or self.value not in choices:
            self._fail(f"one of {', '.join(choices)}")
        return choices[self.value]

    def number(self) -> float:
        """Read a number that is finite and not negative."""
        value = self.value
        # True is an int to Python, and NaN compares with nothing.
        if not isinstance(value, int | float) or isinstance(value, bool) or not 0 <= value < 2**53:
            self._fail("a number of 0 or more")
        return value

    def date(self) -> datetime | None:
        """Read a date by ISO 8601, or null."""
        if self.value is None:
            return None
        try:
            return datetime.fromisoformat(self.text())
        except ValueError:
            self._fail(_A_DATE)

    def moment(self) -> datetime:
        """Read a date that is there and has an offset, in UTC."""
        moment = self.date()
        if moment is None or moment.utcoffset() is None:
            self._fail(_A_DATE)
        try:
            return moment.astimezone(UTC)
        except OverflowError:
            # At the ends of the calendar.
            self._fail(_A_DATE)

    def octets(self) -> bytes:
        """Read base64."""
        try:
            return b64decode(self.text(), validate=True)
        except ValueError:
            self._fail("base64")

    def _fail(self, wanted: str) -> NoReturn:
        shown = "missing" if self.value is None else _shown(self.value)
        raise InvalidInput(f"{self.name} is {shown}, not {wanted}")


def read_json(text: str | bytes, name: str) -> JSONPlace:
    """Read a JSON text; raises `InvalidInput` for what is none, and for a key that stands twice."""
    try:
        return JSONPlace(name, json.loads(text, object_pairs_hook=_unique))
    except InvalidInput:
        raise
    except RecursionError:
        raise InvalidInput(f"{name} is nested too deep") from None
    except ValueError as error:
        # JSONDecodeError, UnicodeDecodeError, and the refusal of endless numbers.
        raise InvalidInput(f"{name} is no JSON: {error}") from None


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    fields = dict(pairs)
    if len(fields) < len(pairs):
        raise InvalidInput("a key stands twice in one JSON object")
    return fields


def _shown(value: object) -> str:
    return ascii(value)[:80]

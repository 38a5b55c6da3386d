"""What is looked for in a mailbox, and the search keys of IMAP that say so (RFC 3501 6.4.4)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields
from datetime import date
from typing import Final

from postseal.errors import InvalidInput
from postseal.mail.headers import Header
from postseal.retrieve.arguments import check_argument, quote

__all__ = ["Criteria", "SearchKeys"]

_TEXTS: Final = ("from_", "to", "cc", "bcc", "subject", "body", "text")
_STATES: Final = ("seen", "answered", "flagged", "draft")
_MAX_SIZE: Final = 2**32 - 1


@dataclass(frozen=True, slots=True)
class SearchKeys:
    """The arguments of one SEARCH; `literal` is a text beyond ASCII that ends them, in UTF-8."""

    arguments: tuple[str, ...]
    literal: bytes | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Criteria:
    """Which messages are meant: those that fit all that is given.

    Texts are found anywhere in the field, whatever their case; `text` looks in header and body.
    `since` and `before` are days by the server's clock of when it got the message, the first day
    included and the last not; `sent_since` and `sent_before` are those of its Date field. `larger`
    and `smaller` are octets. `header` is a field's name and a text in it, empty where the field
    need only be there. Raises `InvalidInput` for a text with a control character or more than
    1024 octets, and for a number that is no size.
    """

    from_: str | None = None
    to: str | None = None
    cc: str | None = None
    bcc: str | None = None
    subject: str | None = None
    body: str | None = None
    text: str | None = None
    header: Header | None = None
    since: date | None = None
    before: date | None = None
    sent_since: date | None = None
    sent_before: date | None = None
    larger: int | None = None
    smaller: int | None = None
    seen: bool | None = None
    answered: bool | None = None
    flagged: bool | None = None
    draft: bool | None = None

    def __post_init__(self) -> None:
        for key, text in self._texts():
            check_argument(text, f"the text to look for ({key[0]})")
        for size in (self.larger, self.smaller):
            if size is not None and not 0 <= size <= _MAX_SIZE:
                raise InvalidInput(f"a size is 0 to {_MAX_SIZE} octets, and not {size}")

    @property
    def is_everything(self) -> bool:
        """Whether nothing was asked, so that every message fits."""
        return all(getattr(self, field.name) is None for field in fields(self))

    def searches(self) -> Iterator[SearchKeys]:
        """Yield the searches whose common results are meant.

        There is one for all that is ASCII, and one for each text that is not: a command can end
        with a literal, and what the standard library sends has one at most.
        """
        plain = list(self._plain())
        others = []
        for key, text in self._texts():
            if text.isascii():
                plain += (*key, quote(text, "the text to look for"))
            else:
                others.append(SearchKeys(("CHARSET", "UTF-8", *key), text.encode()))
        if plain or not others:
            yield SearchKeys(tuple(plain or ("ALL",)))
        yield from others

    def _texts(self) -> Iterator[tuple[tuple[str, ...], str]]:
        for name in _TEXTS:
            if (text := getattr(self, name)) is not None:
                yield (name.rstrip("_").upper(),), text
        if self.header is not None:
            name = quote(self.header.name, "the name of the field")
            yield ("HEADER", name), self.header.value

    def _plain(self) -> Iterator[str]:
        for name in _STATES:
            if (state := getattr(self, name)) is not None:
                yield name.upper() if state else f"UN{name.upper()}"
        for name in ("since", "before", "sent_since", "sent_before"):
            if (day := getattr(self, name)) is not None:
                yield from (name.replace("_", "").upper(), _day(day))
        for name in ("larger", "smaller"):
            if (size := getattr(self, name)) is not None:
                yield from (name.upper(), str(int(size)))


def _day(day: date) -> str:
    # RFC 3501 9, date: `ctime` writes English months in every locale.
    _, month, number, _, year = day.ctime().split()
    return f"{number}-{month}-{year}"

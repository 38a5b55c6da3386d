"""Address lists as they arrive: mailboxes, groups, comments and every obsolete form.

RFC 5322 3.4 and 4.4, with RFC 6532 for all scripts, in one pass from left to right. What cannot be
read is a defect at its character, and reading goes on behind it. Encoded words are decoded after
the list is taken apart (RFC 2047 6.2): what is in them is never syntax.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeAlias

from postseal.address import Address
from postseal.errors import InvalidAddress
from postseal.mail.mailbox import Mailbox
from postseal.mail.reading.comments import comment_end
from postseal.mail.reading.defects import Defect, DefectKind
from postseal.mail.reading.words import decode_words, unfold

__all__ = ["AddressList", "Group", "read_addresses"]

_SPACE = re.compile(r"[ \t\r\n]*+")
_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*+)"', re.DOTALL)
# Encoded words hold commas and parentheses where they may not (RFC 2047 5 (3)).
_WORD = re.compile(
    r"=\?[^?\s=]{1,64}\?[bBqQ]\?[^?\s]*+\?=|[^ \t\r\n()<>\[\]:;@,\"]++",
)
_LITERAL = re.compile(r"\[[^\]\[<>@,;]*+\]")
# RFC 5322 4.4: obs-route.
_ROUTE = re.compile(r"@[^:<>;\"]*+:")
_TO_ANGLE_END = re.compile(r"[^>,;]*+>?")
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Group:
    """A named list of mailboxes, which may be empty (RFC 5322 3.4)."""

    name: str
    mailboxes: tuple[Mailbox, ...]


Entry: TypeAlias = Mailbox | Group


@dataclass(frozen=True, slots=True)
class AddressList:
    """Mailboxes and groups in their order, and what could not be read.

    The offset of a defect counts in the text that was read, in characters.
    """

    entries: tuple[Entry, ...]
    defects: tuple[Defect, ...] = ()

    @property
    def mailboxes(self) -> tuple[Mailbox, ...]:
        """All mailboxes, those of groups in the place of the group."""
        return tuple(self._mailboxes())

    def _mailboxes(self) -> Iterator[Mailbox]:
        for entry in self.entries:
            if isinstance(entry, Group):
                yield from entry.mailboxes
            else:
                yield entry


def read_addresses(text: str) -> AddressList:
    """Read an address list, in whatever state it is; time is linear in its length."""
    scan = _Scan(text)
    scan.run()
    return AddressList(tuple(scan.entries), tuple(scan.defects))


@dataclass(frozen=True, slots=True)
class _Word:
    start: int
    end: int
    text: str


class _Scan:
    """One pass: a cursor, what was read, and what was wrong."""

    __slots__ = (
        *("_comment", "_group", "_members", "_position", "_quotes", "_text"),
        *("defects", "entries"),
    )

    def __init__(self, text: str) -> None:
        self._text = text
        self._position = 0
        # The name and the members of the group that is open.
        self._group: str | None = None
        self._members: list[Mailbox] = []
        self._comment = ""
        # False behind a quote that is never closed: no later one can be, either.
        self._quotes = True
        self.entries: list[Entry] = []
        self.defects: list[Defect] = []

    def run(self) -> None:
        """Read element after element to the end."""
        end = len(self._text)
        while self._position < end:
            self._element()
        if self._group is not None:
            self._fault(DefectKind.UNCLOSED, end)
            self._close_group()

    def _element(self) -> None:
        """Read up to and with a comma, a semicolon or the colon of a group."""
        self._comment = ""
        words = self._words()
        character = self._character
        if character == "<":
            self._angle_address(words)
        elif character == "@" and words:
            self._bare_address(words)
        elif character == ":" and words and self._group is None:
            self._group = _phrase(words)
            self._position += 1
            return
        elif character in {"", ",", ";"}:
            if words:
                self._fault(DefectKind.MISSING_ADDRESS, words[0].start)
        else:
            self._fault(DefectKind.MISPLACED_CHARACTER, self._position)
            self._position += 1
            return
        self._separator()

    def _separator(self) -> None:
        """Read what stands between two elements; without it, the next one begins here."""
        self._skip()
        character = self._character
        if character == ";" and self._group is not None:
            self._close_group()
        elif character == ",":
            pass
        elif character:
            # A semicolon without group is what Outlook writes for a comma.
            self._fault(DefectKind.MISPLACED_CHARACTER, self._position)
            if character != ";":
                return
        self._position += 1

    def _words(self) -> list[_Word]:
        """Read words and quoted strings; the last comment among them is kept."""
        words: list[_Word] = []
        while True:
            self._skip()
            start = self._position
            character = self._character
            if character == '"':
                text = self._quoted_string()
                if text is None:
                    continue
            elif found := _WORD.match(self._text, start):
                self._position = found.end()
                text = found[0]
            else:
                return words
            words.append(_Word(start, self._position, text))

    def _quoted_string(self) -> str | None:
        found = _QUOTED.match(self._text, self._position) if self._quotes else None
        if found is None:
            if self._quotes:
                self._fault(DefectKind.UNCLOSED, self._position)
            self._quotes = False
            self._position += 1
            return None
        self._position = found.end()
        text = unfold(found[1])
        return _ESCAPED.sub(r"\1", text) if "\\" in text else text

    def _bare_address(self, words: list[_Word]) -> None:
        local = _local_part(words)
        names = words[: len(words) - len(local)]
        start = local[0].start
        self._position += 1
        domain = self._domain()
        self._skip()
        if self._character == "<":
            # An address in the place of a name, without the quotes that it needs.
            start, end = words[0].start, self._position
            text = self._text[start:end].rstrip(" \t\r\n")
            self._angle_address([_Word(start, end, text)])
            return
        if names:
            # A name and an address without brackets.
            self._fault(DefectKind.MISPLACED_CHARACTER, start)
        self._add(_phrase(names), _joined(local), domain, start)

    def _angle_address(self, names: list[_Word]) -> None:
        start = self._position
        self._position += 1
        self._skip()
        if self._character == "<":
            self._fault(DefectKind.MISPLACED_CHARACTER, self._position)
            self._position += 1
            self._skip()
        if route := _ROUTE.match(self._text, self._position):
            self._position = route.end()
        words = self._words()
        domain = ""
        if words and self._character == "@":
            self._position += 1
            domain = self._domain()
        self._skip()
        is_closed = self._character == ">"
        found = _TO_ANGLE_END.match(self._text, self._position)
        if found:
            self._position = found.end()
        if not words:
            self._fault(DefectKind.MISSING_ADDRESS, start)
        elif not is_closed and domain and found and found[0].endswith(">"):
            # Two addresses in one pair of brackets, or none.
            self._fault(DefectKind.INVALID_ADDRESS, start)
        else:
            if not is_closed:
                self._fault(DefectKind.UNCLOSED, start)
            if found and self._text.startswith(">", self._position):
                self._fault(DefectKind.MISPLACED_CHARACTER, self._position)
                self._position += 1
            self._add(_phrase(names), _joined(words), domain, words[0].start)

    def _domain(self) -> str:
        """Read a domain behind the @, with the spaces that RFC 5322 4.4 allows around its dots."""
        self._skip()
        if literal := _LITERAL.match(self._text, self._position):
            self._position = literal.end()
            return literal[0]
        labels: list[str] = []
        while found := _WORD.match(self._text, self._position):
            if labels and not (labels[-1].endswith(".") or found[0].startswith(".")):
                break
            labels.append(found[0])
            self._position = found.end()
            self._skip()
        return "".join(labels)

    def _add(self, name: str, local: str, domain: str, start: int) -> None:
        try:
            address = Address(local, domain)
        except InvalidAddress as error:
            self._fault(DefectKind.INVALID_ADDRESS, start, error.text)
            return
        # Before display names, a comment behind the address was the name.
        mailbox = Mailbox(name or self._comment, address)
        if self._group is None:
            self.entries.append(mailbox)
        else:
            self._members.append(mailbox)

    def _close_group(self) -> None:
        self.entries.append(Group(self._group or "", tuple(self._members)))
        self._group = None
        self._members = []

    def _skip(self) -> None:
        """Go over white space and comments."""
        while True:
            found = _SPACE.match(self._text, self._position)
            if found:
                self._position = found.end()
            if self._character != "(":
                return
            start = self._position
            self._position, is_closed = comment_end(self._text, start)
            if not is_closed:
                self._fault(DefectKind.UNCLOSED, start)
            content = self._text[start + 1 : self._position - is_closed]
            content = _ESCAPED.sub(r"\1", unfold(content)).strip(" \t\r\n")
            self._comment = decode_words(content)

    @property
    def _character(self) -> str:
        return self._text[self._position : self._position + 1]

    def _fault(self, kind: DefectKind, position: int, detail: str = "") -> None:
        self.defects.append(Defect(kind, position, detail))


def _local_part(words: list[_Word]) -> list[_Word]:
    """Give the words at the end that dots hold together (RFC 5322 4.4, obs-local-part)."""
    first = len(words) - 1
    while first and (words[first].text.startswith(".") or words[first - 1].text.endswith(".")):
        first -= 1
    return words[first:]


def _joined(words: list[_Word]) -> str:
    return "".join(word.text for word in words)


def _phrase(words: list[_Word]) -> str:
    if not words:
        return ""
    return decode_words(unfold(" ".join(word.text for word in words)))

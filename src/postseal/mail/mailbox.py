"""Mailboxes as people write them and headers carry them: a display name and an address.

Reading is strict, since what is read here is about to be written: what RFC 5322 3.4 calls a
`mailbox`, without comments and groups. A display name may hold dots and non-ASCII letters without
quotes, as everybody writes them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import NoReturn, Self

from postseal.address import Address
from postseal.errors import InvalidAddress
from postseal.mail._field import LINE_LENGTH, FieldWriter
from postseal.mail._text import excerpt, refuse_controls

__all__ = ["Mailbox", "mailbox_field", "parse_mailboxes"]

# RFC 5322 3.2.3 specials but the dot, space, controls and line separators: what ends a word.
_SPECIALS = r'"(),:;<>@\[\\\]\x00-\x20\x7f-\x9f\u2028\u2029\ud800-\udfff'
_BLANK = re.compile(r"[ \t]*")
_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*+)"', re.DOTALL)
_WORD = re.compile(rf"[^{_SPECIALS}]++")
_ADDRESS = re.compile(
    rf"""
    (?: "(?:[^"\\]|\\.)*+" | [^{_SPECIALS}]++ )     # local part; Address judges what is in it
    @
    (?: \[[^\]]*+\] | [^{_SPECIALS}]*+ )            # domain or address literal
    """,
    re.DOTALL | re.VERBOSE,
)
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
_TO_ESCAPE = re.compile(r'(["\\])')
# Words of RFC 5322 atext, one space between them: needs no quotes.
_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]++"
_ATOMS = re.compile(rf"{_ATOM}(?: {_ATOM})*+\Z")
# What nearly all mailboxes are; whatever else there is takes the long way.
_PLAIN_ADDRESS = rf"{_ATOM}(?:\.{_ATOM})*+@[A-Za-z0-9.-]++"
_SIMPLE = re.compile(rf"(?:({_ATOM}(?: {_ATOM})*+) <({_PLAIN_ADDRESS})>|({_PLAIN_ADDRESS}))\Z")
# The same as people read it: dots and letters of all scripts are words too.
_WORDS = re.compile(rf"[^{_SPECIALS}]++(?: [^{_SPECIALS}]++)*+\Z")
# A longer name is encoded instead of quoted, so that its line can be folded.
_MAX_QUOTED = 60


@dataclass(frozen=True, slots=True)
class Mailbox:
    """A display name, empty if there is none, and an `Address` (RFC 5322 3.4).

    Raises `InvalidHeader` for a name with a control character, on reading too.
    """

    name: str
    address: Address

    def __post_init__(self) -> None:
        refuse_controls(self.name, "a display name")

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read one mailbox: `Ada Lovelace <ada@example.com>`, or the address alone.

        Raises `InvalidAddress`, which points at the character, for everything else; so for a
        second mailbox behind a comma, which cannot be smuggled in where one is expected.
        """
        if found := _SIMPLE.match(text):
            return cls(found[1] or "", _address(text, *found.span(2 if found[1] else 3)))
        name, address, end = _scan(text, 0)
        if end < len(text):
            _fail(
                text,
                end,
                f"{text[end]!a} after the address",
                hint="Give several mailboxes as a list, or quote the name."
                if text[end] == ","
                else None,
            )
        return cls(name, address)

    def __str__(self) -> str:
        """Write the mailbox for people, in Unicode; `parse` reads it back."""
        if not self.name:
            return str(self.address)
        name = self.name if _WORDS.match(self.name) else _quoted(self.name)
        return f"{name} <{self.address}>"


def parse_mailboxes(text: str) -> tuple[Mailbox, ...]:
    """Read a list of mailboxes with commas between them, as a header holds it.

    Raises `InvalidAddress`, which points at the character, also for an empty list or element.
    """
    found: list[Mailbox] = []
    position = 0
    while True:
        name, address, position = _scan(text, position)
        found.append(Mailbox(name, address))
        if position == len(text):
            return tuple(found)
        if text[position] != ",":
            _fail(text, position, f"{text[position]!a} after the address")
        position += 1


def mailbox_field(name: str, mailboxes: Iterable[Mailbox]) -> bytes:
    """Write an address header, folded between mailboxes and words, with CRLF.

    Domains are written as A-labels. The result is ASCII unless a local part is not (RFC 6532).
    Raises `InvalidHeader` for a list that is too long to be written.
    """
    mailboxes = tuple(mailboxes)
    plain = [_plain(each) for each in mailboxes if not each.name or _ATOMS.match(each.name)]
    if len(plain) == len(mailboxes):
        line = f"{name}: {', '.join(plain)}\r\n"
        if len(line) <= LINE_LENGTH + 2 and "=?" not in line:
            return line.encode("utf-8")
    writer = FieldWriter(name)
    last = len(mailboxes) - 1
    for number, mailbox in enumerate(mailboxes):
        comma = "," if number < last else ""
        if not mailbox.name:
            writer.token(f"{mailbox.address.to_ascii()}{comma}")
            continue
        _write_phrase(writer, mailbox.name)
        writer.token(f"<{mailbox.address.to_ascii()}>{comma}")
    return writer.line().encode("utf-8")


def _plain(mailbox: Mailbox) -> str:
    address = mailbox.address.to_ascii()
    return f"{mailbox.name} <{address}>" if mailbox.name else address


def _write_phrase(writer: FieldWriter, name: str) -> None:
    # Readers decode what looks like an encoded word even inside quotes.
    if not name.isascii() or "=?" in name:
        writer.encoded(name)
    elif _ATOMS.match(name) and max(map(len, name.split(" "))) <= _MAX_QUOTED:
        for word in name.split(" "):
            writer.token(word)
    elif len(name) <= _MAX_QUOTED:
        writer.token(_quoted(name))
    else:
        writer.encoded(name)


def _quoted(text: str) -> str:
    escaped = _TO_ESCAPE.sub(r"\\\1", text)
    return f'"{escaped}"'


def _scan(text: str, start: int) -> tuple[str, Address, int]:
    """Read a name, an address and the blanks behind them; give the position after that."""
    position = _skip_blanks(text, start)
    if found := _ADDRESS.match(text, position):
        return "", _address(text, *found.span()), _skip_blanks(text, found.end())
    words: list[str] = []
    while True:
        if quoted := _QUOTED.match(text, position):
            words.append(_ESCAPED.sub(r"\1", quoted[1]))
            position = quoted.end()
        elif word := _WORD.match(text, position):
            words.append(word[0])
            position = word.end()
        else:
            break
        position = _skip_blanks(text, position)
    if text[position : position + 1] != "<":
        _fail_in_name(text, position, words)
    found = _ADDRESS.match(text, position + 1)
    if not found:
        _fail(text, position + 1, "no address in the angle brackets")
    end = found.end()
    if text[end : end + 1] != ">":
        _fail(text, end, "the angle bracket is not closed")
    return " ".join(words), _address(text, *found.span()), _skip_blanks(text, end + 1)


def _skip_blanks(text: str, position: int) -> int:
    found = _BLANK.match(text, position)
    return found.end() if found else position


def _address(text: str, start: int, end: int) -> Address:
    try:
        return Address.parse(text[start:end])
    except InvalidAddress as error:
        raise InvalidAddress(
            f"{error.text} (from position {start + 1} of {excerpt(text, start)})",
            hint=error.hint,
        ) from None


def _fail_in_name(text: str, position: int, words: list[str]) -> NoReturn:
    if position == len(text):
        reason = "an address with @ is missing" if words else "a mailbox is missing"
        _fail(text, position, reason, hint="Write it as Name <somebody@example.org>.")
    character = text[position]
    if character == "(":
        _fail(text, position, "a comment", hint="Put it in quotes if it belongs to the name.")
    if character == '"':
        _fail(text, position, "the quote is not closed")
    if not character.isprintable():
        _fail(text, position, f"the control character U+{ord(character):04X}", hint="Remove it.")
    _fail(
        text,
        position,
        f"{character!a} where a name or an address is expected",
        hint="In a name it needs quotes around the name.",
    )


def _fail(text: str, position: int, reason: str, *, hint: str | None = None) -> NoReturn:
    where = f"at position {position + 1} of" if position < len(text) else "at the end of"
    raise InvalidAddress(f"{reason} {where} {excerpt(text, position)}", hint=hint)

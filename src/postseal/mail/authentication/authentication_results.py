"""Authentication-Results: what one mail system found, written and read (RFC 8601 2.2)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from postseal.errors import InvalidHeader, InvalidInput
from postseal.mail._text import excerpt, refuse_controls

__all__ = ["AuthenticationResults", "InvalidResults", "MethodResult", "Property"]

_MAX_LENGTH: Final = 65_536
_MAX_RESULTS: Final = 200
_MAX_COMMENT_DEPTH: Final = 32
_LINE_LENGTH: Final = 78
_VERSION: Final = "1"

# RFC 2045 5.1: a token has no space, control or tspecials.
_TOKEN = re.compile(r"[!#$%&'*+\-.0-9A-Z^_`a-z{|}~]+\Z")
# RFC 8601 2.2, pvalue: an address or a domain need no quotes either.
_ADDRESS = re.compile(r"[!#$%&'*+\-./0-9=?A-Z^_`a-z{|}~]*@[0-9A-Za-z.-]+\Z")
# RFC 5321 4.1.2: Keyword = Ldh-str, for methods, results, ptypes and properties.
_KEYWORD = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9_-]*[A-Za-z0-9])?")
_SPACE = re.compile(r"(?:\r\n(?=[ \t])|[ \t])+")
_COMMENT_TEXT = re.compile(r"(?:[^()\\]|\\.)+", re.DOTALL)
_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"', re.DOTALL)
# In the place of a value, what many write without quotes: base64 with its equals signs, paths.
_BARE_VALUE = re.compile(r'[^\s;()"]+')
_SERVICE = re.compile(r'[^\s;()"=]+')


class InvalidResults(InvalidHeader):
    """A field is no Authentication-Results, or what is to be written cannot stand in one."""


@dataclass(frozen=True, slots=True)
class Property:
    """What a result is about: the type of its source, the name, the value (RFC 8601 2.3)."""

    type: str
    name: str
    value: str

    def __post_init__(self) -> None:
        _check_keyword(self.type, "property type")
        _check_keyword(self.name, "property")
        _check_value(self.value, f"{self.type}.{self.name}")

    def __str__(self) -> str:
        return f"{self.type}.{self.name}={_written(self.value, allow_address=True)}"


@dataclass(frozen=True, slots=True)
class MethodResult:
    """What one method found; methods and results are keywords, in lower case."""

    method: str
    result: str
    reason: str | None = None
    properties: tuple[Property, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "method", str(self.method).lower())
        object.__setattr__(self, "result", str(self.result).lower())
        _check_keyword(self.method, "method")
        _check_keyword(self.result, "result")
        if self.reason is not None:
            _check_value(self.reason, "reason")

    def property_value(self, kind: str, name: str) -> str | None:
        """Give the first value of a property, None where it is not there."""
        for one in self.properties:
            if (one.type, one.name) == (kind, name):
                return one.value
        return None

    def _pieces(self) -> Iterator[str]:
        yield f"{self.method}={self.result}"
        if self.reason is not None:
            yield f"reason={_written(self.reason)}"
        yield from map(str, self.properties)


@dataclass(frozen=True, slots=True)
class AuthenticationResults:
    """The results of one service; none of them means that it checked nothing.

    `service` is the authserv-id, by which a mail system knows its own fields. Never trust a field
    because it is there: whoever sends a message can write one (RFC 8601 5, 7.1).
    """

    service: str
    results: tuple[MethodResult, ...] = ()

    def __post_init__(self) -> None:
        if not self.service:
            raise InvalidResults("the authserv-id is missing")
        _check_value(self.service, "authserv-id")

    def payload(self) -> str:
        """Write the value of the field, folded at 78 where it can be, without CRLF at the end."""
        text = _written(self.service)
        column = len("Authentication-Results: ") + len(text)
        if not self.results:
            return f"{text}; none"
        for result in self.results:
            text += ";"
            for number, piece in enumerate(result._pieces()):
                if number == 0 or column + 1 + len(piece) > _LINE_LENGTH:
                    text += f"\r\n\t{piece}"
                    column = 8 + len(piece)
                else:
                    text += f" {piece}"
                    column += 1 + len(piece)
        return text

    def __bytes__(self) -> bytes:
        """Write the field with its CRLF; non-ASCII values are in UTF-8 (RFC 6532)."""
        return f"Authentication-Results: {self.payload()}\r\n".encode()

    @classmethod
    def parse(cls, value: str) -> AuthenticationResults:
        """Read the value of a field, folded or not; comments are left out.

        Raises `InvalidResults`, which points at the place, for what RFC 8601 2.2 does not allow,
        except that values may lack their quotes. Of an unknown version nothing can be read.
        """
        return _Reader(value).results()


class _Reader:
    """Walks once through a value."""

    def __init__(self, text: str) -> None:
        if len(text) > _MAX_LENGTH:
            raise InvalidResults(
                f"Authentication-Results has {len(text)} characters, more than {_MAX_LENGTH}"
            )
        self._text = text.removesuffix("\r\n")
        self._at = 0

    def results(self) -> AuthenticationResults:
        self._skip()
        service = self._value(_SERVICE, "the authserv-id")
        self._skip()
        if not self._sees(";") and self._at < len(self._text):
            version = self._keyword("a version")
            if version != _VERSION:
                raise InvalidResults(f"version {version[:20]!a} of the field is not known")
            self._skip()
        results: list[MethodResult] = []
        while self._at < len(self._text):
            self._expect(";")
            self._skip()
            if self._at == len(self._text):
                break  # Many end the field with a semicolon.
            if not results and self._is_none():
                break
            results.append(self._result())
            if len(results) > _MAX_RESULTS:
                raise InvalidResults(f"there are more than {_MAX_RESULTS} results")
        return AuthenticationResults(service, tuple(results))

    def _is_none(self) -> bool:
        start = self._at
        if self._keyword("a method").lower() == "none":
            self._skip()
            if self._at == len(self._text):
                return True
        self._at = start
        return False

    def _result(self) -> MethodResult:
        method = self._keyword("a method")
        self._skip()
        if self._sees("/"):
            self._at += 1
            self._skip()
            if (version := self._keyword("a version")) != _VERSION:
                raise InvalidResults(f"version {version[:20]!a} of {method} is not known")
            self._skip()
        self._expect("=")
        self._skip()
        result = self._keyword("a result")
        self._skip()
        reason: str | None = None
        properties: list[Property] = []
        while self._at < len(self._text) and not self._sees(";"):
            kind = self._keyword("a property")
            self._skip()
            if kind.lower() == "reason" and self._sees("="):
                self._at += 1
                self._skip()
                reason = self._value(_BARE_VALUE, "a reason")
            else:
                self._expect(".")
                self._skip()
                name = self._keyword("a property")
                self._skip()
                self._expect("=")
                self._skip()
                value = self._value(_BARE_VALUE, "a value")
                properties.append(Property(kind.lower(), name.lower(), value))
            self._skip()
        return MethodResult(method, result, reason, tuple(properties))

    def _value(self, bare: re.Pattern[str], what: str) -> str:
        if self._sees('"'):
            quoted = _QUOTED.match(self._text, self._at)
            if quoted is None:
                raise self._fault("a quoted string has no end")
            self._at = quoted.end()
            text = re.sub(r"\\(.)", r"\1", quoted[1], flags=re.DOTALL).replace("\r\n", "")
            # "a b"@example.org
            if self._sees("@") and (found := bare.match(self._text, self._at)):
                self._at = found.end()
                text += found[0]
            return text
        found = bare.match(self._text, self._at)
        if found is None:
            raise self._fault(f"{what} is missing")
        self._at = found.end()
        return found[0]

    def _keyword(self, what: str) -> str:
        found = _KEYWORD.match(self._text, self._at)
        if found is None:
            raise self._fault(f"{what} is missing")
        self._at = found.end()
        return found[0]

    def _sees(self, character: str) -> bool:
        return self._text.startswith(character, self._at)

    def _expect(self, character: str) -> None:
        if not self._sees(character):
            raise self._fault(f"{character!r} is missing")
        self._at += 1

    def _skip(self) -> None:
        """Go on behind white space and comments (RFC 5322 3.2.2)."""
        depth = 0
        while self._at < len(self._text):
            pattern = _COMMENT_TEXT if depth else _SPACE
            if found := pattern.match(self._text, self._at):
                self._at = found.end()
            elif self._sees("("):
                depth += 1
                self._at += 1
            elif depth and self._sees(")"):
                depth -= 1
                self._at += 1
            else:
                break
            if depth > _MAX_COMMENT_DEPTH:
                raise self._fault("comments are nested too deeply")
        if depth:
            raise self._fault("a comment has no end")

    def _fault(self, what: str) -> InvalidResults:
        return InvalidResults(
            f"Authentication-Results, position {self._at + 1}: {what}: "
            f"{excerpt(self._text, self._at)}"
        )


def _check_keyword(text: str, what: str) -> None:
    if not _KEYWORD.fullmatch(text):
        raise InvalidResults(f"{text[:40]!a} is no {what} (RFC 8601 2.2)")


def _check_value(text: str, what: str) -> None:
    try:
        refuse_controls(text.replace("\t", " "), what)
    except InvalidInput as error:
        raise InvalidResults(error.text, hint=error.hint) from None


def _written(text: str, *, allow_address: bool = False) -> str:
    if _TOKEN.match(text) or (allow_address and _ADDRESS.match(text)):
        return text
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'

"""The macros of SPF, by which a record asks about this very sender and client (RFC 7208 7)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address
from typing import Final

from postseal.mail.authentication.tags import InvalidTagList

__all__ = ["InvalidSPF", "MacroString", "dotted"]

_MAX_NAME: Final = 253
# macro-literal = %x21-24 / %x26-7E, and SP in explanations.
_TOKEN = re.compile(
    r"%\{([slodiphcrtv])(\d*)(r?)([.\-+,/_=]*)\}|%([%_-])|([\x20-\x24\x26-\x7e]+)", re.IGNORECASE
)
_ESCAPES: Final = {"%": "%", "_": " ", "-": "%20"}
_UNRESERVED: Final = frozenset(
    b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~"
)
_ONLY_IN_EXPLANATIONS: Final = frozenset("crt")


class InvalidSPF(InvalidTagList):
    """A record breaks the grammar or the limits of SPF: the result is `permerror`."""


@dataclass(frozen=True, slots=True)
class _Macro:
    letter: str
    digits: int
    is_reversed: bool
    delimiters: str
    is_escaped: bool


@dataclass(frozen=True, slots=True)
class MacroString:
    """A text with macros, read once and expanded for each message."""

    _parts: tuple[str | _Macro, ...]

    @classmethod
    def parse(cls, text: str, *, is_explanation: bool = False) -> MacroString:
        """Read a macro-string, or an explain-string. Raises `InvalidSPF`."""
        parts: list[str | _Macro] = []
        at = 0
        while at < len(text):
            found = _TOKEN.match(text, at)
            if found is None:
                raise InvalidSPF(f"{text[at : at + 20]!a} is no macro")
            at = found.end()
            letter, digits, turned, delimiters, escape, literal = found.groups()
            if letter is None:
                parts.append(_ESCAPES[escape] if escape else literal)
                continue
            if letter.lower() in _ONLY_IN_EXPLANATIONS and not is_explanation:
                raise InvalidSPF(f"the macro {letter} is for explanations alone")
            if digits and int(digits[:6]) == 0:
                raise InvalidSPF("a macro keeps none of its parts")
            parts.append(
                _Macro(
                    letter.lower(),
                    int(digits[:6] or 0),
                    bool(turned),
                    delimiters or ".",
                    letter.isupper(),
                )
            )
        return cls(tuple(parts))

    @property
    def letters(self) -> frozenset[str]:
        """Which macros are used, in lower case."""
        return frozenset(part.letter for part in self._parts if isinstance(part, _Macro))

    @property
    def ends_with_macro(self) -> bool:
        """Whether the last part is a macro, so that only its value shows what it ends with."""
        return bool(self._parts) and isinstance(self._parts[-1], _Macro)

    def expand(self, values: Mapping[str, str]) -> str:
        """Put in the values of the macros, by their letters."""
        return "".join(
            part if isinstance(part, str) else _expanded(part, values[part.letter])
            for part in self._parts
        )

    def expand_name(self, values: Mapping[str, str]) -> str:
        """Expand to a domain name, cut from the left where it is too long (RFC 7208 7.3)."""
        name = self.expand(values).removesuffix(".")
        if len(name) > _MAX_NAME:
            name = name[-_MAX_NAME - 1 :].partition(".")[2]
        return name


def dotted(address: IPv4Address | IPv6Address) -> str:
    """Write an address for the macro i: IPv6 as nibbles with dots between (RFC 7208 7.3)."""
    if isinstance(address, IPv4Address):
        return str(address)
    return ".".join(address.packed.hex())


def _expanded(macro: _Macro, value: str) -> str:
    parts = re.split(f"[{re.escape(macro.delimiters)}]", value)
    if macro.is_reversed:
        parts.reverse()
    text = ".".join(parts[-macro.digits :])
    return _percent_encoded(text) if macro.is_escaped else text


def _percent_encoded(text: str) -> str:
    """Leave the unreserved characters of RFC 3986 2.3 as they are."""
    return "".join(
        chr(octet) if octet in _UNRESERVED else f"%{octet:02X}"
        for octet in text.encode("utf-8", "replace")
    )

"""An SPF record as a domain publishes it: mechanisms in order, and modifiers (RFC 7208 3 to 6)."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum, unique
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Final

from postseal.mail.authentication.spf_macros import InvalidSPF, MacroString
from postseal.mail.authentication.words import ResultWord

__all__ = ["Directive", "Mechanism", "SPFRecord"]

_MAX_LENGTH: Final = 4096
_VERSION = re.compile(r"v=spf1(?= |\Z)", re.IGNORECASE)
_TERM = re.compile(r"([+\-?~]?)([A-Za-z][A-Za-z0-9._-]*)([:/=]?)(.*)\Z")
_CIDR = re.compile(r"(?:/(0|[1-9][0-9]?))?(?://(0|[1-9][0-9]{0,2}))?\Z")
_IP4 = re.compile(r"(?:[0-9]{1,3}\.){3}[0-9]{1,3}(?:/(?:0|[1-9][0-9]?))?\Z")
_IP6 = re.compile(r"[0-9A-Fa-f:.]+(?:/(?:0|[1-9][0-9]{0,2}))?\Z")
# RFC 7208 7.1: toplabel, not all digits, after a dot.
_NAME_END = re.compile(r"\.(?=[0-9-]*[A-Za-z-])[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?\.?\Z")
_WORDS: Final = {
    "": ResultWord.PASS,
    "+": ResultWord.PASS,
    "-": ResultWord.FAIL,
    "~": ResultWord.SOFTFAIL,
    "?": ResultWord.NEUTRAL,
}


@unique
class Mechanism(StrEnum):
    """What is compared with the client (RFC 7208 5)."""

    ALL = "all"
    INCLUDE = "include"
    A = "a"
    MX = "mx"
    PTR = "ptr"
    IP4 = "ip4"
    IP6 = "ip6"
    EXISTS = "exists"


_WITH_CIDR: Final = frozenset({Mechanism.A, Mechanism.MX})
_WITH_NAME: Final = frozenset({Mechanism.INCLUDE, Mechanism.EXISTS})


@dataclass(frozen=True, slots=True, kw_only=True)
class Directive:
    """One mechanism, and the result where it matches; `text` is how the record writes it."""

    text: str
    word: ResultWord
    mechanism: Mechanism
    target: MacroString | None = None
    network: IPv4Network | IPv6Network | None = None
    prefix4: int = 32
    prefix6: int = 128


@dataclass(frozen=True, slots=True)
class SPFRecord:
    """A record that has been read to its end."""

    directives: tuple[Directive, ...]
    redirect: MacroString | None = None
    explanation: MacroString | None = None

    @classmethod
    def among(cls, texts: Iterable[str]) -> SPFRecord | None:
        """Find the record among the TXT records of a name; None where there is none.

        Raises `InvalidSPF` where there are several or it breaks the grammar (RFC 7208 4.5, 4.6).
        """
        found = [text for text in texts if _VERSION.match(text)]
        if len(found) > 1:
            raise InvalidSPF(f"there are {len(found)} SPF records")
        return cls.parse(found[0]) if found else None

    @classmethod
    def parse(cls, text: str) -> SPFRecord:
        """Read a record. Raises `InvalidSPF` for an error anywhere in it."""
        if not _VERSION.match(text):
            raise InvalidSPF("the record does not begin with v=spf1")
        if len(text) > _MAX_LENGTH:
            raise InvalidSPF(f"the record has {len(text)} octets, more than {_MAX_LENGTH}")
        directives: list[Directive] = []
        modifiers: dict[str, MacroString] = {}
        for term in text.split(" ")[1:]:
            if not term:
                continue
            found = _TERM.match(term)
            if found is None:
                raise InvalidSPF(f"{term[:40]!a} is no term")
            qualifier, name, separator, rest = found.groups()
            name = name.lower()
            if separator != "=":
                directives.append(_directive(term, _WORDS[qualifier], name, separator + rest))
            elif qualifier:
                raise InvalidSPF(f"{term[:40]!a}: a modifier has no qualifier")
            elif name in ("redirect", "exp"):
                if name in modifiers:
                    raise InvalidSPF(f"{name}= comes twice")
                modifiers[name] = _name(rest)
            else:
                # RFC 7208 6: unknown ones are to be ignored, but have to be well-formed.
                MacroString.parse(rest)
        return cls(tuple(directives), modifiers.get("redirect"), modifiers.get("exp"))


def _directive(term: str, word: ResultWord, name: str, rest: str) -> Directive:
    try:
        mechanism = Mechanism(name)
    except ValueError:
        raise InvalidSPF(f"{term[:40]!a} is no mechanism") from None
    if mechanism is Mechanism.ALL:
        if rest:
            raise InvalidSPF("all takes nothing")
        return Directive(text=term, word=word, mechanism=mechanism)
    if mechanism in (Mechanism.IP4, Mechanism.IP6):
        network = _network(mechanism, rest)
        return Directive(text=term, word=word, mechanism=mechanism, network=network)
    prefix4, prefix6 = 32, 128
    if mechanism in _WITH_CIDR:
        cidr = _CIDR.search(rest)
        if cidr is not None and cidr[0]:
            rest = rest[: cidr.start()]
            prefix4, prefix6 = int(cidr[1] or 32), int(cidr[2] or 128)
            if prefix4 > 32 or prefix6 > 128:
                raise InvalidSPF(f"{term[:40]!a} has too long a prefix")
    if rest.startswith(":"):
        target: MacroString | None = _name(rest[1:])
    elif rest or mechanism in _WITH_NAME:
        raise InvalidSPF(f"{term[:40]!a} names no domain")
    else:
        target = None
    return Directive(
        text=term,
        word=word,
        mechanism=mechanism,
        target=target,
        prefix4=prefix4,
        prefix6=prefix6,
    )


def _network(mechanism: Mechanism, rest: str) -> IPv4Network | IPv6Network:
    pattern = _IP4 if mechanism is Mechanism.IP4 else _IP6
    text = rest[1:]
    if not rest.startswith(":") or not pattern.match(text):
        raise InvalidSPF(f"{mechanism}{rest[:40]!a} has no address")
    try:
        network = ip_network(text, strict=False)
    except ValueError:
        raise InvalidSPF(f"{text[:40]!a} is no network") from None
    if network.version != (4 if mechanism is Mechanism.IP4 else 6):
        raise InvalidSPF(f"{text[:40]!a} is no network of {mechanism}")
    return network


def _name(text: str) -> MacroString:
    """Read a domain-spec, which ends with a macro or a top label (RFC 7208 7.1)."""
    name = MacroString.parse(text)
    if not name.ends_with_macro and not _NAME_END.search(text):
        raise InvalidSPF(f"{text[:40]!a} does not end like a domain name")
    if " " in text:
        raise InvalidSPF("a domain holds a space")
    return name

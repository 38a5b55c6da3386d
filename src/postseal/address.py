"""The address of a mailbox as envelopes and headers write it: `local-part@domain`.

An `Address` cannot hold a control character, so it cannot break out of a command or a header
line. Reading of display names, comments and groups is the business of `postseal.mail`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Self

from postseal.errors import InvalidAddress

__all__ = ["Address", "ascii_domain", "is_loopback"]

# RFC 5321 4.5.3.1: limits in octets.
_MAX_LOCAL_PART = 64
_MAX_DOMAIN = 255
_MAX_LABEL = 63

# RFC 5322 3.2.3 atext, widened by UTF8-non-ascii (RFC 6531 3.3); controls, spaces and line
# separators of Unicode are no letters of an address.
_ATEXT = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]"
_DOT_STRING_ASCII = re.compile(rf"{_ATEXT}+(?:\.{_ATEXT}+)*\Z")
# RFC 5321 4.1.2: Quoted-string = DQUOTE *QcontentSMTP DQUOTE.
_QUOTED_STRING = re.compile(r'"((?:[^"\\\x00-\x1f\x7f]|\\[\x20-\x7e])*)"\Z')
_LABEL_SYNTAX = r"(?!-)[A-Za-z0-9_-]{1,63}(?<!-)"
_LABEL = re.compile(rf"{_LABEL_SYNTAX}\Z")
# What nearly all addresses are: nothing quoted, nothing but ASCII, a domain by name.
_PLAIN = re.compile(rf"({_ATEXT}+(?:\.{_ATEXT}+)*)@({_LABEL_SYNTAX}(?:\.{_LABEL_SYNTAX})*)\Z")
# IDNA 2003 (the standard library's) and IDNA 2008 read these four differently: the mail could
# go to another domain than the one meant (RFC 5894 7.2).
_DEVIATIONS = frozenset("ßς\u200c\u200d")


@dataclass(frozen=True, slots=True)
class Address:
    """One mailbox: `local` without quoting, `domain` as a name or an address literal.

    Raises `InvalidAddress`, which points at the offending character, for anything that
    RFC 5321 4.1.2 (with RFC 6531 for non-ASCII) does not allow to be written.
    """

    local: str
    domain: str

    def __post_init__(self) -> None:
        if not self.local:
            raise InvalidAddress("the part before the @ is missing")
        if len(self.local.encode("utf-8", "surrogatepass")) > _MAX_LOCAL_PART:
            raise InvalidAddress(
                f"the part before the @ is longer than {_MAX_LOCAL_PART} octets",
                hint="RFC 5321 4.5.3.1.1 allows no more.",
            )
        _refuse_controls(self.local)
        _check_domain(self.domain)

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `local@domain`, with the local part quoted where it has to be."""
        plain = _PLAIN.match(text)
        if plain and plain.end(1) <= _MAX_LOCAL_PART and len(plain[2]) <= _MAX_DOMAIN:
            return cls._of_checked(*plain.groups())
        at = text.rfind("@")
        if at < 0:
            raise InvalidAddress(
                f"{_shown(text)} has no @", hint="Write it as somebody@example.org."
            )
        local, domain = text[:at], text[at + 1 :]
        if quoted := _QUOTED_STRING.match(local):
            local = re.sub(r"\\(.)", r"\1", quoted[1])
        elif not _is_dot_string(local):
            raise InvalidAddress(
                f"{_shown(text)}: {_fault_in_local(local)}",
                hint="Other characters need quotes around the part before the @.",
            )
        try:
            return cls(local, domain)
        except InvalidAddress as error:
            raise InvalidAddress(f"{_shown(text)}: {error.text}", hint=error.hint) from None

    @classmethod
    def _of_checked(cls, local: str, domain: str) -> Self:
        # Each check of `__post_init__` is in the expression that found the two.
        address = object.__new__(cls)
        object.__setattr__(address, "local", local)
        object.__setattr__(address, "domain", domain)
        return address

    @property
    def is_internationalized(self) -> bool:
        """True when the local part can only travel by SMTPUTF8 (RFC 6531)."""
        return not self.local.isascii()

    @property
    def is_ascii(self) -> bool:
        """True when it is written without other letters than those of ASCII."""
        return self.local.isascii() and self.domain.isascii()

    def to_ascii(self) -> str:
        """Write the address with its domain in A-labels (RFC 5890); the local part as it is."""
        return f"{self._written_local()}@{ascii_domain(self.domain)}"

    def __str__(self) -> str:
        return f"{self._written_local()}@{self.domain}"

    def _written_local(self) -> str:
        if _is_dot_string(self.local):
            return self.local
        escaped = self.local.replace("\\", "\\\\").replace('"', '\\"')
        return f'"{escaped}"'


def ascii_domain(domain: str) -> str:
    """Give a domain in the form that DNS and ASCII-only servers know (A-labels, lower case).

    Raises `InvalidAddress` where the two generations of IDNA disagree about the result.
    """
    if domain.startswith("["):
        return domain
    if domain.isascii():
        return domain.lower()
    if doubtful := _DEVIATIONS.intersection(domain):
        raise InvalidAddress(
            f"the domain {_shown(domain)} holds U+{ord(min(doubtful)):04X}, "
            "which IDNA 2003 and IDNA 2008 turn into different names",
            hint="Write the domain in its xn-- form.",
        )
    try:
        return domain.encode("idna").decode("ascii").lower()
    except UnicodeError as error:
        raise InvalidAddress(f"{_shown(domain)} is no domain name: {error}") from None


def is_loopback(host: str) -> bool:
    """Tell whether what is sent to `host` stays on this machine (RFC 6761 6.3 for the name)."""
    if host == "localhost":
        return True
    import ipaddress

    try:
        return ipaddress.ip_address(host.partition("%")[0]).is_loopback
    except ValueError:
        return False


def _is_dot_string(local: str) -> bool:
    if local.isascii():
        return _DOT_STRING_ASCII.match(local) is not None
    stripped = "".join(c if c.isascii() else "x" for c in local)
    return _DOT_STRING_ASCII.match(stripped) is not None


def _refuse_controls(text: str) -> None:
    if text.isprintable():
        return
    for position, character in enumerate(text):
        # Printable in Python's sense leaves out controls, line separators and lone surrogates.
        if not character.isprintable():
            raise InvalidAddress(
                f"the character U+{ord(character):04X} at position {position + 1} "
                "cannot be part of an address"
            )


def _check_domain(domain: str) -> None:
    if not domain:
        raise InvalidAddress("the domain after the @ is missing")
    _refuse_controls(domain)
    if domain.startswith("["):
        _check_literal(domain)
        return
    name = ascii_domain(domain)
    if len(name) > _MAX_DOMAIN:
        raise InvalidAddress(f"the domain is longer than {_MAX_DOMAIN} octets")
    for label in name.split("."):
        if not _LABEL.match(label):
            raise InvalidAddress(
                f"{_shown(label)} is no label of a domain name"
                if label
                else "the domain has an empty label",
                hint=f"A label has 1 to {_MAX_LABEL} letters, digits and inner hyphens.",
            )


def _check_literal(domain: str) -> None:
    # RFC 5321 4.1.3: address-literal = "[" ( IPv4-address-literal / IPv6-address-literal ) "]"
    import ipaddress

    try:
        if domain[-1] != "]":
            raise ValueError(domain)
        inner = domain[1:-1]
        if inner[:5].lower() == "ipv6:":
            if "%" in inner:
                raise ValueError(inner)
            ipaddress.IPv6Address(inner[5:])
        else:
            ipaddress.IPv4Address(inner)
    except ValueError:
        raise InvalidAddress(
            f"{_shown(domain)} is no address literal",
            hint="Write [192.0.2.1] or [IPv6:2001:db8::1].",
        ) from None


def _fault_in_local(local: str) -> str:
    if not local:
        return "the part before the @ is missing"
    if local.startswith(".") or local.endswith(".") or ".." in local:
        return "a dot may only stand between two other characters before the @"
    position, character = next(
        (position, character)
        for position, character in enumerate(local, 1)
        if character != "." and not _is_dot_string(character)
    )
    return f"{character!a} at position {position} must be quoted"


def _shown(text: str) -> str:
    return ascii(text if len(text) <= 80 else f"{text[:77]}...")

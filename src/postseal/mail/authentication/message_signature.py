"""What a DKIM-Signature says, and the ARC-Message-Signature which says the same (RFC 6376 3.5)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from postseal.address import ascii_domain
from postseal.errors import InvalidAddress
from postseal.mail.authentication.canonical import Canonicalization
from postseal.mail.authentication.keys import KeyType
from postseal.mail.authentication.tags import (
    InvalidTagList,
    base64_octets,
    read_number,
    read_tags,
)
from postseal.mail.authentication.words import SignatureFault

__all__ = [
    "InvalidSignature",
    "MessageSignature",
    "read_domain",
    "read_key_type",
    "read_selector",
    "read_signature_octets",
    "read_time",
    "read_value",
    "require",
]

_MAX_HEADERS: Final = 1000
_LABEL = r"[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?"
_DOMAIN = re.compile(rf"{_LABEL}(?:\.{_LABEL})+\Z")
_SELECTOR = re.compile(rf"{_LABEL}(?:\.{_LABEL})*\Z")
_FIELD_NAMES = re.compile(r"[!-9;-~]+[ \t]*(?::[ \t]*[!-9;-~]+[ \t]*)*\Z")
_ALGORITHMS = {kind.algorithm: kind for kind in KeyType}


class InvalidSignature(InvalidTagList):
    """A signature field that cannot be checked; `fault` says which rule it breaks."""

    _fields = (*InvalidTagList._fields, "fault")

    def __init__(
        self,
        text: str = "",
        *,
        fault: SignatureFault = SignatureFault.SYNTAX,
        hint: str | None = None,
        **where: str | None,
    ) -> None:
        super().__init__(text, hint=hint)
        self.fault = fault


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageSignature:
    """A signature over header fields and body.

    `headers` are the names in h=, in lower case and their order. `agent` is i= of DKIM with its
    default filled in; ARC, whose i= is a number, has None. `timestamp` and `expires` are in seconds
    since the epoch, `length` is l=. `domain` and `selector` are in A-labels and lower case.
    """

    key_type: KeyType
    signature: bytes
    body_hash: bytes
    header_form: Canonicalization
    body_form: Canonicalization
    domain: str
    selector: str
    headers: tuple[str, ...]
    agent: str | None = None
    timestamp: int | None = None
    expires: int | None = None
    length: int | None = None

    @classmethod
    def parse(cls, value: bytes) -> MessageSignature:
        """Read the value of a DKIM-Signature field.

        Raises `InvalidSignature` where RFC 6376 3.5 and 6.1.1 have a verifier ignore it.
        """
        tags = read_value(value)
        if require(tags, "v") != "1":
            raise InvalidSignature(f"v={tags['v'][:20]!a} is not 1", fault=SignatureFault.VERSION)
        domain = read_domain(tags)
        methods = [method.strip() for method in tags.get("q", "dns/txt").split(":")]
        if "dns/txt" not in methods:
            raise InvalidSignature(
                "q= names no known query method", fault=SignatureFault.QUERY_METHOD
            )
        return cls.from_tags(tags, agent=_read_agent(tags, domain))

    @classmethod
    def from_tags(cls, tags: Mapping[str, str], *, agent: str | None) -> MessageSignature:
        """Read the tags that DKIM and ARC share."""
        names = require(tags, "h").lower()
        if not _FIELD_NAMES.match(names):
            raise InvalidSignature("h= holds what is no name of a header field")
        headers = tuple(names.replace(" ", "").replace("\t", "").split(":"))
        if len(headers) > _MAX_HEADERS:
            raise InvalidSignature(f"h= names {len(headers)} fields, more than {_MAX_HEADERS}")
        require(tags, "bh")
        timestamp, expires = read_time(tags, "t"), read_time(tags, "x")
        if timestamp is not None and expires is not None and expires <= timestamp:
            raise InvalidSignature("x= is not later than t=")
        # RFC 6376 3.5, c=: one name alone is that of the header form.
        header, _, body = tags.get("c", "simple/simple").partition("/")
        try:
            header_form = Canonicalization(header.strip(" \t").lower())
            body_form = Canonicalization(body.strip(" \t").lower() or "simple")
        except ValueError:
            raise InvalidSignature("c= names an unknown canonicalization") from None
        return cls(
            key_type=read_key_type(tags),
            signature=read_signature_octets(tags),
            body_hash=_octets(tags, "bh"),
            header_form=header_form,
            body_form=body_form,
            domain=read_domain(tags),
            selector=read_selector(tags),
            headers=headers,
            agent=agent,
            timestamp=timestamp,
            expires=expires,
            length=_number(tags, "l"),
        )


def read_value(value: bytes) -> dict[str, str]:
    """Read the tag list of a signature field."""
    try:
        return read_tags(value)
    except InvalidTagList as error:
        raise InvalidSignature(error.text) from None


def require(tags: Mapping[str, str], name: str) -> str:
    """Give a tag's value, which must be there and not empty."""
    value = tags.get(name)
    if not value:
        raise InvalidSignature(f"the tag {name}= is missing or empty")
    return value


def read_domain(tags: Mapping[str, str]) -> str:
    """Read d=, a domain name of two labels at least (RFC 6376 3.5)."""
    return _name(require(tags, "d"), "d")


def read_selector(tags: Mapping[str, str]) -> str:
    """Read s= (RFC 6376 3.1)."""
    return _name(require(tags, "s"), "s")


def read_key_type(tags: Mapping[str, str]) -> KeyType:
    """Read a=, which must not be the rsa-sha1 of old (RFC 8301 3.1)."""
    algorithm = require(tags, "a").lower()
    if algorithm not in _ALGORITHMS:
        raise InvalidSignature(
            f"a={algorithm[:40]!a} is none of {', '.join(_ALGORITHMS)}",
            fault=SignatureFault.ALGORITHM,
        )
    return _ALGORITHMS[algorithm]


def read_signature_octets(tags: Mapping[str, str]) -> bytes:
    """Read b=."""
    require(tags, "b")
    return _octets(tags, "b")


def read_time(tags: Mapping[str, str], name: str) -> int | None:
    """Read t= or x=, in seconds since the epoch."""
    return _number(tags, name, digits=12)


def _number(tags: Mapping[str, str], name: str, *, digits: int = 76) -> int | None:
    try:
        return read_number(tags, name, digits=digits)
    except InvalidTagList as error:
        raise InvalidSignature(error.text) from None


def _octets(tags: Mapping[str, str], name: str) -> bytes:
    try:
        return base64_octets(tags, name)
    except InvalidTagList as error:
        raise InvalidSignature(error.text) from None


def _name(text: str, tag: str) -> str:
    try:
        name = ascii_domain(text)
    except InvalidAddress as error:
        raise InvalidSignature(f"{tag}=: {error.text}") from None
    pattern = _DOMAIN if tag == "d" else _SELECTOR
    if len(name) > 253 or not pattern.match(name):
        raise InvalidSignature(f"{tag}={text[:80]!a} is no domain name")
    return name


def _read_agent(tags: Mapping[str, str], domain: str) -> str:
    agent = tags.get("i")
    if agent is None:
        return f"@{domain}"
    local, at, host = agent.rpartition("@")
    if not at:
        raise InvalidSignature("i= has no @")
    try:
        host = ascii_domain(host)
    except InvalidAddress as error:
        raise InvalidSignature(f"i=: {error.text}") from None
    if host != domain and not host.endswith(f".{domain}"):
        raise InvalidSignature(
            f"i= is not in the domain {domain}", fault=SignatureFault.DOMAIN_MISMATCH
        )
    return f"{local}@{host}"

"""MTA-STS: what a domain's record and policy say, and what follows for a server (RFC 8461).

Nothing here waits or remembers: `postseal.send.mx.mta_sts` fetches policies and keeps them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum, unique
from typing import Final, Self

from postseal.errors import PolicyUnavailable, TLSResultType

__all__ = [
    "MAX_AGE",
    "MAX_POLICY_SIZE",
    "MTAStsMode",
    "MTAStsPolicy",
    "MTAStsRecord",
    "policy_host",
    "record_name",
]

MAX_AGE: Final = 31_557_600
"""The longest time in seconds that a policy holds: what asks for more gets this (RFC 8461 3.2)."""
MAX_POLICY_SIZE: Final = 64 * 1024
"""The most octets of a policy file that are read (RFC 8461 3.3)."""

_VERSION: Final = "STSv1"
# RFC 8461 3.1: sts-field-delim, sts-id, sts-ext-name and sts-ext-value.
_DELIMITER: Final = re.compile(r"[ \t]*;[ \t]*")
_ID: Final = re.compile(r"[A-Za-z0-9]{1,32}\Z")
_FIELD: Final = re.compile(r"([A-Za-z0-9][A-Za-z0-9_.-]{0,31})=([!-:<>-~]+)\Z")
# RFC 8461 3.2: sts-policy-term, sts-policy-ext-name and sts-policy-ext-value; that the latter is
# UTF-8 was seen when it was decoded.
_LINE_END: Final = re.compile(r"\r?\n")
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,31}\Z")
_VALUE: Final = re.compile(r"[^\x00-\x1f\x7f]+\Z")
_SECONDS: Final = re.compile(r"[0-9]{1,10}\Z")
# RFC 5321 4.1.2: Domain, which has A-labels alone. An underscore is no letter of it.
_LABEL: Final = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_PATTERN: Final = re.compile(rf"(?:\*\.)?{_LABEL}(?:\.{_LABEL})*\Z")
_MAX_NAME: Final = 253
_SHOWN: Final = 60


@unique
class MTAStsMode(StrEnum):
    """What a sender does about a server that does not satisfy the policy (RFC 8461 5)."""

    ENFORCE = "enforce"
    """Not to deliver by it."""
    TESTING = "testing"
    """To report it, and to deliver all the same."""
    NONE = "none"
    """Nothing: the domain has no policy any more."""


@dataclass(frozen=True, slots=True)
class MTAStsRecord:
    """The TXT record that announces a policy; another `id` means another policy."""

    id: str

    @classmethod
    def among(cls, texts: Iterable[str]) -> Self | None:
        """Find the record among all texts at `record_name`; None where there is none.

        Raises `PolicyUnavailable` for several records, and for one that breaks the grammar: to a
        sender without a cached policy both mean that there is no policy (RFC 8461 3.1).
        """
        announced = [text for text in texts if text.startswith(f"v={_VERSION};")]
        if len(announced) > 1:
            raise _invalid(f"there are {len(announced)} MTA-STS records, and one must be there")
        return cls.parse(announced[0]) if announced else None

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read one record. Raises `PolicyUnavailable`."""
        version, *fields = _DELIMITER.split(text)
        if version != f"v={_VERSION}":
            raise _invalid(f"the MTA-STS record does not begin with v={_VERSION}")
        if fields and not fields[-1]:
            del fields[-1]
        values: dict[str, str] = {}
        for written in fields:
            field = _FIELD.match(written)
            if field is None:
                raise _invalid(f"{_shown(written)} is no field of an MTA-STS record")
            # RFC 8461 3.2: of a field that is repeated, the first counts.
            values.setdefault(field[1], field[2])
        identifier = values.get("id")
        if identifier is None:
            raise _invalid("the MTA-STS record has no id")
        if not _ID.match(identifier):
            raise _invalid(f"{_shown(identifier)} is no id of 1 to 32 letters and digits")
        return cls(identifier)


@dataclass(frozen=True, slots=True)
class MTAStsPolicy:
    """A policy file. `mx` are the patterns in lower case, `max_age` is in seconds."""

    mode: MTAStsMode
    mx: tuple[str, ...]
    max_age: int

    @classmethod
    def parse(cls, body: bytes) -> Self:
        """Read a policy file.

        Lines end with LF or CRLF; of a repeated field other than mx the first counts, and fields
        that nobody knows count for nothing (RFC 8461 3.2). Raises `PolicyUnavailable` for all
        that the grammar does not allow, and for values that have no meaning.
        """
        if len(body) > MAX_POLICY_SIZE:
            raise _invalid(f"the policy has more than {MAX_POLICY_SIZE} octets")
        patterns: list[str] = []
        values: dict[str, str] = {}
        for name, value in _lines(body):
            if name == "mx":
                patterns.append(_pattern(value))
            else:
                values.setdefault(name, value)
        if (version := _required(values, "version")) != _VERSION:
            raise _invalid(f"the version {_shown(version)} of policies is not known")
        word = _required(values, "mode")
        if word not in tuple(MTAStsMode):
            raise _invalid(f"the mode {_shown(word)} is not known")
        mode = MTAStsMode(word)
        seconds = _required(values, "max_age")
        if not _SECONDS.match(seconds):
            raise _invalid(f"{_shown(seconds)} is no max_age: it needs 1 to 10 digits")
        if not patterns and mode is not MTAStsMode.NONE:
            raise _invalid(f"a policy with mode {mode} needs at least one mx")
        return cls(mode, tuple(dict.fromkeys(patterns)), min(int(seconds), MAX_AGE))

    def write(self) -> bytes:
        """Give the policy as a file."""
        lines = [
            f"version: {_VERSION}",
            f"mode: {self.mode}",
            *(f"mx: {pattern}" for pattern in self.mx),
            f"max_age: {self.max_age}",
        ]
        return "".join(f"{line}\r\n" for line in lines).encode()

    def covers(self, host: str) -> bool:
        """Tell whether an MX host, in A-labels, matches one of the patterns (RFC 8461 4.1).

        A wildcard stands for exactly one label, the left-most.
        """
        name = host.removesuffix(".").lower()
        label, _, parent = name.partition(".")
        return name in self.mx or (bool(label) and bool(parent) and f"*.{parent}" in self.mx)


def record_name(domain: str) -> str:
    """Give the name at which a domain's TXT record is (RFC 8461 3.1)."""
    return f"_mta-sts.{domain}"


def policy_host(domain: str) -> str:
    """Give the host that serves a domain's policy (RFC 8461 3.3)."""
    return f"mta-sts.{domain}"


def _lines(body: bytes) -> Iterator[tuple[str, str]]:
    try:
        text = body.decode()
    except UnicodeDecodeError:
        raise _invalid("the policy is not UTF-8") from None
    lines = _LINE_END.split(text)
    if not lines[-1]:
        del lines[-1]
    for number, line in enumerate(lines, start=1):
        name, _, value = line.partition(":")
        value = value.strip(" \t")
        if not (_NAME.match(name) and _VALUE.match(value)):
            raise _invalid(f"line {number} of the policy is no field: {_shown(line)}")
        yield name, value


def _pattern(value: str) -> str:
    pattern = value.lower()
    if len(pattern) > _MAX_NAME or not _PATTERN.match(pattern):
        raise _invalid(f"{_shown(value)} is no mx of a policy: neither a domain nor *. before one")
    return pattern


def _required(values: dict[str, str], name: str) -> str:
    value = values.get(name)
    if value is None:
        raise _invalid(f"the policy has no {name}")
    return value


def _invalid(text: str) -> PolicyUnavailable:
    return PolicyUnavailable(text, result_type=TLSResultType.STS_POLICY_INVALID)


def _shown(text: str) -> str:
    return ascii(text if len(text) <= _SHOWN else f"{text[:_SHOWN]}...")

"""The DNS of the openspf suite: names with records of several types, timeouts, and PTR records."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import TypeAlias, TypeVar, cast

from postseal.dns import MX, Answer, NameDoesNotExist, ResolverFailure

T = TypeVar("T")
Entry: TypeAlias = str | Mapping[str, object]


class SuiteResolver:
    """Answers from the `zonedata` of one scenario; it looks up PTR records as well."""

    def __init__(self, zone: Mapping[str, Sequence[Entry]]) -> None:
        self._zone = {name.lower(): entries for name, entries in zone.items()}

    async def txt(self, name: str) -> Answer[str]:
        entries = self._entries(name)
        # A record of the type SPF, which RFC 7208 does without, stands for a TXT record too.
        has_own = any("TXT" in entry for entry in entries if isinstance(entry, Mapping))
        return self._answer(name, "TXT" if has_own else "SPF", _joined)

    async def addresses(self, host: str) -> Answer[IPv4Address | IPv6Address]:
        four = self._answer(host, "A", lambda value: ip_address(cast(str, value)))
        six = self._answer(host, "AAAA", lambda value: ip_address(cast(str, value)))
        return Answer(four.records + six.records, False, host, 60.0)

    async def mx(self, domain: str) -> Answer[MX]:
        return self._answer(domain, "MX", lambda value: MX(*cast(tuple[int, str], value)))

    async def names(self, address: IPv4Address | IPv6Address) -> Answer[str]:
        return self._answer(address.reverse_pointer, "PTR", lambda value: cast(str, value))

    def _entries(self, name: str, aliases: int = 8) -> Sequence[Entry]:
        if not aliases:
            raise ResolverFailure(f"{name} is an alias of too many others")
        entries = self._zone.get(name.lower().removesuffix("."))
        if entries is None:
            raise NameDoesNotExist(f"{name} does not exist")
        for entry in entries:
            if isinstance(entry, Mapping) and "CNAME" in entry:
                return self._entries(cast(str, entry["CNAME"]), aliases - 1)
        return entries

    def _answer(self, name: str, kind: str, make: Callable[[object], T]) -> Answer[T]:
        entries = self._entries(name)
        records = [
            make(entry[kind])
            for entry in entries
            if isinstance(entry, Mapping) and entry.get(kind, "NONE") != "NONE"
        ]
        if not records and "TIMEOUT" in entries:
            raise ResolverFailure(f"{name}: no answer in time")
        return Answer(tuple(records), False, name, 60.0)


def _joined(value: object) -> str:
    return value if isinstance(value, str) else "".join(cast(list[str], value))

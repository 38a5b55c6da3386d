"""The TXT record at `_smtp._tls.DOMAIN` by which a domain asks for TLS reports (RFC 8460 3)."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, TypeAlias

from postseal.address import Address
from postseal.errors import InvalidAddress, InvalidReport

__all__ = [
    "HTTPSDestination",
    "MailDestination",
    "ReportDestination",
    "parse_reporting_record",
    "reporting_destinations",
    "reporting_name",
]

_VERSION: Final = "v=TLSRPTv1"
_BEGINNING: Final = re.compile(rf"{_VERSION}[ \t]*+;")
# The resolver bounds what one answer may hold; this bounds what one record may cause.
_MAX_RECORD: Final = 8192
_MAX_DESTINATIONS: Final = 20
_FIELD: Final = re.compile(r"([A-Za-z0-9][A-Za-z0-9_.-]{0,31})=([!-:<>-~][!-:<-~ \t]*)\Z")
# RFC 3986: what a URI is made of, without `,`, `!` and `;`, which must be encoded.
_PLAIN: Final = r"[A-Za-z0-9._~:/?@$&'()*+=\[\]-]"
_ENCODED: Final = r"%[0-9A-Fa-f]{2}"
_MAILTO: Final = re.compile(rf"mailto:((?:{_PLAIN}|{_ENCODED})++)\Z", re.IGNORECASE)
# No user, no address literal, no other port, and no fragment, which has no meaning here.
_HTTPS: Final = re.compile(
    rf"https://(?=[0-9.-]*+[a-z])([a-z0-9.-]++)(?::443)?((?:[/?](?:{_PLAIN}|{_ENCODED})*+)?)\Z",
    re.IGNORECASE,
)
_PERCENT: Final = re.compile(rb"%([0-9A-Fa-f]{2})")


@dataclass(frozen=True, slots=True)
class MailDestination:
    """An address that takes reports by mail."""

    address: Address


@dataclass(frozen=True, slots=True)
class HTTPSDestination:
    """A web server that takes reports by POST, by name and at the usual port only.

    A stranger chose it: where it leads is for the network to judge.
    """

    host: str
    target: str

    def __str__(self) -> str:
        return f"https://{self.host}{self.target}"


ReportDestination: TypeAlias = MailDestination | HTTPSDestination


def reporting_name(domain: str) -> str:
    """Give the name at which the record for a policy domain is."""
    return f"_smtp._tls.{domain}"


def reporting_destinations(texts: Iterable[str]) -> tuple[ReportDestination, ...]:
    """Read the TXT records at `reporting_name`; empty where no report is wanted.

    Records of another kind are passed over, and several of this kind are none (RFC 8460 3). Raises
    `InvalidReport` for a single one that cannot be read.
    """
    records = [text for text in texts if _BEGINNING.match(text)]
    return parse_reporting_record(records[0]) if len(records) == 1 else ()


def parse_reporting_record(text: str) -> tuple[ReportDestination, ...]:
    """Read one record, its strings joined: where reports are to be sent, in its order.

    Unknown fields and destinations of other schemes are passed over. Raises `InvalidReport` where
    the record is not `v=TLSRPTv1` with `name=value` fields, and where it names no destination
    that is `mailto:` or `https:` and can be used.
    """
    if len(text) > _MAX_RECORD:
        raise InvalidReport(f"a TLSRPT record of {len(text)} characters")
    version, *fields = (field.strip(" \t") for field in text.split(";"))
    if version != _VERSION:
        raise InvalidReport(f"the record does not begin with {_VERSION}; but with {version[:40]!a}")
    if fields and not fields[-1]:
        fields.pop()
    uris: list[str] = []
    for field in fields:
        found = _FIELD.match(field)
        if not found:
            raise InvalidReport(
                f"{field[:80]!a} is no field of a TLSRPT record", hint="Fields are name=value."
            )
        if found[1] == "rua":
            uris += (uri.strip(" \t") for uri in found[2].split(","))
    if not uris:
        raise InvalidReport("the TLSRPT record has no rua: it says nowhere to send reports")
    destinations = tuple(
        dict.fromkeys(each for uri in uris if (each := _destination(uri)) is not None)
    )
    if not destinations:
        raise InvalidReport(
            f"no rua of the TLSRPT record can be used: {', '.join(uris)[:120]!a}",
            hint="Use mailto: or https:, with commas, semicolons and ! percent-encoded.",
        )
    return destinations[:_MAX_DESTINATIONS]


def _destination(uri: str) -> ReportDestination | None:
    if found := _MAILTO.match(uri):
        # RFC 6068 2: one address, percent-encoded; what follows `?` would be header fields.
        octets = found[1].partition("?")[0].encode("ascii")
        try:
            decoded = _PERCENT.sub(lambda code: bytes.fromhex(code[1].decode()), octets).decode()
            return MailDestination(Address.parse(decoded))
        except (InvalidAddress, UnicodeDecodeError):
            return None
    if found := _HTTPS.match(uri):
        host, target = found[1].lower(), found[2]
        try:
            Address("postmaster", host)
        except InvalidAddress:
            return None
        return HTTPSDestination(host, target if target.startswith("/") else f"/{target}")
    return None

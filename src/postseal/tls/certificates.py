"""What a certificate says about its holder: the names it presents, and the key (RFC 5280 4.1).

It reads what a peer sent, with the standard library alone; whether any of it is true is judged
elsewhere.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from postseal.errors import CertificateReason, CertificateRejected, Phase
from postseal.tls.der import (
    BOOLEAN,
    OBJECT_IDENTIFIER,
    OCTET_STRING,
    Element,
    certificate_fields,
    only_element,
)

__all__ = ["CertificateContent", "PresentedNames", "read_certificate"]

_EXTENSIONS: Final = 0xA3
# RFC 5280 4.2.1.6: GeneralName ::= CHOICE { ... dNSName [2] IA5String ... iPAddress [7] ... }
_DNS_NAME: Final = 0x82
_IP_ADDRESS: Final = 0x87
_SUBJECT_ALTERNATIVE_NAME: Final = bytes.fromhex("551d11")  # 2.5.29.17


@dataclass(frozen=True, slots=True)
class PresentedNames:
    """The identifiers in a subject alternative name that servers are known by (RFC 9525 4.1).

    `dns` holds the DNS-IDs as they are written, `addresses` the IP-IDs.
    """

    dns: tuple[str, ...] = ()
    addresses: tuple[ipaddress.IPv4Address | ipaddress.IPv6Address, ...] = ()

    def as_texts(self) -> tuple[str, ...]:
        """Give all of them in text, as an error shows them."""
        return (*self.dns, *map(str, self.addresses))


@dataclass(frozen=True, slots=True)
class CertificateContent:
    """What one certificate says: the names, and the SubjectPublicKeyInfo in DER."""

    names: PresentedNames
    public_key_info: bytes


def read_certificate(der: bytes) -> CertificateContent:
    """Read a certificate in DER.

    Raises `CertificateRejected` (`MALFORMED`) for what is not DER or not a certificate, for an
    extension that occurs twice (RFC 5280 4.2), and for names that cannot be names: with NUL or
    another control in them, not in ASCII, or an address of neither 4 nor 16 octets.
    """
    try:
        return _read(der)
    except ValueError as error:
        raise CertificateRejected(
            f"the certificate cannot be read: {error}",
            reason=CertificateReason.MALFORMED,
            phase=Phase.HANDSHAKE,
            hint="The certificate breaks RFC 5280; it must be issued anew.",
            chain=(der,),
        ) from None


def _read(der: bytes) -> CertificateContent:
    key, others = certificate_fields(der)
    names = PresentedNames()
    for identifier, value in _extensions(others):
        if identifier == _SUBJECT_ALTERNATIVE_NAME:
            names = _names(value)
    return CertificateContent(names=names, public_key_info=key.encoded)


def _extensions(fields: list[Element]) -> Iterator[tuple[bytes, bytes]]:
    seen = set[bytes]()
    for field in fields:
        if field.tag != _EXTENSIONS:
            continue
        for extension in only_element(field.content).children():
            # Extension ::= SEQUENCE { extnID, critical BOOLEAN DEFAULT FALSE, extnValue }
            parts = list(extension.children())
            tags = [part.tag for part in parts if part.tag != BOOLEAN]
            if tags != [OBJECT_IDENTIFIER, OCTET_STRING]:
                raise ValueError("an extension has not the parts of one")
            identifier = parts[0].content
            if identifier in seen:
                raise ValueError(f"it has the extension {_dotted(identifier)} twice")
            seen.add(identifier)
            yield identifier, parts[-1].content


def _names(value: bytes) -> PresentedNames:
    dns, addresses = list[str](), list[ipaddress.IPv4Address | ipaddress.IPv6Address]()
    for name in only_element(value).children():
        if name.tag == _DNS_NAME:
            text = name.content.decode("latin-1")
            if not (text.isascii() and text.isprintable()):
                raise ValueError(f"it presents the name {text!a}, which no host can have")
            dns.append(text)
        elif name.tag == _IP_ADDRESS:
            if len(name.content) not in (4, 16):
                raise ValueError(f"it presents an address of {len(name.content)} octets")
            addresses.append(ipaddress.ip_address(name.content))
    return PresentedNames(tuple(dns), tuple(addresses))


def _dotted(identifier: bytes) -> str:
    """Write an object identifier as people know it (X.690 8.19)."""
    arcs, value = list[int](), 0
    for octet in identifier:
        value = value << 7 | octet & 0x7F
        if not octet & 0x80:
            arcs.append(value)
            value = 0
    if not arcs:
        return "without a number"
    first = min(arcs[0] // 40, 2)
    return ".".join(map(str, (first, arcs[0] - 40 * first, *arcs[1:])))

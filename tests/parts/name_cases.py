"""Names of certificates, with what RFC 9525 and RFC 5280 say about each."""

from __future__ import annotations

import ipaddress

from cryptography import x509

from postseal.audit.lab.flawed_certificates import Spec
from postseal.errors import CertificateReason
from tests.parts.certificate_case import HOST, Case, chain_of

WRONG = CertificateReason.WRONG_NAME
MALFORMED = CertificateReason.MALFORMED
_PARTIAL = "it lets a wildcard be a part of a label (RFC 6125)"
_COMMON_NAME = "it falls back to the common name (RFC 6125 6.4.4)"
_LAX = "it does not look at names it does not need"


def dns(*names: str) -> Spec:
    return Spec(subject="server", names=tuple(map(x509.DNSName, names)))


def ip(*addresses: str) -> Spec:
    names = tuple(x509.IPAddress(ipaddress.ip_address(address)) for address in addresses)
    return Spec(subject="server", names=names)


def named(
    title: str,
    rule: str,
    leaf: Spec,
    *,
    expected: CertificateReason | None = None,
    host: str = HOST,
    openssl: str = "",
) -> Case:
    return Case(title, rule, expected, lambda: chain_of(leaf), host, openssl)


NAMES = [
    named("the very name", "9525 6.3", dns(HOST)),
    named("in capitals", "9525 6.3", dns("MAIL.Example.ORG")),
    named("asked for in capitals", "9525 6.3", dns(HOST), host="MAIL.Example.ORG"),
    named("among others", "9525 6.3", dns("a.example.org", HOST, "z.example.org")),
    named("asked for with the dot of the root", "9525 6.3", dns(HOST), host=f"{HOST}."),
    named("another name", "9525 6.3", dns("mail.example.com"), expected=WRONG),
    named("the domain above", "9525 6.3", dns("example.org"), expected=WRONG),
    named("a name below", "9525 6.3", dns(f"a.{HOST}"), expected=WRONG),
    named("a name that ends alike", "9525 6.3", dns("otherexample.org"), expected=WRONG),
    named("a suffix with a dot before it", "9525 6.3", dns(".example.org"), expected=WRONG),
    named(
        "the dot of the root in the certificate", "5280 4.2.1.6", dns(f"{HOST}."), expected=WRONG
    ),
    named("a wildcard for the left-most label", "9525 6.3", dns("*.example.org")),
    named("a wildcard for no label", "9525 6.3", dns("*.mail.example.org"), expected=WRONG),
    named(
        "a wildcard for two labels",
        "9525 6.3",
        dns("*.example.org"),
        host="a.mail.example.org",
        expected=WRONG,
    ),
    named(
        "a wildcard and its domain",
        "9525 6.3",
        dns("*.example.org"),
        host="example.org",
        expected=WRONG,
    ),
    named(
        "a wildcard behind letters",
        "9525 6.3",
        dns("m*.example.org"),
        expected=WRONG,
        openssl=_PARTIAL,
    ),
    named(
        "a wildcard before letters",
        "9525 6.3",
        dns("*l.example.org"),
        expected=WRONG,
        openssl=_PARTIAL,
    ),
    named(
        "a wildcard between letters",
        "9525 6.3",
        dns("m*l.example.org"),
        expected=WRONG,
    ),
    named("a wildcard in the second label", "9525 6.3", dns("mail.*.org"), expected=WRONG),
    named("two wildcards", "9525 6.3", dns("*.*.org"), expected=WRONG),
    named("two stars in a label", "9525 6.3", dns("**.example.org"), expected=WRONG),
    named("a wildcard for all of it", "9525 6.3", dns("*"), host="localhost", expected=WRONG),
    # RFC 9525 would let it pass; nobody may speak for a whole top-level domain (7.1).
    named(
        "a wildcard below a top-level domain",
        "9525 7.1",
        dns("*.org"),
        host="example.org",
        expected=WRONG,
    ),
    named("an A-label", "9525 6.3", dns("xn--bcher-kva.example"), host="xn--bcher-kva.example"),
    named("a U-label asked for", "9525 6.3", dns("xn--bcher-kva.example"), host="bücher.example"),
    named(
        "another A-label",
        "9525 6.3",
        dns("xn--bcher-kva.example"),
        host="bucher.example",
        expected=WRONG,
    ),
    named("a wildcard for an A-label", "9525 6.3", dns("*.example.org"), host="bücher.example.org"),
    named(
        "a wildcard within an A-label",
        "9525 6.3",
        dns("xn--*.example.org"),
        host="xn--bcher-kva.example.org",
        expected=WRONG,
    ),
    named("an underscore", "9525 6.3", dns("_mail.example.org"), host="_mail.example.org"),
    named(
        "the name in the subject alone",
        "9525 2",
        Spec(names=()),
        expected=WRONG,
        openssl=_COMMON_NAME,
    ),
    named(
        "the name in the subject, another beside",
        "9525 2",
        Spec(names=(x509.DNSName("a.example"),)),
        expected=WRONG,
    ),
    named(
        "the name in the subject, an address beside",
        "9525 2",
        Spec(names=(x509.IPAddress(ipaddress.ip_address("192.0.2.1")),)),
        expected=WRONG,
        openssl=_COMMON_NAME,
    ),
    named(
        "the name in a mail address",
        "9525 6.3",
        Spec(subject="server", names=(x509.RFC822Name(f"postmaster@{HOST}"),)),
        expected=WRONG,
    ),
    named(
        "the name in a URI",
        "9525 6.3",
        Spec(subject="server", names=(x509.UniformResourceIdentifier(f"https://{HOST}/"),)),
        expected=WRONG,
    ),
    named("an IPv4 address", "9525 6.4", ip("192.0.2.1"), host="192.0.2.1"),
    named("an IPv6 address", "9525 6.4", ip("2001:db8::1"), host="2001:db8::1"),
    named(
        "an IPv6 address written long", "9525 6.4", ip("2001:db8::1"), host="2001:DB8:0:0:0:0:0:1"
    ),
    named("another address", "9525 6.4", ip("192.0.2.2"), host="192.0.2.1", expected=WRONG),
    named(
        "an IPv4 address as mapped IPv6",
        "9525 6.4",
        ip("::ffff:192.0.2.1"),
        host="192.0.2.1",
        expected=WRONG,
    ),
    named(
        "an address as a DNS name", "9525 6.4", dns("192.0.2.1"), host="192.0.2.1", expected=WRONG
    ),
    named(
        "a wildcard for an address", "9525 6.4", dns("*.0.2.1"), host="192.0.2.1", expected=WRONG
    ),
    named(
        "an address in the subject alone",
        "9525 6.4",
        Spec(subject="192.0.2.1", names=()),
        host="192.0.2.1",
        expected=WRONG,
    ),
    named("an address for a name", "9525 6.3", ip("192.0.2.1"), expected=WRONG),
    named("a name for an address", "9525 6.4", dns(HOST), host="192.0.2.1", expected=WRONG),
    named("NUL in the only name", "5280 4.2.1.6", dns(f"{HOST}\0.evil.example"), expected=WRONG),
    named(
        "NUL in another name",
        "5280 4.2.1.6",
        dns(HOST, "bank.example\0.evil.example"),
        expected=MALFORMED,
        openssl=_LAX,
    ),
    named(
        "a line break in a name",
        "5280 4.2.1.6",
        dns(HOST, "a\r\nb.example"),
        expected=MALFORMED,
        openssl=_LAX,
    ),
    named(
        "an octet beyond ASCII in a name",
        "5280 4.2.1.6",
        Spec(raw_names=bytes.fromhex("3015 8210") + HOST.encode() + b"\x82\x01\xfc"),
        expected=MALFORMED,
        openssl=_LAX,
    ),
    named(
        "an address of five octets",
        "5280 4.2.1.6",
        Spec(
            raw_names=bytes.fromhex("3019 8210") + HOST.encode() + bytes.fromhex("8705 c000020100")
        ),
        expected=MALFORMED,
        openssl=_LAX,
    ),
    named(
        "no names in the extension",
        "5280 4.2.1.6",
        Spec(subject="x", raw_names=b"\x30\0"),
        expected=MALFORMED,
    ),
    named(
        "no names and no subject", "5280 4.2.1.6", Spec(subject=None, names=()), expected=MALFORMED
    ),
    named(
        "no subject, names critical",
        "5280 4.2.1.6",
        Spec(subject=None, names_critical=True),
    ),
    named("no subject, names not critical", "5280 4.2.1.6", Spec(subject=None), expected=MALFORMED),
]

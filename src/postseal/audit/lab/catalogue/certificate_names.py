"""Cases of certificates that are good for some other name than the one the client asked for."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable
from dataclasses import replace
from typing import Final

from cryptography import x509

from postseal.audit.findings import Reference, Severity
from postseal.audit.lab.case import Case
from postseal.audit.lab.catalogue.certificates import shown_case
from postseal.audit.lab.certificates import CertificateMaker, Certificates
from postseal.audit.lab.deviations import CONNECT, Answer, Deviation, Then
from postseal.audit.lab.flawed_certificates import Chain

__all__ = ["CERTIFICATE_NAMES"]

_ATTACKER: Final = "mail.attacker.example"
_COMPARE: Final = (
    "Let the client compare the host that it was told with the subject alternative names of the "
    "certificate, as its TLS library does if it is asked to."
)


def _names(make: Callable[[str], x509.GeneralName | None], subject: str = _ATTACKER) -> (
    CertificateMaker
):  # fmt: skip
    """A certificate with the alternative name that is made of the host, or with none."""

    def chain(certificates: Certificates) -> Chain:
        name = make(certificates.host)
        leaf = replace(
            certificates.spec(),
            subject=subject.format(host=certificates.host),
            names=() if name is None else (name,),
        )
        return certificates.chain(leaf)

    return chain


def _dns(pattern: str) -> CertificateMaker:
    """A certificate for a DNS name made of the host and its parts."""
    return _names(lambda host: x509.DNSName(pattern.format(host=host, **_parts(host))))


def _parts(host: str) -> dict[str, str]:
    labels = host.split(".")
    return {
        "initial": host[0],
        "rest": "".join(f".{label}" for label in labels[1:]),
        "first": labels[0],
        "last": labels[-1],
        "beyond": ".".join(labels[2:]),
    }


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _for_names(host: str) -> str:
    return "the client asks for an address, which has no labels" if _is_address(host) else ""


def _for_addresses(host: str) -> str:
    return "" if _is_address(host) else "the client asks for a name; run it with --host 127.0.0.1"


def _for_labels(least: int, most: int = 127) -> Callable[[str], str]:
    def why(host: str) -> str:
        if _is_address(host) or least <= host.count(".") + 1 <= most:
            return _for_names(host)
        wanted = f"{least} labels" + (" or more" if most > least else "")
        return f"it needs a host with {wanted}, and the client asks for {host!a}"

    return why


def _for_a_labels(host: str) -> str:
    if host.startswith("xn--"):
        return ""
    return f"it needs a host whose first label is an A-label, and the client asks for {host!a}"


def _case(
    id_: str,
    shows: str,
    certificate: CertificateMaker,
    story: str,
    *,
    severity: Severity = Severity.CRITICAL,
    rule: str = "RFC 9525 6.3",
    deviations: tuple[Deviation, ...] = (),
    not_covered_for: Callable[[str], str] = lambda host: "",
) -> Case:
    case = shown_case(
        id_,
        f"a certificate {shows}",
        certificate,
        story,
        severity=severity,
        remedy=_COMPARE,
        references=(Reference(rule),),
        deviations=deviations,
        cwe=(297,),
    )
    return replace(case, not_covered_for=not_covered_for)


CERTIFICATE_NAMES: Final = (
    _case(
        "C03",
        "for another host",
        _dns("other.example"),
        "Every holder of a certificate can pose as every server.",
    ),
    _case(
        "C03-BELOW",
        "for a name below the host",
        _dns("a.{host}"),
        "Who runs one host of a domain poses as the one above.",
        severity=Severity.HIGH,
        not_covered_for=_for_names,
    ),
    _case(
        "C03-BEGINS",
        "for a name that begins with the host",
        _dns("{host}.attacker.example"),
        "Anybody can have a name that begins like another, and a certificate for it.",
    ),
    _case(
        "C03-ENDS",
        "for a name that ends with the host",
        _dns("evil{host}"),
        "A comparison of the ends alone takes it for the same.",
        severity=Severity.HIGH,
        not_covered_for=_for_names,
    ),
    _case(
        "C07",
        "with the host in its common name alone",
        _names(lambda host: None, "{host}"),
        "Authorities vouch for the alternative names; the common name may hold anything.",
        severity=Severity.LOW,
        not_covered_for=_for_names,
    ),
    _case(
        "C07-BESIDE",
        "with the host in its common name, and another among the alternative names",
        _names(lambda host: x509.DNSName(_ATTACKER), "{host}"),
        "The common name counts although there are alternative names.",
        severity=Severity.MEDIUM,
    ),
    _case(
        "C07-MAIL",
        "with the host in an address of mail",
        _names(lambda host: x509.RFC822Name(f"postmaster@{host}")),
        "Names of another kind are compared with the host; whoever reads mail there gets them.",
        severity=Severity.MEDIUM,
        not_covered_for=_for_names,
    ),
    _case(
        "C07-URI",
        "with the host in a URI",
        _names(lambda host: x509.UniformResourceIdentifier(f"https://{host}/")),
        "Names of another kind are compared with the host.",
        severity=Severity.MEDIUM,
    ),
    _case(
        "C08-STAR",
        "for *",
        _dns("*"),
        "One certificate for every host that there is.",
        not_covered_for=_for_names,
    ),
    _case(
        "C08-BARE",
        "for *.host",
        _dns("*.{host}"),
        "A wildcard stands for one label, and not for none.",
        severity=Severity.LOW,
        not_covered_for=_for_names,
    ),
    _case(
        "C08-PARTIAL",
        "for a part of the first label and *",
        _dns("{initial}*{rest}"),
        "A wildcard has to be a whole label; a part of one fits hosts of others.",
        severity=Severity.LOW,
        not_covered_for=_for_names,
    ),
    _case(
        "C08-TLD",
        "for *.tld",
        _dns("*.{last}"),
        "One certificate for every domain below a top-level domain.",
        severity=Severity.MEDIUM,
        rule="RFC 9525 7.1",
        not_covered_for=_for_labels(2, 2),
    ),
    _case(
        "C08-DEEP",
        "for * above two labels of the host",
        _dns("*.{beyond}"),
        "A wildcard stands for one label, and not for two.",
        severity=Severity.MEDIUM,
        not_covered_for=_for_labels(3),
    ),
    _case(
        "C08-SECOND",
        "with * as its second label",
        _dns("{first}.*.{beyond}"),
        "A wildcard may only be the first label; as the second it stands for domains of others.",
        severity=Severity.HIGH,
        not_covered_for=_for_labels(3),
    ),
    _case(
        "C08-TWO",
        "for *.*",
        _dns("*.*.{beyond}"),
        "There may be one wildcard; two of them stand for domains of others.",
        severity=Severity.HIGH,
        not_covered_for=_for_labels(3),
    ),
    _case(
        "C08-A-LABEL",
        "for xn--*",
        _dns("xn--*{rest}"),
        "A wildcard within an A-label stands for labels that are not alike.",
        severity=Severity.LOW,
        not_covered_for=_for_a_labels,
    ),
    _case(
        "C09",
        "with NUL behind the host in an alternative name",
        _dns("{host}\0.attacker.example"),
        "A client that reads the name as C does reads no further than the NUL (CVE-2009-2408).",
        rule="RFC 5280 4.2.1.6",
    ),
    _case(
        "C09-COMMON-NAME",
        "with NUL behind the host in the common name",
        _names(lambda host: None, "{host}\0.attacker.example"),
        "A client that reads the name as C does reads no further than the NUL (CVE-2009-2408).",
        rule="RFC 5280 4.1.2.6",
    ),
    _case(
        "C10",
        "for the address at which the host is",
        _names(lambda host: x509.IPAddress(ipaddress.IPv4Address("127.0.0.1"))),
        "The client was told a name; who answers at its address is what it has to find out.",
        severity=Severity.HIGH,
        rule="RFC 9525 6.4",
        not_covered_for=_for_names,
    ),
    _case(
        "C10-DNS",
        "with the address as a DNS name",
        _names(x509.DNSName),
        "An address is compared with the names for addresses, and with no others.",
        severity=Severity.LOW,
        rule="RFC 9525 6.4",
        not_covered_for=_for_addresses,
    ),
    _case(
        "C10-COMMON-NAME",
        "with the address in its common name alone",
        _names(lambda host: None, "{host}"),
        "Authorities vouch for the alternative names; the common name may hold anything.",
        severity=Severity.LOW,
        rule="RFC 9525 6.4",
        not_covered_for=_for_addresses,
    ),
    _case(
        "C17",
        "that an authority sold to the attacker, for a domain of the attacker",
        _dns(_ATTACKER),
        "The chain is right to the last octet, and a client that looks at it alone is content "
        "(CVE-2026-46428).",
    ),
    _case(
        "C18",
        "for the host that its greeting names",
        _dns(_ATTACKER),
        "The greeting is the word of the peer; the host to compare is the one the client was told.",
        deviations=(Answer(to=CONNECT, raw=f"220 {_ATTACKER} ESMTP\r\n".encode(), then=Then.OBEY),),
    ),
)

"""Cases of certificates that no client may take: their chains, dates, purposes and strength."""

from __future__ import annotations

import ipaddress
import ssl
from collections.abc import Callable
from dataclasses import replace
from typing import Final

from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID

from postseal.audit.findings import Reference, Severity
from postseal.audit.lab.case import Case, Clock, Server
from postseal.audit.lab.catalogue.terms import IN_CLEAR, beyond_the_lab
from postseal.audit.lab.certificates import CertificateMaker, Certificates
from postseal.audit.lab.deviations import Deviation
from postseal.audit.lab.flawed_certificates import (
    ROOT,
    USAGE,
    BrokenDigest,
    Chain,
    Spec,
    authority,
    issue,
)
from postseal.audit.lab.handshakes import OpenSSL

__all__ = ["CERTIFICATES", "SAFE_WITHOUT_TRUST", "of_unknown_authority", "shown_case"]

SAFE_WITHOUT_TRUST: Final = "ends the connection before AUTH, MAIL and a message."

_VERIFY: Final = (
    "Let the client verify the certificate of the server by the authorities that it trusts."
)
_KEEP_RULES: Final = (
    "Take back what replaces or loosens the verification of the TLS library, and keep the library "
    "up to date."
)
_PATHS: Final = Reference("RFC 5280 6.1")
_LOW: Final = authority("Low")
_HIGH: Final = authority("High")
_LOW_RSA: Final = replace(_LOW, key="RSA-2048")
_HIGH_RSA: Final = replace(_HIGH, key="RSA-2048")


def _leaf(bend: Callable[[Spec], Spec], *above: Spec) -> CertificateMaker:
    """A leaf that is good but for what `bend` does to it."""
    return lambda certificates: certificates.chain(bend(certificates.spec()), *above)


def _below(*above: Spec) -> CertificateMaker:
    """A good leaf below authorities that are not."""
    return lambda certificates: certificates.chain(certificates.spec(), *above)


def _self_signed(certificates: Certificates) -> Chain:
    return Chain((issue(certificates.spec(), None),), certificates.root)


def of_unknown_authority(certificates: Certificates) -> Chain:
    """A chain that is good but for its root, which nobody trusts."""
    return certificates.chain(certificates.spec(), root=issue(authority("Other"), None))


def _namesake(certificates: Certificates) -> Chain:
    return certificates.chain(certificates.spec(), root=issue(ROOT, None, owner="impostor"))


def _with_its_root(certificates: Certificates) -> Chain:
    chain = of_unknown_authority(certificates)
    return Chain((*chain.sent, chain.trusted), certificates.root)


def _with_the_trusted_root(certificates: Certificates) -> Chain:
    return Chain((*of_unknown_authority(certificates).sent, certificates.root), certificates.root)


def _incomplete(certificates: Certificates) -> Chain:
    chain = certificates.chain(certificates.spec(), _LOW)
    return Chain(chain.sent[:1], chain.trusted)


def _constrained(*, permits: bool) -> CertificateMaker:
    """A leaf below an authority that may speak for others alone, or for all but this host."""

    def make(certificates: Certificates) -> Chain:
        subtree: x509.GeneralName
        match certificates.spec().names[0]:
            # RFC 5280 4.2.1.10: addresses stand with their mask.
            case x509.IPAddress(value=address):
                other = ipaddress.ip_network("192.0.2.0/24" if address.version == 4 else "64::/16")
                subtree = x509.IPAddress(other if permits else ipaddress.ip_network(str(address)))
            case name:
                subtree = x509.DNSName("other.example") if permits else name
        constraints = x509.NameConstraints(
            [subtree] if permits else None, None if permits else [subtree]
        )
        low = replace(_LOW, others=((constraints, True),))
        return certificates.chain(certificates.spec(), low)

    return make


def _with_strangers(certificates: Certificates) -> Chain:
    # Of one key and less than 500 octets each: 64 KiB and more of them.
    strangers = certificates.chain(*(authority("Stranger") for _ in range(160))).sent
    return Chain((*certificates.chain(certificates.spec()).sent, *strangers), certificates.root)


def _many_names(leaf: Spec) -> Spec:
    others = (x509.DNSName(f"{number:04}.x") for number in range(10_000))
    return replace(leaf, names=(*leaf.names, *others))


_UNKNOWN_EXTENSION: Final = x509.UnrecognizedExtension(
    x509.ObjectIdentifier("1.3.6.1.4.1.32473.1"), b"\5\0"
)
# Its object identifier differs from that of key usage in the last octet alone, and is made equal.
_SECOND_USAGE: Final = x509.UnrecognizedExtension(
    x509.ObjectIdentifier("2.5.29.90"), bytes.fromhex("03020780")
)
_TWICE: Final = {bytes.fromhex("0603551d5a"): bytes.fromhex("0603551d0f")}
_VERSION_1: Final = replace(
    _LOW,
    constraints=None,
    usage=None,
    subject_key_identifier=False,
    authority_key_identifier=False,
    # RFC 5280 4.1.2.1: v3 is written as 2, v1 as 0.
    patch={bytes.fromhex("a003020102"): bytes.fromhex("a003020100")},
)
_MUST_STAPLE: Final = x509.TLSFeature([x509.TLSFeatureType.status_request])
_FOR_CLIENTS: Final = (ExtendedKeyUsageOID.CLIENT_AUTH,)
_FOR_MAIL: Final = (ExtendedKeyUsageOID.EMAIL_PROTECTION,)


def _take_weak_keys(context: ssl.SSLContext) -> None:
    context.set_ciphers("DEFAULT:@SECLEVEL=0")


def shown_case(
    id_: str,
    shows: str,
    certificate: CertificateMaker,
    story: str,
    *,
    severity: Severity = Severity.CRITICAL,
    remedy: str = _KEEP_RULES,
    references: tuple[Reference, ...] = (_PATHS,),
    shape: Callable[[ssl.SSLContext], None] | None = None,
    deviations: tuple[Deviation, ...] = (),
    cwe: tuple[int, ...] = (295,),
) -> Case:
    """A server that shows a certificate which no client may take."""
    return Case(
        id=id_,
        title=f"The server shows {shows}",
        story=story,
        hostile=f"showed {shows}",
        safe=SAFE_WITHOUT_TRUST,
        severity=severity,
        remedy=remedy,
        servers=(Server(handshake=OpenSSL(certificate, shape), deviations=deviations),),
        channel_is_sound=False,
        allowed_opportunistic=IN_CLEAR,
        references=references,
        cwe=cwe,
    )


def _long(id_: str, shows: str, certificate: CertificateMaker) -> Case:
    return Case(
        id=id_,
        title=f"The server shows {shows}",
        story="The certificate is good, and so long that reading it may cost without measure.",
        hostile=f"showed {shows}",
        safe="delivers the message, or ends the connection with an error.",
        severity=Severity.MEDIUM,
        remedy="Give the client a deadline for the handshake and a limit for certificates.",
        servers=(Server(handshake=OpenSSL(certificate)),),
        clock=Clock.PATIENT,
        references=(Reference("RFC 8446 4.4.2"),),
        cwe=(400,),
    )


CERTIFICATES: Final = (
    shown_case(
        "C01",
        "a certificate signed by itself",
        _self_signed,
        "Anybody can write a certificate for any host, if nobody has to sign it.",
        remedy=_VERIFY,
    ),
    shown_case(
        "C02",
        "a certificate of an unknown authority",
        of_unknown_authority,
        "Anybody can be an authority, and be trusted by nobody.",
        remedy=_VERIFY,
    ),
    shown_case(
        "C02-NAMESAKE",
        "a certificate of an authority that only has the name of a trusted one",
        _namesake,
        "Names of authorities are no secret; their keys are.",
    ),
    shown_case(
        "C02-SENT",
        "a certificate of an unknown authority, which it sends along",
        _with_its_root,
        "What the peer sends helps to find a path; it is no reason to trust where the path ends.",
    ),
    shown_case(
        "C02-BESIDE",
        "a certificate of an unknown authority, and a trusted one that has no part in it",
        _with_the_trusted_root,
        "A client that looks for a trusted certificate anywhere in the chain finds one.",
    ),
    shown_case(
        "C02-FORGED",
        "a certificate whose signature is wrong",
        _leaf(lambda leaf: replace(leaf, forged=True)),
        "The name of the authority is right, and its key did not sign.",
    ),
    shown_case(
        "C04",
        "a certificate that has expired",
        _leaf(lambda leaf: replace(leaf, days=(-9, -1))),
        "Whose key was lost or sold a while ago may still use it.",
        severity=Severity.HIGH,
        references=(Reference("RFC 5280 4.1.2.5"),),
        cwe=(298,),
    ),
    shown_case(
        "C04-INTERMEDIATE",
        "a certificate of an authority that has expired",
        _below(replace(_LOW, days=(-9, -1))),
        "An authority is given up, and its key with it.",
        severity=Severity.HIGH,
        references=(Reference("RFC 5280 4.1.2.5"),),
        cwe=(298,),
    ),
    shown_case(
        "C05",
        "a certificate that is not yet valid",
        _leaf(lambda leaf: replace(leaf, days=(1, 9))),
        "The dates are not looked at, or only one of them.",
        severity=Severity.MEDIUM,
        references=(Reference("RFC 5280 4.1.2.5"),),
    ),
    shown_case(
        "C06-MUST-STAPLE",
        "a certificate that demands a stapled OCSP response, without one",
        _leaf(lambda leaf: replace(leaf, others=((_MUST_STAPLE, False),))),
        "A revoked certificate is used where nobody asks for its state. Nearly no client of mail "
        "looks at this, and its authors give OCSP up: a note, no more.",
        severity=Severity.INFO,
        remedy="Keep certificates short-lived; revocation reaches nearly no client of mail.",
        references=(Reference("RFC 7633"),),
        cwe=(299,),
    ),
    beyond_the_lab(
        "C06-REVOKED",
        "The server shows a certificate that was revoked",
        "A key was lost, its certificate revoked, and nobody asks.",
        "asks, and ends the connection; nearly none does.",
        "The client would have to ask a responder or fetch a list from a web server; the lab has "
        "neither, and clients of mail hardly ever ask.",
        "RFC 5280 6.3",
        "RFC 6960",
    ),
    shown_case(
        "C11-PERMITTED",
        "a certificate of an authority that may only speak for other names",
        _constrained(permits=True),
        "An authority of one company issues certificates for the hosts of all others.",
        severity=Severity.HIGH,
        references=(Reference("RFC 5280 4.2.1.10"),),
    ),
    shown_case(
        "C11-EXCLUDED",
        "a certificate of an authority that must not speak for this name",
        _constrained(permits=False),
        "An authority issues certificates for a host that it was forbidden.",
        severity=Severity.HIGH,
        references=(Reference("RFC 5280 4.2.1.10"),),
    ),
    shown_case(
        "C12",
        "a certificate that another server has issued",
        _below(Spec(subject="Low")),
        "Whoever has a certificate for any host makes one for this host with it.",
        references=(Reference("RFC 5280 4.2.1.9"),),
    ),
    shown_case(
        "C12-UNSAID",
        "a certificate of one that is not said to be an authority",
        _below(replace(_LOW, constraints=None)),
        "Without basic constraints nobody is an authority, whatever its key is for.",
        references=(Reference("RFC 5280 6.1.4"),),
    ),
    shown_case(
        "C12-USAGE",
        "a certificate of an authority whose key must not sign certificates",
        _below(replace(_LOW, usage=USAGE)),
        "The key was given out for something else, and is kept with less care.",
        severity=Severity.HIGH,
        references=(Reference("RFC 5280 4.2.1.3"),),
    ),
    shown_case(
        "C12-LENGTH",
        "a certificate on a longer path than an authority allows",
        _below(_LOW, replace(_HIGH, constraints=(True, 0))),
        "An authority that may issue for servers alone makes further authorities.",
        severity=Severity.HIGH,
        references=(Reference("RFC 5280 4.2.1.9"),),
    ),
    shown_case(
        "C13-CLIENT",
        "a certificate for clients",
        _leaf(lambda leaf: replace(leaf, purposes=_FOR_CLIENTS)),
        "Somebody with a certificate for a device or a person poses as a server.",
        severity=Severity.MEDIUM,
        references=(Reference("RFC 5280 4.2.1.12"),),
    ),
    shown_case(
        "C13-MAIL",
        "a certificate for the protection of mail",
        _leaf(lambda leaf: replace(leaf, purposes=_FOR_MAIL)),
        "Somebody with a certificate for S/MIME poses as a server.",
        severity=Severity.MEDIUM,
        references=(Reference("RFC 5280 4.2.1.12"),),
    ),
    shown_case(
        "C13-INTERMEDIATE",
        "a certificate of an authority that is for clients alone",
        _below(replace(_LOW, purposes=_FOR_CLIENTS)),
        "An authority for devices issues certificates for servers.",
        severity=Severity.MEDIUM,
        references=(Reference("RFC 5280 4.2.1.12"),),
    ),
    shown_case(
        "C14-SHA1",
        "a certificate signed with SHA-1",
        _leaf(lambda leaf: replace(leaf, broken=BrokenDigest.SHA1), _LOW_RSA),
        "Whoever can afford a collision moves a signature to another certificate.",
        severity=Severity.MEDIUM,
        references=(Reference("RFC 9325 4.5"),),
        shape=_take_weak_keys,
        cwe=(327,),
    ),
    shown_case(
        "C14-SHA1-INTERMEDIATE",
        "a certificate of an authority whose own is signed with SHA-1",
        _below(replace(_LOW, broken=BrokenDigest.SHA1), _HIGH_RSA),
        "A collision makes its finder an authority.",
        severity=Severity.MEDIUM,
        references=(Reference("RFC 9325 4.5"),),
        shape=_take_weak_keys,
        cwe=(327,),
    ),
    shown_case(
        "C14-MD5",
        "a certificate signed with MD5",
        _leaf(lambda leaf: replace(leaf, broken=BrokenDigest.MD5), _LOW_RSA),
        "Collisions of MD5 made a rogue authority in 2008, and cost nothing any more.",
        severity=Severity.HIGH,
        references=(Reference("RFC 9325 4.5"), Reference("RFC 6151")),
        shape=_take_weak_keys,
        cwe=(327,),
    ),
    shown_case(
        "C14-RSA-1024",
        "a certificate with an RSA key of 1024 bits",
        _leaf(lambda leaf: replace(leaf, key="RSA-1024")),
        "Keys of this size are within the reach of those with much money.",
        severity=Severity.MEDIUM,
        references=(Reference("RFC 9325 4.5"),),
        shape=_take_weak_keys,
        cwe=(326,),
    ),
    beyond_the_lab(
        "C14-RSA-512",
        "The server shows a certificate with an RSA key of 512 bits",
        "Keys of this size are factored in hours.",
        SAFE_WITHOUT_TRUST,
        "The library that makes the certificates makes no such key; see C14-RSA-1024.",
        "RFC 9325 4.5",
    ),
    shown_case(
        "C15-VERSION-1",
        "a certificate of one whose own is of version 1",
        _below(_VERSION_1),
        "Version 1 cannot say who is an authority, so that everybody would be one.",
        references=(Reference("RFC 5280 6.1.4"),),
    ),
    shown_case(
        "C15-CRITICAL",
        "a certificate with a critical extension that nobody knows",
        _leaf(lambda leaf: replace(leaf, others=((_UNKNOWN_EXTENSION, True),))),
        "What limits the use of a certificate is passed over because it is not understood.",
        severity=Severity.LOW,
        references=(Reference("RFC 5280 4.2"),),
    ),
    shown_case(
        "C15-TWICE",
        "a certificate of an authority whose own has one extension twice",
        _below(replace(_LOW, others=((_SECOND_USAGE, True),), patch=_TWICE)),
        "Authority and client read different ones, and so different certificates.",
        severity=Severity.LOW,
        references=(Reference("RFC 5280 4.2"),),
    ),
    shown_case(
        "C16",
        "a certificate without the one that links it to the root",
        _incomplete,
        "To fill the gap a client fetches what the certificate names, or looks no further.",
        severity=Severity.LOW,
        references=(Reference("RFC 8446 4.4.2"),),
    ),
    _long(
        "C19-NAMES",
        "a certificate with 10 001 names",
        _leaf(_many_names),
    ),
    _long(
        "C19-CHAIN",
        "a chain of more than 64 KiB",
        _with_strangers,
    ),
    beyond_the_lab(
        "C20",
        "TLSA records that the certificate does not match, or that are bogus",
        "The server of a domain with DANE is replaced by another.",
        "defers the message (RFC 7672 2.2).",
        "DANE is for relays, which ask the DNS for it; a command is told its server.",
        "RFC 7672",
    ),
    beyond_the_lab(
        "C21",
        "An MTA-STS policy that the server does not meet",
        "The server of a domain with MTA-STS is replaced by another.",
        "tries the next host, and defers the message (RFC 8461 5).",
        "MTA-STS is for relays, which fetch the policy of a domain; a command is told its server.",
        "RFC 8461",
    ),
)

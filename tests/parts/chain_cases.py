"""Chains of certificates, with what RFC 5280 and RFC 9325 say about each."""

from __future__ import annotations

from dataclasses import replace

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.x509.oid import ExtendedKeyUsageOID

from postseal.audit.lab.flawed_certificates import (
    AUTHORITY_USAGE,
    ROOT,
    USAGE,
    BrokenDigest,
    Chain,
    Spec,
    authority,
    issue,
)
from postseal.errors import CertificateReason
from tests.parts.certificate_case import Case, chain_of

MALFORMED = CertificateReason.MALFORMED
UNISSUED = CertificateReason.NOT_AN_AUTHORITY
_WIDE = "it reads neither of two extensions it does not know"

LOW = authority("Low")
HIGH = authority("High")
RSA_ROOT = authority("RSA root", key="RSA-2048")
LEAF = Spec()


def chained(
    title: str,
    rule: str,
    *specs: Spec,
    expected: CertificateReason | None = None,
    root: Spec = ROOT,
    openssl: str = "",
) -> Case:
    return Case(title, rule, expected, lambda: chain_of(*specs, root=root), openssl=openssl)


def missing_intermediate() -> Chain:
    chain = chain_of(LEAF, LOW)
    return Chain(chain.sent[:1], chain.trusted)


def unknown_root() -> Chain:
    return Chain(chain_of(LEAF, root=authority("Other")).sent, issue(ROOT, None))


def root_sent_along() -> Chain:
    other = issue(authority("Other"), None)
    return Chain((issue(LEAF, other), other), issue(ROOT, None))


def self_signed() -> Chain:
    return Chain((issue(LEAF, None),), issue(ROOT, None))


def namesake_of_the_root() -> Chain:
    impostor = issue(ROOT, None, owner="impostor")
    return Chain((issue(LEAF, impostor),), issue(ROOT, None))


def intermediate_trusted() -> Chain:
    chain = chain_of(LEAF, LOW)
    return Chain(chain.sent[:1], chain.sent[1])


def leaf_trusted() -> Chain:
    chain = chain_of(LEAF)
    return Chain(chain.sent, chain.sent[0])


def with_strangers() -> Chain:
    chain = chain_of(LEAF, LOW)
    strangers = chain_of(authority("Third"), authority("Fourth")).sent
    return Chain((*chain.sent, *strangers), chain.trusted)


def out_of_order() -> Chain:
    chain = chain_of(LEAF, LOW, HIGH)
    leaf, low, high = chain.sent
    return Chain((leaf, high, low), chain.trusted)


def steps(count: int) -> list[Spec]:
    return [authority(f"Step {number}") for number in range(count)]


def permitted(*names: str) -> x509.NameConstraints:
    return x509.NameConstraints([x509.DNSName(name) for name in names], None)


def excluded(*names: str) -> x509.NameConstraints:
    return x509.NameConstraints(None, [x509.DNSName(name) for name in names])


def constrained(constraints: x509.NameConstraints) -> Spec:
    return replace(LOW, others=((constraints, True),))


UNKNOWN_EXTENSION = x509.UnrecognizedExtension(
    x509.ObjectIdentifier("1.3.6.1.4.1.32473.1"), b"\5\0"
)
OTHER_EXTENSION = x509.UnrecognizedExtension(x509.ObjectIdentifier("1.3.6.1.4.1.32473.2"), b"\5\0")
# The object identifiers as they are encoded: they differ in their last octet.
TWICE = {bytes.fromhex("06092b0601040181fd5902"): bytes.fromhex("06092b0601040181fd5901")}

CHAINS = [
    chained("from the root itself", "5280 6.1", LEAF),
    chained("over an intermediate", "5280 6.1", LEAF, LOW),
    chained("over two intermediates", "5280 6.1", LEAF, LOW, HIGH),
    Case("in another order", "8446 4.4.2", None, out_of_order),
    Case("with certificates of strangers", "8446 4.4.2", None, with_strangers),
    Case("an intermediate that is trusted itself", "5280 6.1.1", None, intermediate_trusted),
    Case("a leaf that is trusted itself", "5280 6.1.1", None, leaf_trusted),
    Case(
        "an intermediate is missing",
        "5280 6.1",
        CertificateReason.UNKNOWN_ISSUER,
        missing_intermediate,
    ),
    Case("an unknown root", "5280 6.1", CertificateReason.UNKNOWN_ISSUER, unknown_root),
    Case(
        "an unknown root that is sent along",
        "5280 6.1",
        CertificateReason.UNKNOWN_ISSUER,
        root_sent_along,
    ),
    Case("signed by itself", "5280 6.1", CertificateReason.SELF_SIGNED, self_signed),
    Case(
        "a namesake of the root",
        "5280 6.1.3",
        CertificateReason.UNKNOWN_ISSUER,
        namesake_of_the_root,
    ),
    chained(
        "a forged signature",
        "5280 6.1.3",
        replace(LEAF, forged=True),
        expected=CertificateReason.BAD_SIGNATURE,
    ),
    chained(
        "a forged intermediate",
        "5280 6.1.3",
        LEAF,
        replace(LOW, forged=True),
        expected=CertificateReason.BAD_SIGNATURE,
    ),
    chained(
        "expired", "5280 4.1.2.5", replace(LEAF, days=(-9, -1)), expected=CertificateReason.EXPIRED
    ),
    chained(
        "not yet valid",
        "5280 4.1.2.5",
        replace(LEAF, days=(1, 9)),
        expected=CertificateReason.NOT_YET_VALID,
    ),
    chained(
        "an expired intermediate",
        "5280 6.1.3",
        LEAF,
        replace(LOW, days=(-9, -1)),
        expected=CertificateReason.EXPIRED,
    ),
    chained(
        "an intermediate of the future",
        "5280 6.1.3",
        LEAF,
        replace(LOW, days=(1, 9)),
        expected=CertificateReason.NOT_YET_VALID,
    ),
    # RFC 5280 6.1 leaves the dates of the trust anchor to local policy; OpenSSL's is to look.
    chained(
        "an expired root",
        "5280 6.1",
        LEAF,
        root=replace(ROOT, days=(-9, -1)),
        expected=CertificateReason.EXPIRED,
    ),
    chained("issued by a server", "5280 4.2.1.9", LEAF, Spec(subject="Low"), expected=UNISSUED),
    chained(
        "issued by who says nothing about it",
        "5280 6.1.4",
        LEAF,
        replace(LOW, constraints=None),
        expected=UNISSUED,
    ),
    chained(
        "issued by a key that may not",
        "5280 4.2.1.3",
        LEAF,
        replace(LOW, usage=USAGE),
        expected=UNISSUED,
    ),
    chained(
        "a path too long for an authority",
        "5280 4.2.1.9",
        LEAF,
        LOW,
        replace(HIGH, constraints=(True, 0)),
        expected=UNISSUED,
    ),
    chained(
        "a path just short enough", "5280 4.2.1.9", LEAF, LOW, replace(HIGH, constraints=(True, 1))
    ),
    chained(
        "a path too long for the root",
        "5280 4.2.1.9",
        LEAF,
        LOW,
        root=replace(ROOT, constraints=(True, 0)),
        expected=UNISSUED,
    ),
    chained("nine intermediates", "5280 6.1", LEAF, *steps(9)),
    chained(
        "ten intermediates",
        "our measure",
        LEAF,
        *steps(10),
        expected=CertificateReason.CHAIN_TOO_LONG,
        openssl="it follows a hundred",
    ),
    chained(
        "sixty intermediates",
        "our measure",
        LEAF,
        *steps(60),
        expected=CertificateReason.CHAIN_TOO_LONG,
        openssl="it follows a hundred",
    ),
    chained("no purpose", "5280 4.2.1.12", replace(LEAF, purposes=())),
    chained(
        "servers among its purposes",
        "5280 4.2.1.12",
        replace(LEAF, purposes=(ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.SERVER_AUTH)),
    ),
    chained(
        "for clients",
        "5280 4.2.1.12",
        replace(LEAF, purposes=(ExtendedKeyUsageOID.CLIENT_AUTH,)),
        expected=CertificateReason.WRONG_PURPOSE,
    ),
    # "Applications that require the presence of a particular purpose MAY reject" this.
    chained(
        "for any purpose",
        "5280 4.2.1.12",
        replace(LEAF, purposes=(ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE,)),
        expected=CertificateReason.WRONG_PURPOSE,
    ),
    chained(
        "an intermediate for clients",
        "5280 4.2.1.12",
        LEAF,
        replace(LOW, purposes=(ExtendedKeyUsageOID.CLIENT_AUTH,)),
        expected=CertificateReason.WRONG_PURPOSE,
    ),
    chained("a key without usage", "5280 4.2.1.3", replace(LEAF, usage=None)),
    chained("a key of RSA with 2048 bits", "9325 4.5", replace(LEAF, key="RSA-2048")),
    chained(
        "a key of RSA with 1024 bits",
        "9325 4.5",
        replace(LEAF, key="RSA-1024"),
        expected=CertificateReason.WEAK_KEY,
    ),
    chained(
        "an intermediate with 1024 bits",
        "9325 4.5",
        LEAF,
        replace(LOW, key="RSA-1024"),
        expected=CertificateReason.WEAK_KEY,
    ),
    chained("a key on P-384", "9325 4.5", replace(LEAF, key="P-384")),
    chained("a key on Ed25519", "8446 4.2.3", replace(LEAF, key="Ed25519")),
    chained("signed with SHA-384", "9325 4.5", replace(LEAF, digest=hashes.SHA384())),
    chained(
        "signed with SHA-1",
        "9325 4.5",
        replace(LEAF, broken=BrokenDigest.SHA1),
        root=RSA_ROOT,
        expected=CertificateReason.WEAK_SIGNATURE,
    ),
    chained(
        "an intermediate signed with SHA-1",
        "9325 4.5",
        LEAF,
        replace(LOW, broken=BrokenDigest.SHA1),
        root=RSA_ROOT,
        expected=CertificateReason.WEAK_SIGNATURE,
    ),
    chained(
        "no authority key identifier",
        "5280 4.2.1.1",
        replace(LEAF, authority_key_identifier=False),
        expected=MALFORMED,
    ),
    chained(
        "an intermediate without subject key identifier",
        "5280 4.2.1.2",
        LEAF,
        replace(LOW, subject_key_identifier=False),
        expected=MALFORMED,
    ),
    chained(
        "an intermediate without key usage",
        "5280 4.2.1.3",
        LEAF,
        replace(LOW, usage=None),
        expected=MALFORMED,
    ),
    chained(
        "an intermediate whose constraints are not critical",
        "5280 4.2.1.9",
        LEAF,
        replace(LOW, constraints_critical=False),
        expected=MALFORMED,
    ),
    chained(
        "a server whose key may sign certificates",
        "5280 4.2.1.3",
        replace(LEAF, usage=AUTHORITY_USAGE, purposes=()),
        expected=MALFORMED,
    ),
    chained(
        "an unknown extension", "5280 4.2", replace(LEAF, others=((UNKNOWN_EXTENSION, False),))
    ),
    chained(
        "an unknown extension that is critical",
        "5280 4.2",
        replace(LEAF, others=((UNKNOWN_EXTENSION, True),)),
        expected=MALFORMED,
    ),
    chained(
        "an extension twice",
        "5280 4.2",
        replace(LEAF, others=((UNKNOWN_EXTENSION, False), (OTHER_EXTENSION, False)), patch=TWICE),
        expected=MALFORMED,
        openssl=_WIDE,
    ),
    chained(
        "a name its issuer may vouch for",
        "5280 4.2.1.10",
        LEAF,
        constrained(permitted("example.org")),
    ),
    chained(
        "a name its issuer may not vouch for",
        "5280 4.2.1.10",
        LEAF,
        constrained(permitted("example.com")),
        expected=CertificateReason.NAME_NOT_PERMITTED,
    ),
    chained(
        "a name its issuer must not vouch for",
        "5280 4.2.1.10",
        LEAF,
        constrained(excluded("example.org")),
        expected=CertificateReason.NAME_NOT_PERMITTED,
    ),
    chained(
        "another name is excluded", "5280 4.2.1.10", LEAF, constrained(excluded("example.com"))
    ),
]

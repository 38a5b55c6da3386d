"""DANE-TA: the path from a server's certificate to a trust anchor that the DNS names.

The path is built and checked by `cryptography` (RFC 5280 6); this module says which anchors there
are (RFC 7671 5.2), what is asked of the certificates, and why a path was refused.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterator, Sequence
from typing import Final

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID
from cryptography.x509.verification import (
    Criticality,
    ExtensionPolicy,
    Policy,
    PolicyBuilder,
    Store,
    VerificationError,
)

from postseal.errors import CertificateReason
from postseal.tls.certificates import read_certificate
from postseal.tls.dane import rejection
from postseal.tls.names import is_presented
from postseal.tls.readable import UNREADABLE, check_readable
from postseal.tls.tlsa import TLSA, MatchingType, Selector

__all__ = ["verify_path"]

_DAY: Final = datetime.timedelta(days=1)


def verify_path(
    records: Sequence[TLSA], chain: Sequence[bytes], names: Sequence[str], *, now: float
) -> tuple[TLSA, str]:
    """Find the DANE-TA record whose anchor vouches for the chain, and the name it vouches for.

    All of the path must be valid at `now` (seconds since the epoch), allowed for TLS servers, and
    its end must hold one of `names`. Raises `CertificateRejected`.
    """
    leaf = _load(chain[0])
    if leaf is None:
        raise rejection(chain, CertificateReason.MALFORMED, "the certificate cannot be read")
    above = [found for der in chain[1:] if der != chain[0] and (found := _load(der)) is not None]
    # A certificate that signs for others is not the server's own, even if a record names that.
    anchors = {
        anchor: record
        for record in records
        for anchor in _anchors(record, [leaf, *above], now)
        if anchor != leaf
    }
    if not anchors:
        shown = ", ".join(map(str, records))
        raise rejection(
            chain,
            CertificateReason.NO_TLSA_MATCH,
            f"the server's chain has none of the anchors that the DNS names ({shown})",
        )
    presented = read_certificate(chain[0]).names
    name = next((name for name in names if is_presented(name, presented)), None)
    if name is None:
        shown = ", ".join(presented.as_texts()[:5]) or "no name at all"
        raise rejection(
            chain,
            CertificateReason.WRONG_NAME,
            f"the certificate is for {shown}, not for {' or '.join(names)}",
        )
    moment = datetime.datetime.fromtimestamp(now, tz=datetime.UTC)
    try:
        path = (
            PolicyBuilder()
            .store(Store(list(anchors)))
            .time(moment)
            .extension_policies(ca_policy=_AUTHORITIES, ee_policy=_SERVERS)
            .build_server_verifier(x509.DNSName(name))
            .verify(leaf, above)
        )
    except (VerificationError, ValueError, UnsupportedAlgorithm) as error:
        raise rejection(
            chain,
            _reason(leaf, moment),
            f"the certificate does not lead to an anchor that the DNS names: {error}",
        ) from None
    return anchors[path[-1]], name


def _anchors(
    record: TLSA, chain: Sequence[x509.Certificate], now: float
) -> Iterator[x509.Certificate]:
    """Give the anchors that a record stands for: those in the chain, and what it holds itself."""
    for certificate in chain:
        if record.matches(certificate.public_bytes(serialization.Encoding.DER)):
            yield certificate
    if record.matching_type != MatchingType.FULL:
        return
    if record.selector == Selector.CERT:
        if (held := _load(record.data)) is not None:
            yield held
        return
    try:
        key = serialization.load_der_public_key(record.data)
    except (ValueError, UnsupportedAlgorithm):
        return
    if not isinstance(key, rsa.RSAPublicKey | ec.EllipticCurvePublicKey):
        return
    for issuer in {certificate.issuer for certificate in chain}:
        if (anchor := _bare_anchor(issuer, key, now)) is not None:
            yield anchor


def _bare_anchor(
    issuer: x509.Name, key: rsa.RSAPublicKey | ec.EllipticCurvePublicKey, now: float
) -> x509.Certificate | None:
    """Write a key from the DNS as the certificate that an anchor has to be here.

    An anchor is a name and a key (RFC 5280 6.1.1 d), and nobody checks its signature: it is that
    of a key thrown away at once.
    """
    moment = datetime.datetime.fromtimestamp(int(now), tz=datetime.UTC)
    try:
        return (
            x509.CertificateBuilder()
            .subject_name(issuer)
            .issuer_name(issuer)
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(moment - _DAY)
            .not_valid_after(moment + _DAY)
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .sign(ec.generate_private_key(ec.SECP256R1()), hashes.SHA256())
        )
    except ValueError:
        return None


def _reason(leaf: x509.Certificate, moment: datetime.datetime) -> CertificateReason:
    if moment > leaf.not_valid_after_utc:
        return CertificateReason.EXPIRED
    if moment < leaf.not_valid_before_utc:
        return CertificateReason.NOT_YET_VALID
    try:
        purposes = leaf.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except x509.ExtensionNotFound:
        return CertificateReason.UNKNOWN_ISSUER
    allowed = {ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE}
    if allowed.isdisjoint(purposes):
        return CertificateReason.WRONG_PURPOSE
    return CertificateReason.UNKNOWN_ISSUER


def _load(der: bytes) -> x509.Certificate | None:
    try:
        certificate = x509.load_der_x509_certificate(der)
        check_readable(certificate)
        certificate.public_key()
    except UNREADABLE:
        return None
    return certificate


def _may_sign(_: Policy, __: x509.Certificate, usage: x509.KeyUsage | None) -> None:
    if usage is not None and not usage.key_cert_sign:
        raise ValueError("the key of an issuer may not sign certificates")


# RFC 5280 6.1 without what the browsers' authorities ask beyond it: who runs a private authority
# owes nobody key identifiers. Constraints, purposes, path lengths and unknown critical extensions
# are checked by the defaults.
_AUTHORITIES: Final = (
    ExtensionPolicy.webpki_defaults_ca()
    .require_present(x509.BasicConstraints, Criticality.AGNOSTIC, None)
    .may_be_present(x509.KeyUsage, Criticality.AGNOSTIC, _may_sign)
    .may_be_present(x509.AuthorityKeyIdentifier, Criticality.AGNOSTIC, None)
    .may_be_present(x509.SubjectKeyIdentifier, Criticality.AGNOSTIC, None)
)
_SERVERS: Final = (
    ExtensionPolicy.webpki_defaults_ee()
    .require_present(x509.SubjectAlternativeName, Criticality.AGNOSTIC, None)
    .may_be_present(x509.BasicConstraints, Criticality.AGNOSTIC, None)
    .may_be_present(x509.KeyUsage, Criticality.AGNOSTIC, None)
    .may_be_present(x509.AuthorityKeyIdentifier, Criticality.AGNOSTIC, None)
)

"""Whether a trust anchor vouches for a certificate, and still does (RFC 5280 6, RFC 8550 4)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from typing import TYPE_CHECKING, Final

from postseal.mail.seal_status import SignatureStatus
from postseal.mail.smime.certificates import is_for_mail
from postseal.mail.smime.refusal import Refusal

if TYPE_CHECKING:
    from cryptography import x509
    from cryptography.x509.verification import ExtensionPolicy, Policy

__all__ = ["TrustSource", "check_trust"]

_MAX_CHAIN: Final = 8


@dataclass(frozen=True, slots=True)
class TrustSource:
    """What a verifier goes by: whom it trusts, what else it has, and the moment that counts.

    `certificates` may stand between; `revocations` are lists of what authorities took back.
    """

    anchors: tuple[x509.Certificate, ...]
    certificates: tuple[x509.Certificate, ...]
    revocations: tuple[x509.CertificateRevocationList, ...]
    at: datetime


def check_trust(
    certificate: x509.Certificate, others: Sequence[x509.Certificate], source: TrustSource
) -> None:
    """Check that an anchor vouches for a certificate; `others` came with it. Raises `Refusal`.

    A certificate that is an anchor itself needs no other. Else the path is the package
    `cryptography`'s to find: signatures, times, authorities, lengths and constraints of names
    are checked by it, and keys and hashes have to be as strong as on the web.
    """
    from cryptography.x509.verification import PolicyBuilder, Store, VerificationError

    if certificate in source.anchors:
        return
    if not source.anchors:
        raise Refusal(SignatureStatus.UNTRUSTED, "no trust anchor was given")
    authority, person = _policies()
    verifier = (
        PolicyBuilder()
        .store(Store(list(source.anchors)))
        .time(source.at)
        .max_chain_depth(_MAX_CHAIN)
        .extension_policies(ca_policy=authority, ee_policy=person)
        .build_client_verifier()
    )
    try:
        chain = verifier.verify(certificate, [*others, *source.certificates]).chain
    except VerificationError as error:
        raise Refusal(
            SignatureStatus.UNTRUSTED, f"no trust anchor vouches for the certificate: {error}"
        ) from None
    for below, above in pairwise(chain):
        if any(_revokes(each, below, above, source.at) for each in source.revocations):
            raise Refusal(
                SignatureStatus.REVOKED,
                f"the certificate of {below.subject.rfc4514_string()} was revoked",
            )


def _revokes(
    revocations: x509.CertificateRevocationList,
    certificate: x509.Certificate,
    issuer: x509.Certificate,
    at: datetime,
) -> bool:
    """Tell whether the issuer's list names a certificate (RFC 5280 6.3)."""
    found = revocations.get_revoked_certificate_by_serial_number(certificate.serial_number)
    return (
        found is not None
        and revocations.issuer == issuer.subject
        and revocations.last_update_utc <= at
        and revocations.is_signature_valid(issuer.public_key())  # type: ignore[arg-type] # it signed a certificate
    )


def _policies() -> tuple[ExtensionPolicy, ExtensionPolicy]:
    from cryptography import x509
    from cryptography.x509.verification import Criticality, ExtensionPolicy

    authority = (
        ExtensionPolicy.permit_all()
        .require_present(x509.BasicConstraints, Criticality.AGNOSTIC, _check_authority)
        .may_be_present(x509.KeyUsage, Criticality.AGNOSTIC, _check_key_usage)
        .may_be_present(x509.ExtendedKeyUsage, Criticality.AGNOSTIC, _check_extended_usage)
    )
    # What the person's own certificate may be used for is looked at elsewhere.
    return authority, ExtensionPolicy.permit_all()


def _check_authority(_: Policy, __: x509.Certificate, constraints: x509.BasicConstraints) -> None:
    if not constraints.ca:
        raise ValueError("the certificate of an issuer is not that of an authority")


def _check_key_usage(_: Policy, __: x509.Certificate, usage: x509.KeyUsage | None) -> None:
    if usage is not None and not usage.key_cert_sign:
        raise ValueError("the key of an issuer is not for signing certificates")


def _check_extended_usage(
    _: Policy, __: x509.Certificate, usage: x509.ExtendedKeyUsage | None
) -> None:
    if usage is not None and not is_for_mail(usage):
        raise ValueError("the certificate of an issuer is not for mail")

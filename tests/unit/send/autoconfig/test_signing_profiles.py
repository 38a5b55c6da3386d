"""What no profile is signed by, and what a signature encloses."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization.pkcs7 import load_der_pkcs7_certificates
from cryptography.x509.oid import ExtendedKeyUsageOID as Usage

from postseal.errors import InvalidInput
from postseal.mail.smime import Identity
from postseal.send.autoconfig import sign_apple_profile
from tests.parts.smime_people import (
    ADA,
    EXPIRED,
    NOW,
    VALID,
    identity,
    issued,
    issuer,
    middle,
    person,
    root,
    usage,
)

PROFILE = b"<plist/>\r\n\x00"


def with_purposes(*purposes: x509.ObjectIdentifier) -> Identity:
    return identity(issued(ADA, purposes=x509.ExtendedKeyUsage(purposes)))


def with_an_expired_issuer() -> Identity:
    old = issuer("Old Issuer", root(), dates=EXPIRED)
    found = issued(ADA, by=old)
    return Identity(found.key, found.certificate, chain=(old.certificate,))


UNFIT: dict[str, tuple[Callable[[], Identity], str]] = {
    "expired": (lambda: identity(issued(ADA, dates=EXPIRED)), "expired at"),
    "not yet valid": (
        lambda: identity(issued(ADA, dates=(VALID[1], VALID[1] + (VALID[1] - VALID[0])))),
        "not valid before",
    ),
    "an expired issuer": (with_an_expired_issuer, "Old Issuer: the certificate expired"),
    "a key for encryption": (
        lambda: identity(issued(ADA, key_usage=usage("key_encipherment", "key_agreement"))),
        "its key usage is not for signatures",
    ),
    "an authority": (
        lambda: Identity(middle().key, middle().certificate),
        "its key usage is not for signatures",
    ),
    "a client": (lambda: with_purposes(Usage.CLIENT_AUTH), "extended key usage has none of"),
    "a time stamp": (
        lambda: with_purposes(Usage.TIME_STAMPING, Usage.OCSP_SIGNING),
        "extended key usage has none of",
    ),
    "Ed25519": (lambda: person(ADA, "Ed25519"), "devices know RSA and ECDSA"),
}


@pytest.mark.parametrize(("unfit", "told"), UNFIT.values(), ids=UNFIT)
def test_an_unfit_certificate_signs_nothing(unfit: Callable[[], Identity], told: str) -> None:
    with pytest.raises(InvalidInput, match=told) as refused:
        sign_apple_profile(PROFILE, unfit())
    assert refused.value.text.startswith("no profile can be signed by CN=")
    assert refused.value.hint


@pytest.mark.parametrize(
    "fit",
    [
        lambda: identity(issued(ADA, purposes=None, key_usage=None)),
        lambda: identity(issued(ADA, key_usage=usage("content_commitment"))),
        lambda: with_purposes(Usage.CLIENT_AUTH, Usage.SERVER_AUTH),
        lambda: with_purposes(x509.ObjectIdentifier("1.2.840.113635.100.4.16")),
    ],
    ids=["no usage at all", "non-repudiation", "a server", "Apple's own purpose"],
)
def test_an_extension_that_is_absent_limits_nothing(fit: Callable[[], Identity]) -> None:
    assert PROFILE in sign_apple_profile(PROFILE, fit())


def test_the_moment_is_that_of_the_clock() -> None:
    later = VALID[1] + (VALID[1] - NOW)
    with pytest.raises(InvalidInput, match="expired"):
        sign_apple_profile(PROFILE, person(ADA), clock=lambda: later)


def test_the_chain_goes_with_it() -> None:
    ada = person(ADA)
    found = load_der_pkcs7_certificates(sign_apple_profile(PROFILE, ada))
    assert set(found) == {ada.certificate, middle().certificate}

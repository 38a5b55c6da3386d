"""A signature around a configuration profile, by which Apple's systems tell who made it.

Source: Apple, Device Management: Using Configuration Profiles, which wants the property list
enclosed in SignedData (RFC 5652 5), in DER.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from postseal.defaults import Clock, utc_now
from postseal.errors import InvalidInput
from postseal.mail.smime.certificates import fault_of_time
from postseal.mail.smime.signed_data import signed_data

if TYPE_CHECKING:
    from cryptography.x509 import Certificate

    from postseal.mail.smime.identity import Identity

__all__ = ["sign_apple_profile"]

# There is no purpose of its own that authorities issue for; these are what profiles are signed by.
_PURPOSES: Final = {
    "1.3.6.1.5.5.7.3.1": "serverAuth",
    "1.3.6.1.5.5.7.3.3": "codeSigning",
    "1.3.6.1.5.5.7.3.4": "emailProtection",
    "2.5.29.37.0": "anyExtendedKeyUsage",
    # What Apple signs profiles by itself.
    "1.2.840.113635.100.4.16": "profile signing",
}


def sign_apple_profile(profile: bytes, identity: Identity, *, clock: Clock = utc_now) -> bytes:
    """Enclose what `write_apple_profile` gave, as it is, in SignedData; give that in DER.

    The certificates of the identity's chain go with it: devices look for no others. They show the
    profile as verified where they trust the chain's root, and as long as the certificates last. A
    profile that they have is replaced only by one that the same identity signed.
    Raises `InvalidInput` for a certificate that is not valid now, is not for signatures or only for
    other purposes than those profiles are signed for, and for Ed25519, which devices do not know.
    """
    now = clock()
    for certificate in (identity.certificate, *identity.chain):
        if fault := fault_of_time(certificate, now):
            raise _unfit(certificate, fault)
    if fault := _fault_of_kind(identity.certificate):
        raise _unfit(identity.certificate, fault)
    return signed_data(profile, identity, at=now, enclose=True)


def _unfit(certificate: Certificate, fault: str) -> InvalidInput:
    return InvalidInput(
        f"no profile can be signed by {certificate.subject.rfc4514_string() or 'this'}: {fault}",
        hint="The certificate of a web server will do, with its chain.",
    )


def _fault_of_kind(certificate: Certificate) -> str | None:
    """Say why a certificate signs no profiles, now or ever (RFC 5280 4.2.1.3, 4.2.1.12)."""
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    if isinstance(certificate.public_key(), Ed25519PublicKey):
        return "the key is Ed25519, and devices know RSA and ECDSA"
    for extension in certificate.extensions:
        match extension.value:
            case x509.KeyUsage(digital_signature=False, content_commitment=False):
                return "its key usage is not for signatures"
            case x509.ExtendedKeyUsage() as purposes:
                if _PURPOSES.keys().isdisjoint(one.dotted_string for one in purposes):
                    return f"its extended key usage has none of {', '.join(_PURPOSES.values())}"
    return None

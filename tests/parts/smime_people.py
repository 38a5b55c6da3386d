"""People with certificates for mail, from an authority of their own."""

from __future__ import annotations

import datetime
import functools
from collections.abc import Sequence
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID

from postseal.mail.message import Message
from postseal.mail.smime import Identity, RSASignature
from tests.parts.chains import Issued, Key, issue

NOW: Final = datetime.datetime.now(datetime.UTC).replace(microsecond=0)
_DAY: Final = datetime.timedelta(days=1)
VALID: Final = (NOW - _DAY, NOW + 30 * _DAY)
EXPIRED: Final = (NOW - 3 * _DAY, NOW - 2 * _DAY)

ADA: Final = "ada@example.com"
BOB: Final = "bob@example.org"

MAIL: Final = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION])


def usage(*named: str) -> x509.KeyUsage:
    """Give the key usage of these names alone."""
    names = (
        *("digital_signature", "content_commitment", "key_encipherment", "data_encipherment"),
        *("key_agreement", "key_cert_sign", "crl_sign", "encipher_only", "decipher_only"),
    )
    return x509.KeyUsage(**{name: name in named for name in names})


_USAGE: Final = usage("digital_signature", "key_encipherment", "key_agreement")


@functools.cache
def key_of(kind: str, owner: str) -> Key:
    """Give the key of an owner, always the same: making one takes time."""
    match kind:
        case "P-256":
            return ec.generate_private_key(ec.SECP256R1())
        case "P-384":
            return ec.generate_private_key(ec.SECP384R1())
        case "P-521":
            return ec.generate_private_key(ec.SECP521R1())
        case "Ed25519":
            return ed25519.Ed25519PrivateKey.generate()
        case _:
            return rsa.generate_private_key(65537, int(kind.removeprefix("RSA-")))


@functools.cache
def root() -> Issued:
    """Give the authority that is trusted."""
    return issuer("Mail Root", None)


@functools.cache
def middle() -> Issued:
    """Give an authority between, which is for mail alone."""
    return issuer("Mail Issuer", root(), extensions=((MAIL, False),))


def issuer(
    name: str,
    above: Issued | None,
    *,
    extensions: Sequence[tuple[x509.ExtensionType, bool]] = (),
    dates: tuple[datetime.datetime, datetime.datetime] = VALID,
) -> Issued:
    """Make an authority."""
    return issue(
        name,
        issuer=above,
        authority=True,
        extensions=((usage("key_cert_sign", "crl_sign"), True), *extensions),
        dates=dates,
    )


def anchor() -> x509.Certificate:
    return root().certificate


@functools.cache
def issued(
    address: str,
    kind: str = "P-256",
    *,
    by: Issued | None = None,
    purposes: x509.ExtendedKeyUsage | None = MAIL,
    key_usage: x509.KeyUsage | None = _USAGE,
    names: tuple[x509.GeneralName, ...] | None = None,
    dates: tuple[datetime.datetime, datetime.datetime] = VALID,
) -> Issued:
    """Issue a good certificate of a person, but for what is said."""
    key = key_of(kind, address)
    names = (x509.RFC822Name(address),) if names is None else names
    extensions: list[tuple[x509.ExtensionType, bool]] = [
        (x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False)
    ]
    if names:
        extensions.append((x509.SubjectAlternativeName(names), False))
    if purposes is not None:
        extensions.append((purposes, False))
    if key_usage is not None:
        extensions.append((key_usage, True))
    return issue(
        address,
        issuer=by or middle(),
        key=key,
        authority=False,
        extensions=extensions,
        dates=dates,
    )


def identity(found: Issued, *, rsa_signature: RSASignature = RSASignature.PKCS1_V1_5) -> Identity:
    """Give the key and the certificate, and the authority between."""
    return Identity(
        found.key, found.certificate, chain=(middle().certificate,), rsa_signature=rsa_signature
    )


def person(
    address: str,
    kind: str = "P-256",
    *,
    rsa_signature: RSASignature = RSASignature.PKCS1_V1_5,
) -> Identity:
    """Give somebody who can sign and be encrypted for."""
    return identity(issued(address, kind), rsa_signature=rsa_signature)


def key_pem(found: Issued) -> bytes:
    return found.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def certificate_pem(found: Issued) -> bytes:
    return found.certificate.public_bytes(Encoding.PEM)


def letter(**differences: object) -> Message:
    """Compose a message from Ada to Bob."""
    fields: dict[str, object] = {
        "from_": f"Ada <{ADA}>",
        "to": f"Bob <{BOB}>",
        "subject": "Grüße und Küsse",
        "text": "Hallo Bob,  \n\nFrom here äöü.\n.\n",
        "html": "<p>Hallo <b>Bob</b></p>",
    }
    return Message(**{**fields, **differences})  # type: ignore[arg-type]

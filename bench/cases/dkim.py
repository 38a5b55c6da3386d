"""DKIM of a message of 16 KiB by RSA-2048: signing and verifying, beside dkimpy and RSA alone."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from bench.case import Case, Contender, Server
from bench.parts.alone import no_server, nothing_met, rate
from bench.parts.mail import make_message
from bench.parts.programs import package_version

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

__all__ = ["SIGN_BESIDE_DKIMPY", "SIGN_BESIDE_RSA", "VERIFY"]

_DOMAIN = "example.com"
_SELECTOR = "bench"
_SIZE = 16_384


@cache
def _message() -> bytes:
    header, _, text = make_message().partition(b"\r\n\r\n")
    body = text * (_SIZE // len(text) + 1)
    return (header + b"\r\n\r\n" + body)[: _SIZE - 2] + b"\r\n"


@cache
def _key() -> RSAPrivateKey:
    from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key

    return generate_private_key(public_exponent=65537, key_size=2048)


def _record() -> str:
    from postseal.mail.authentication import SigningKey

    return SigningKey(_key()).record()


def sign_ours(server: Server, size: int) -> float:
    """Sign `size` times, relaxed/relaxed and oversigned."""
    from postseal.mail.authentication import DKIMSigner, SigningIdentity, SigningKey

    signer = DKIMSigner(SigningIdentity(_DOMAIN, _SELECTOR, SigningKey(_key())))
    message = _message()

    def sign() -> None:
        if b"a=rsa-sha256" not in signer.sign(message):
            raise RuntimeError("not signed")

    return rate(sign, size)


def sign_dkimpy(server: Server, size: int) -> float:
    """Do the same by dkimpy; its key is read anew each time, as its function wants it."""
    import dkim  # type: ignore[import-untyped]
    from cryptography.hazmat.primitives.serialization import (
        Encoding,
        NoEncryption,
        PrivateFormat,
    )

    pem = _key().private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption())
    message = _message()

    def sign() -> None:
        field = dkim.sign(
            message,
            _SELECTOR.encode(),
            _DOMAIN.encode(),
            pem,
            canonicalize=(b"relaxed", b"relaxed"),
        )
        if b"a=rsa-sha256" not in field:
            raise RuntimeError("not signed")

    return rate(sign, size)


def sign_rsa(server: Server, size: int) -> float:
    """Only hash the message by SHA-256 and sign that, by `cryptography`."""
    from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
    from cryptography.hazmat.primitives.hashes import SHA256

    key, message = _key(), _message()
    padding, algorithm = PKCS1v15(), SHA256()

    def sign() -> None:
        key.sign(message, padding, algorithm)

    return rate(sign, size)


def _signed() -> bytes:
    from postseal.mail.authentication import DKIMSigner, SigningIdentity, SigningKey

    signer = DKIMSigner(SigningIdentity(_DOMAIN, _SELECTOR, SigningKey(_key())))
    return signer.sign(_message()) + _message()


def verify_ours(server: Server, size: int) -> float:
    """Verify `size` times, the key record read each time."""
    from postseal.mail.authentication import verify_dkim
    from postseal.send.networks.blocking import run
    from postseal.testing import MemoryResolver

    resolver = MemoryResolver()
    resolver.add(f"{_SELECTOR}._domainkey.{_DOMAIN}", _record())
    signed = _signed()

    def verify() -> None:
        [result] = run(verify_dkim(signed, resolver))
        if not result.passed:
            raise RuntimeError(result.text)

    return rate(verify, size)


def verify_dkimpy(server: Server, size: int) -> float:
    """Do the same by dkimpy."""
    import dkim

    record = _record().encode()
    signed = _signed()

    def verify() -> None:
        if not dkim.verify(signed, dnsfunc=lambda name, timeout=5: record):
            raise RuntimeError("not verified")

    return rate(verify, size)


SIGN_BESIDE_DKIMPY = Case(
    name="dkim-sign",
    bench="dkim",
    title="sign 16 KiB by RSA-2048",
    unit="signatures/s of CPU time",
    size=100,
    ours=Contender("postseal", lambda: package_version("postseal"), sign_ours, no_server),
    peer=Contender("dkimpy", lambda: package_version("dkimpy"), sign_dkimpy, no_server),
    met=nothing_met,
)
SIGN_BESIDE_RSA = Case(
    name="dkim-sign-rsa",
    bench="dkim",
    title="sign 16 KiB by RSA-2048, beside SHA-256 and RSA alone",
    unit="signatures/s of CPU time",
    size=1000,
    ours=Contender("postseal", lambda: package_version("postseal"), sign_ours, no_server),
    peer=Contender("cryptography", lambda: package_version("cryptography"), sign_rsa, no_server),
    met=nothing_met,
)
VERIFY = Case(
    name="dkim-verify",
    bench="dkim",
    title="verify 16 KiB by RSA-2048",
    unit="messages/s of CPU time",
    size=500,
    ours=Contender("postseal", lambda: package_version("postseal"), verify_ours, no_server),
    peer=Contender("dkimpy", lambda: package_version("dkimpy"), verify_dkimpy, no_server),
    met=nothing_met,
)

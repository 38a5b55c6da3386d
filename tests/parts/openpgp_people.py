"""People with OpenPGP keys, and what they write."""

from __future__ import annotations

from functools import cache

import pysequoia

from postseal.mail import Message
from postseal.mail.openpgp import Certificate, SecretKey

ADA = "Ada Lovelace <ada@example.com>"
BOB = "Bob <bob@example.org>"
MALLORY = "Mallory <mallory@example.net>"


@cache
def secret_octets(*user_ids: str) -> bytes:
    """Make a key with these names once, Ed25519 with X25519, as it is written without armor."""
    return bytes(pysequoia.Tsk.generate(user_ids=user_ids))


def secret_key(*user_ids: str) -> SecretKey:
    """Read the key with these names."""
    return SecretKey.from_bytes(secret_octets(*user_ids))


def certificate(*user_ids: str) -> Certificate:
    """Give the certificate of the key with these names."""
    return secret_key(*user_ids).certificate


def revoked(*user_ids: str) -> Certificate:
    """Give the certificate of a key as it is after its owner took it back."""
    key = pysequoia.Tsk.from_bytes(secret_octets(*user_ids))
    public = key.extract_certificate()
    return Certificate.from_bytes(bytes(public) + bytes(public.revoke(key.certifier())))


def letter(text: str = "Hello Bob,\nsee you.\n-- \nAda", *, bcc: tuple[str, ...] = ()) -> Message:
    """Write from Ada to Bob."""
    return Message(
        from_=ADA,
        to=[BOB],
        bcc=list(bcc),
        subject="Grüße",
        text=text,
    )


def wrapped(armored: bytes, *, author: str = "ada@example.com") -> bytes:
    """Put an OpenPGP message into PGP/MIME as another program would."""
    return (
        b"From: %s\r\nTo: bob@example.org\r\nSubject: ...\r\nMIME-Version: 1.0\r\n"
        b'Content-Type: multipart/encrypted; protocol="application/pgp-encrypted"; boundary=b\r\n'
        b"\r\n--b\r\nContent-Type: application/pgp-encrypted\r\n\r\nVersion: 1\r\n"
        b"--b\r\nContent-Type: application/octet-stream\r\n\r\n%s\r\n--b--\r\n"
    ) % (author.encode("ascii"), armored)


def signed_by_hand(
    entity: bytes, signature: bytes, *, author: str = "ada@example.com", micalg: str = "pgp-sha256"
) -> bytes:
    """Put an entity and a signature over it into PGP/MIME as another program would."""
    return (
        b"From: %s\r\nTo: bob@example.org\r\nMIME-Version: 1.0\r\n"
        b'Content-Type: multipart/signed; protocol="application/pgp-signature"; micalg=%s;\r\n'
        b" boundary=b\r\n\r\n--b\r\n%s\r\n--b\r\n"
        b"Content-Type: application/pgp-signature\r\n\r\n%s\r\n--b--\r\n"
    ) % (author.encode("ascii"), micalg.encode("ascii"), entity, signature)


def halves(message: bytes) -> tuple[bytes, bytes]:
    """Split a multipart/signed into the octets that are signed and the body of the signature."""
    boundary = message.split(b'boundary="', 1)[1].split(b'"', 1)[0]
    _, entity, signature, _ = message.split(b"--" + boundary)
    return entity[2:-2], signature.split(b"\r\n\r\n", 1)[1]

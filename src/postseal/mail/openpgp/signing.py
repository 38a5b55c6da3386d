"""Messages signed by OpenPGP (RFC 3156 5)."""

from __future__ import annotations

from typing import Final

from postseal.defaults import RandomSource, random_octets
from postseal.errors import InvalidInput
from postseal.mail.header_protection import protect_for_signing
from postseal.mail.message import Message
from postseal.mail.mime import Part
from postseal.mail.openpgp.engine import engine
from postseal.mail.openpgp.entity import armored_part, multipart_entity
from postseal.mail.openpgp.keys import SecretKey
from postseal.mail.openpgp.signable import signable
from postseal.mail.prepared import PreparedMessage
from postseal.mail.sealing import prepared, sealed

__all__ = ["sign"]

_SIGNATURE: Final = (
    b'Content-Type: application/pgp-signature; name="signature.asc"\r\n'
    b"Content-Description: OpenPGP digital signature\r\n"
    b'Content-Disposition: attachment; filename="signature.asc"\r\n'
)


def sign(
    message: Message | PreparedMessage,
    key: SecretKey,
    *,
    random: RandomSource = random_octets,
) -> PreparedMessage:
    """Sign a message and its header (RFC 9788); mailers send what this gives.

    Texts with blanks at the end of a line are written in quoted-printable, since the signature
    covers each of them. Raises `InvalidSecretKey` for a key that may not sign or stays locked, and
    `InvalidInput` for what cannot be written in 7 bits.
    """
    pysequoia = engine()
    source = prepared(message)
    protected = protect_for_signing(signable(source.content))
    if not protected.payload.isascii():
        raise InvalidInput(
            "the header holds an address that is not ASCII, which relays may change",
            hint="Encrypt the message besides: inside, nothing is changed.",
        )
    armored = pysequoia.sign(key.signer(), protected.payload, mode=pysequoia.SignatureMode.DETACHED)
    hash_name = str(pysequoia.Sig.from_bytes(armored).hash_algorithm).rpartition(".")[2].lower()
    header, _, body = protected.payload.partition(b"\r\n\r\n")
    entity = multipart_entity(
        "signed",
        (Part(header + b"\r\n", (body,)), armored_part(_SIGNATURE, armored)),
        parameters=f' micalg="pgp-{hash_name}";\r\n protocol="application/pgp-signature";',
        random=random,
    )
    return sealed(source, protected.outer, entity)

"""Messages signed by S/MIME (RFC 8551 3.5)."""

from __future__ import annotations

from datetime import datetime
from enum import Enum, unique
from typing import TYPE_CHECKING

from postseal.defaults import Clock, RandomSource, local_now, random_octets
from postseal.errors import InvalidInput
from postseal.mail.header_protection import protect_for_signing
from postseal.mail.message import Message
from postseal.mail.prepared import PreparedMessage
from postseal.mail.sealing import prepared, sealed
from postseal.mail.smime.entity import (
    SMIMEType,
    clear_signed_entity,
    enclosed_entity,
)
from postseal.mail.smime.signed_data import signed_data

if TYPE_CHECKING:
    from postseal.mail.smime.identity import Identity

__all__ = ["SignatureForm", "sign", "signed_entity"]

_TOKEN_OCTETS = 16


@unique
class SignatureForm(Enum):
    """How content and signature travel (RFC 8551 3.5.1)."""

    CLEAR = "multipart/signed"
    """Everybody can read it; a relay that changes the body breaks the signature."""
    ENCLOSED = "application/pkcs7-mime"
    """Only readers that know S/MIME can read it; no relay changes it."""


def sign(
    message: Message | PreparedMessage,
    identity: Identity,
    *,
    form: SignatureForm = SignatureForm.CLEAR,
    clock: Clock = local_now,
    random: RandomSource = random_octets,
) -> PreparedMessage:
    """Sign a message and its header (RFC 9788); mailers send what this gives.

    Raises `InvalidInput` for what cannot be written in 7 bits, as has to be signed: a body with
    a DKIM signature over it, and in the clear form an address of a header that is not ASCII.
    """
    source = prepared(message)
    protected = protect_for_signing(source.content)
    entity = signed_entity(protected.payload, identity, form=form, at=clock(), random=random)
    return sealed(source, protected.outer, entity)


def signed_entity(
    payload: bytes,
    identity: Identity,
    *,
    form: SignatureForm,
    at: datetime,
    random: RandomSource,
) -> bytes:
    """Sign an entity; give the entity that holds both. Raises `InvalidInput` as `sign` does."""
    if form is SignatureForm.ENCLOSED:
        structure = signed_data(payload, identity, at=at, enclose=True)
        return enclosed_entity(structure, SMIMEType.SIGNED_DATA)
    if not payload.isascii():
        raise InvalidInput(
            "the header holds an address that is not ASCII, which relays may change",
            hint="Sign with form=SignatureForm.ENCLOSED.",
        )
    return clear_signed_entity(
        payload,
        signed_data(payload, identity, at=at, enclose=False),
        micalg=identity.signature_hash.micalg,
        token=random(_TOKEN_OCTETS).hex(),
    )

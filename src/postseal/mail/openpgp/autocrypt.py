"""The field by which mail programs hand each other their certificates (Autocrypt 1.1, Level 1)."""

from __future__ import annotations

from base64 import b64encode
from binascii import Error as Base64Error
from binascii import a2b_base64
from dataclasses import dataclass
from typing import Final

from postseal.address import Address
from postseal.errors import InvalidAddress
from postseal.mail.headers import Header
from postseal.mail.openpgp.faults import InvalidCertificate
from postseal.mail.openpgp.keys import Certificate
from postseal.mail.reading.fields import ReceivedField
from postseal.mail.reading.message import ReceivedMessage
from postseal.mail.reading.parser import parse
from postseal.mail.sealing import belongs_to

__all__ = ["AutocryptOffer", "read_autocrypt"]

# As much as the specification has other programs look at.
_MAX_OCTETS: Final = 10 * 1024
_LINE: Final = 72
_KNOWN: Final = frozenset({"addr", "prefer-encrypt", "keydata"})


@dataclass(frozen=True, slots=True)
class AutocryptOffer:
    """The certificate that somebody offers for an address; `prefers_encryption` is their wish.

    Nobody vouches for it: whoever can change a message can change the offer.
    """

    address: Address
    certificate: Certificate
    prefers_encryption: bool = False

    def header(self) -> Header:
        """Write the field, for `Message(headers=...)`.

        Raises `InvalidCertificate` for a certificate that makes it longer than 10 KiB: export one
        with few names and subkeys (`gpg --export-options export-minimal`).
        """
        keydata = b64encode(bytes(self.certificate)).decode("ascii")
        if len(keydata) > _MAX_OCTETS:
            raise InvalidCertificate(
                f"the certificate has {len(keydata)} octets in base64, and Autocrypt has 10 KiB",
                hint="Export a minimal one.",
            )
        wish = " prefer-encrypt=mutual;" if self.prefers_encryption else ""
        lines = " ".join(keydata[at : at + _LINE] for at in range(0, len(keydata), _LINE))
        return Header("Autocrypt", f"addr={self.address.to_ascii()};{wish} keydata= {lines}")


def read_autocrypt(received: bytes | ReceivedMessage) -> AutocryptOffer | None:
    """Read the offer of a message's author; None unless there is exactly one that can be read.

    Reports and messages with several authors offer nothing. Nothing that the message holds raises.
    """
    message = received if isinstance(received, ReceivedMessage) else parse(received)
    if len(message.from_) != 1 or message.root.media_type == "multipart/report":
        return None
    author = message.from_[0].address
    offers = [offer for field in message.header.all("Autocrypt") if (offer := _read(field, author))]
    return offers[0] if len(offers) == 1 else None


def _read(field: ReceivedField, author: Address) -> AutocryptOffer | None:
    text = field.octets.decode("latin-1")
    if len(text) > 2 * _MAX_OCTETS:
        return None
    pairs = [each.partition("=") for each in text.split(";") if each.strip()]
    attributes = {name.strip().lower(): value.strip() for name, _, value in pairs}
    # An attribute that is not known is critical, unless its name says otherwise.
    unknown = [name for name in attributes if name not in _KNOWN and not name.startswith("_")]
    if unknown or len(attributes) != len(pairs):
        return None
    try:
        address = Address.parse(attributes.get("addr", ""))
        octets = a2b_base64("".join(attributes.get("keydata", "").split()), strict_mode=True)
        if not belongs_to((address,), author):
            return None
        return AutocryptOffer(
            author, Certificate(octets), attributes.get("prefer-encrypt") == "mutual"
        )
    except (Base64Error, InvalidAddress, InvalidCertificate, ValueError):
        return None

"""Messages encrypted by OpenPGP, and signed with it where somebody signs (RFC 3156 4 and 6.2)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Final

from postseal.address import Address
from postseal.defaults import Clock, RandomSource, local_now, random_octets
from postseal.mail.header_protection import HeaderConfidentiality, protect_for_encryption
from postseal.mail.message import Message
from postseal.mail.mime import Part
from postseal.mail.openpgp.engine import engine
from postseal.mail.openpgp.entity import armored_part, multipart_entity
from postseal.mail.openpgp.faults import InvalidCertificate
from postseal.mail.openpgp.keys import Certificate, SecretKey
from postseal.mail.openpgp.packets import PacketType, read_packets
from postseal.mail.openpgp.session_keys import SealedSessionKey
from postseal.mail.prepared import PreparedMessage
from postseal.mail.reading.parser import parse
from postseal.mail.sealing import belongs_to, prepared, sealed

__all__ = ["encrypt"]

_CONTROL: Final = Part(
    b"Content-Type: application/pgp-encrypted\r\nContent-Description: PGP/MIME version\r\n",
    (b"Version: 1\r\n",),
)
_DATA: Final = (
    b'Content-Type: application/octet-stream; name="encrypted.asc"\r\n'
    b"Content-Description: OpenPGP encrypted message\r\n"
    b'Content-Disposition: inline; filename="encrypted.asc"\r\n'
)


def encrypt(
    message: Message | PreparedMessage,
    certificates: Iterable[Certificate],
    *,
    signer: SecretKey | None = None,
    confidentiality: HeaderConfidentiality = HeaderConfidentiality.BASELINE,
    dangerous_accept_unnamed_recipients: bool = False,
    clock: Clock = local_now,
    random: RandomSource = random_octets,
) -> PreparedMessage:
    """Encrypt a message and its header (RFC 9788); mailers send what this gives.

    Every recipient needs a certificate that names the address, unless unnamed recipients are
    accepted. Certificates that name an author, the sender or somebody in To or Cc are told by
    their key IDs; those of others, Bcc among them, are hidden recipients: everybody sees how many
    they are, and nobody who. To hide even that, encrypt a message of its own for each.

    The sender's own certificate has to be given too, if the sender is to read it later. Raises
    `InvalidCertificate` for one that is expired, revoked or weak, that has no key for encryption,
    and for a recipient without; `InvalidSecretKey` for a signer that may not sign.
    """
    pysequoia = engine()
    given = {each.fingerprint: each for each in certificates}
    now = clock()
    _check(tuple(given.values()), now)
    source = prepared(message)
    if not dangerous_accept_unnamed_recipients:
        _check_recipients(source.envelope.recipients, tuple(given.values()))
    protected = protect_for_encryption(source.content, confidentiality=confidentiality)
    try:
        octets: bytes = pysequoia.encrypt(
            bytes=protected.payload,
            recipients=[pysequoia.Cert.from_bytes(bytes(each)) for each in given.values()],
            signer=signer and signer.signer(),
            armor=False,
        )
    except RuntimeError:
        raise InvalidCertificate(
            "a certificate has no key for encryption", hint="Ask its owner for a newer one."
        ) from None
    hidden = _without_names(octets, tuple(given.values()), _shown_addresses(source.content), now)
    armored: str = pysequoia.armor(hidden, pysequoia.ArmorKind.Message)
    entity = multipart_entity(
        "encrypted",
        (_CONTROL, armored_part(_DATA, armored.encode("ascii"))),
        parameters=' protocol="application/pgp-encrypted";',
        random=random,
    )
    return sealed(source, protected.outer, entity)


def _check(certificates: Sequence[Certificate], now: datetime) -> None:
    if not certificates:
        raise InvalidCertificate("there is no certificate to encrypt for")
    for certificate in certificates:
        if fault := certificate.fault(now):
            raise InvalidCertificate(
                f"the certificate {certificate.fingerprint} {fault}",
                hint="Ask its owner for a newer one.",
            )


def _check_recipients(recipients: Iterable[Address], certificates: Sequence[Certificate]) -> None:
    for recipient in recipients:
        if not any(belongs_to(each.addresses, recipient) for each in certificates):
            raise InvalidCertificate(
                f"no certificate names {recipient}", hint="Give one, or send it to others alone."
            )


def _shown_addresses(content: bytes) -> tuple[Address, ...]:
    message = parse(content)
    names = ("From", "Sender", "To", "Cc")
    return tuple(box.address for name in names for box in message.addresses(name).mailboxes)


def _without_names(
    octets: bytes,
    certificates: Sequence[Certificate],
    shown: Sequence[Address],
    now: datetime,
) -> bytes:
    """Hide the recipients whom the header does not show (RFC 9580 5.1).

    Raises `InvalidCertificate` for an expired key, which the engine takes where it finds no other.
    """
    usable: dict[str, Certificate] = {}
    for certificate in certificates:
        for key in certificate.bound_keys(now):
            usable |= {key.fingerprint: certificate, key.key_id: certificate}
    written = []
    for packet in read_packets(octets):
        if packet.type != PacketType.PKESK:
            written.append(packet.octets)
            continue
        sealed_key = SealedSessionKey.read(packet.body)
        owner = usable.get(sealed_key.recipient)
        if owner is None:
            raise InvalidCertificate(
                f"the key {sealed_key.recipient} has expired", hint="Ask its owner for a newer one."
            )
        is_shown = any(belongs_to(owner.addresses, each) for each in shown)
        written.append(packet.octets if is_shown else sealed_key.hidden())
    return b"".join(written)

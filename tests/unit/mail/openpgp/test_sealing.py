"""Messages sealed and opened: for whom, with what inside, and only whole ones."""

from __future__ import annotations

import pysequoia
import pytest
from hypothesis import given
from hypothesis import strategies as st

from postseal.mail.header_protection import FieldProtection, HeaderConfidentiality
from postseal.mail.openpgp import (
    Certificate,
    Decryption,
    DecryptionStatus,
    InvalidCertificate,
    SecretKey,
    decrypt,
    encrypt,
)
from postseal.mail.openpgp.packets import (
    Packet,
    PacketType,
    dearmored,
    packet_octets,
    read_packets,
)
from postseal.mail.openpgp.session_keys import SealedSessionKey
from postseal.mail.reading import parse
from postseal.mail.seal_status import SignatureStatus
from tests.parts.openpgp_people import (
    ADA,
    BOB,
    MALLORY,
    certificate,
    letter,
    revoked,
    secret_key,
    secret_octets,
    wrapped,
)


def sealed(octets: bytes, *, signer: str | None = None) -> bytes:
    """Seal octets for Bob as another program would."""
    return pysequoia.encrypt(
        octets,
        [pysequoia.Cert.from_bytes(bytes(certificate(BOB)))],
        None if signer is None else pysequoia.Tsk.from_bytes(secret_octets(signer)).signer(),
    )


def packets_of(message: bytes) -> tuple[Packet, ...]:
    return read_packets(dearmored(parse(message).root.parts[1].content))


def assert_closed(found: Decryption, status: DecryptionStatus) -> None:
    assert (found.status, found.content, found.cipher) == (status, b"", "")
    assert found.reason.isprintable()
    assert found.reason


def armored(*octets: bytes) -> bytes:
    return pysequoia.armor(b"".join(octets), pysequoia.ArmorKind.Message).encode("ascii")


def test_what_ada_seals_for_bob_opens() -> None:
    content = bytes(encrypt(letter(), [certificate(ADA), certificate(BOB)], signer=secret_key(ADA)))
    assert content.isascii()
    assert parse(content).subject == "[...]"
    opened = decrypt(content, secret_key(BOB), [certificate(ADA)])
    assert (opened.signature.status, opened.cipher) == (SignatureStatus.VALID, "AES-256")
    assert opened.unwrap(content).message.subject == "Grüße"
    assert opened.unwrap(content).message.text == "Hello Bob,\nsee you.\n-- \nAda\n"
    assert opened.unwrap(content).protection("Subject") is FieldProtection.SIGNED_AND_ENCRYPTED
    assert opened.unwrap(content).protection("From") is FieldProtection.SIGNED_ONLY
    assert decrypt(content, [secret_key(MALLORY), secret_key(ADA)]).content == opened.content


def test_a_shy_header_names_nobody() -> None:
    shy = HeaderConfidentiality.SHY
    content = bytes(encrypt(letter(), [certificate(BOB)], confidentiality=shy))
    assert b"Lovelace" not in content
    opened = decrypt(content, secret_key(BOB))
    assert opened.unwrap(content).message.from_[0].name == "Ada Lovelace"


@pytest.mark.parametrize(
    "suite",
    [
        pysequoia.CipherSuite.Cv25519,
        pysequoia.CipherSuite.Cv448,
        pysequoia.CipherSuite.P256,
        pysequoia.CipherSuite.P384,
        pysequoia.CipherSuite.P521,
    ],
    ids=["Cv25519", "Cv448", "P-256", "P-384", "P-521"],
)
@pytest.mark.parametrize(
    "profile",
    [pysequoia.Profile.RFC4880, pysequoia.Profile.RFC9580],
    ids=["version 4", "version 6"],
)
def test_each_kind_of_key(profile: pysequoia.Profile, suite: pysequoia.CipherSuite) -> None:
    made = pysequoia.Tsk.generate(BOB, profile=profile, cipher_suite=suite)
    bob = SecretKey.from_bytes(bytes(made))
    content = bytes(encrypt(letter(), [bob.certificate], signer=bob))
    opened = decrypt(content, bob, [bob.certificate])
    assert opened.signature.status is SignatureStatus.VALID_FOR_OTHER_SENDER
    assert opened.unwrap(content).message.subject == "Grüße"


def test_recipients_in_bcc_are_hidden() -> None:
    message = letter(bcc=(MALLORY,))
    everybody = [certificate(each) for each in (ADA, BOB, MALLORY)]
    content = bytes(encrypt(message, everybody))
    *session_keys, _ = packets_of(content)
    recipients = [SealedSessionKey.read(each.body).recipient for each in session_keys]
    assert len([each for each in recipients if each]) == 2
    assert recipients.count("") == 1
    assert certificate(MALLORY).keys[2].fingerprint not in recipients
    for name in (ADA, BOB, MALLORY):
        assert decrypt(content, secret_key(name)).content


def test_a_recipient_without_a_certificate_is_refused() -> None:
    message = letter(bcc=(MALLORY,))
    with pytest.raises(InvalidCertificate, match=r"no certificate names mallory@example\.net"):
        encrypt(message, [certificate(ADA), certificate(BOB)])
    content = encrypt(message, [certificate(BOB)], dangerous_accept_unnamed_recipients=True)
    assert content.envelope == message.envelope


def test_certificates_that_protect_nobody_are_refused() -> None:
    with pytest.raises(InvalidCertificate, match="no certificate to"):
        encrypt(letter(), [])
    with pytest.raises(InvalidCertificate, match="is revoked"):
        encrypt(letter(), [revoked(BOB)])


def test_a_certificate_without_a_key_for_encryption_is_refused() -> None:
    primary_and_name, *_ = bytes(certificate(BOB)).split(
        bytes(read_packets(bytes(certificate(BOB)))[4].octets)
    )
    signing_only = Certificate.from_bytes(primary_and_name)
    assert len(signing_only.keys) == 1
    with pytest.raises(InvalidCertificate, match="no key for encryption"):
        encrypt(letter(), [signing_only])


@pytest.mark.parametrize(
    ("signer", "given", "status"),
    [
        (None, [ADA], SignatureStatus.UNSIGNED),
        (ADA, [ADA], SignatureStatus.VALID),
        (ADA, [BOB], SignatureStatus.UNTRUSTED),
        (MALLORY, [MALLORY], SignatureStatus.VALID_FOR_OTHER_SENDER),
    ],
)
def test_who_signed_inside(signer: str | None, given: list[str], status: SignatureStatus) -> None:
    content = wrapped(sealed(b"Content-Type: text/plain\r\n\r\nHi", signer=signer))
    opened = decrypt(content, secret_key(BOB), [certificate(each) for each in given])
    assert opened.signature.status is status
    assert opened.unwrap(content).message.text == "Hi"
    expected = SignatureStatus.REVOKED if signer == ADA else opened.signature.status
    again = decrypt(content, secret_key(BOB), [revoked(ADA), *map(certificate, given)])
    assert again.signature.status is expected


def test_a_signature_inside_that_cannot_be_read() -> None:
    entity = (
        b'Content-Type: multipart/signed; protocol="application/pgp-signature"; boundary=c\r\n\r\n'
        b"--c\r\n\r\nHi\r\n--c\r\nContent-Type: application/pgp-signature\r\n\r\nx\r\n--c--\r\n"
    )
    opened = decrypt(wrapped(sealed(entity)), secret_key(BOB), [certificate(ADA)])
    assert opened.signature.status is SignatureStatus.INVALID


@given(st.data())
def test_no_changed_octet_is_shown(data: st.DataObject) -> None:
    *session_keys, body = read_packets(
        dearmored(sealed(b"Content-Type: text/plain\r\n\r\nPay 100."))
    )
    position = data.draw(st.integers(0, len(body.body) - 1))
    octet = data.draw(st.integers(1, 255))
    changed = bytearray(body.body)
    changed[position] ^= octet
    message = armored(
        *(each.octets for each in session_keys), packet_octets(PacketType.SEIPD, bytes(changed))
    )
    found = decrypt(wrapped(message), secret_key(BOB))
    assert found.status in {DecryptionStatus.DAMAGED, DecryptionStatus.REFUSED}
    assert found.content == b""


@given(st.data())
def test_no_shortened_message_is_shown(data: st.DataObject) -> None:
    *session_keys, body = read_packets(dearmored(sealed(bytes(100_000))))
    end = data.draw(st.integers(0, len(body.body) - 1))
    shortened = packet_octets(PacketType.SEIPD, body.body[:end])
    message = armored(*(each.octets for each in session_keys), shortened)
    found = decrypt(wrapped(message), secret_key(BOB))
    # Without any octet it is of no version.
    assert_closed(found, DecryptionStatus.DAMAGED if end else DecryptionStatus.REFUSED)


def test_a_long_message_of_many_chunks() -> None:
    octets = b"Content-Type: text/plain\r\n\r\n" + b"0123456789abcde\n" * 100_000
    assert decrypt(wrapped(sealed(octets)), secret_key(BOB)).content == octets


def test_data_without_integrity_are_refused() -> None:
    # EFAIL: they can be changed so that they tell what they say.
    *session_keys, body = read_packets(dearmored(sealed(b"Hi")))
    message = armored(
        *(each.octets for each in session_keys), packet_octets(PacketType.SED, body.body[1:])
    )
    found = decrypt(wrapped(message), secret_key(BOB))
    assert_closed(found, DecryptionStatus.REFUSED)


def test_data_of_one_version_do_not_pass_for_the_other() -> None:
    *session_keys, body = read_packets(dearmored(sealed(b"Hi")))
    downgraded = packet_octets(PacketType.SEIPD, b"\x01" + body.body[1:])
    found = decrypt(
        wrapped(armored(*(each.octets for each in session_keys), downgraded)), secret_key(BOB)
    )
    assert_closed(found, DecryptionStatus.REFUSED)


def test_a_message_for_others_stays_closed() -> None:
    found = decrypt(wrapped(sealed(b"Hi")), [secret_key(ADA), secret_key(MALLORY)])
    assert_closed(found, DecryptionStatus.NO_KEY)


@pytest.mark.parametrize(
    ("content", "status"),
    [
        (b"", DecryptionStatus.NOT_ENCRYPTED),
        (bytes(letter()), DecryptionStatus.NOT_ENCRYPTED),
        (wrapped(b"nothing"), DecryptionStatus.DAMAGED),
        (wrapped(b""), DecryptionStatus.DAMAGED),
        (
            wrapped(armored(packet_octets(PacketType.LITERAL, b"b\0\0\0\0\0Hi"))),
            DecryptionStatus.DAMAGED,
        ),
        (wrapped(armored(packet_octets(PacketType.PKESK, b"\x03"))), DecryptionStatus.DAMAGED),
        (
            wrapped(
                armored(packet_octets(PacketType.SKESK, b""), packet_octets(PacketType.SEIPD, b""))
            ),
            DecryptionStatus.REFUSED,
        ),
        (
            wrapped(
                armored(
                    packet_octets(PacketType.PKESK, b"\x09"), packet_octets(PacketType.SEIPD, b"")
                )
            ),
            DecryptionStatus.NO_KEY,
        ),
    ],
)
def test_what_cannot_be_opened(content: bytes, status: DecryptionStatus) -> None:
    found = decrypt(content, secret_key(BOB))
    assert_closed(found, status)


def test_parts_beside_the_sealed_one_keep_it_closed() -> None:
    # EFAIL: an image before it and a quote behind it would send it away.
    whole = wrapped(sealed(b"Content-Type: text/plain\r\n\r\nSecret"))
    inner = whole[whole.index(b"Content-Type: multipart/encrypted") :]
    around = (
        b"From: ada@example.com\r\nContent-Type: multipart/mixed; boundary=m\r\n\r\n"
        b'--m\r\nContent-Type: text/html\r\n\r\n<img src="http://example.net/\r\n--m\r\n'
        b"%s\r\n--m--\r\n"
    ) % inner
    found = decrypt(around, secret_key(BOB))
    assert_closed(found, DecryptionStatus.NOT_ENCRYPTED)

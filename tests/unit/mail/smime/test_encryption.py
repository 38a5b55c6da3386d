from __future__ import annotations

from datetime import timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.hashes import SHA1

from postseal.errors import InvalidInput
from postseal.mail.header_protection import FieldProtection, HeaderConfidentiality
from postseal.mail.prepared import PreparedMessage
from postseal.mail.reading.parser import parse
from postseal.mail.smime import (
    ContentCipher,
    Decryption,
    DecryptionStatus,
    Identity,
    Integrity,
    RSAKeyTransport,
    SignatureStatus,
    blind_copies,
    decrypt,
    encrypt,
    sign,
)
from postseal.mail.smime.asn1 import element, integer, oid, sequence, set_of, whole
from postseal.mail.smime.cms import content_type_of, read_encrypted
from postseal.mail.smime.entity import SMIMEType, enclosed_entity
from postseal.mail.smime.signed_data import content_info
from tests.parts.smime_people import (
    ADA,
    BOB,
    EXPIRED,
    NOW,
    anchor,
    identity,
    issued,
    letter,
    person,
    usage,
)

CAROL = "carol@example.net"

each_cipher = pytest.mark.parametrize("cipher", ContentCipher)
each_kind = pytest.mark.parametrize("kind", ["RSA-2048", "P-256", "P-384", "P-521"])


def structure(message: bytes) -> bytes:
    """Give the CMS of a message."""
    return parse(message).root.content


def with_structure(message: PreparedMessage, octets: bytes) -> bytes:
    """Give a message with another CMS inside."""
    header = message.content.partition(b"Content-Type")[0]
    return header + enclosed_entity(octets, SMIMEType.AUTH_ENVELOPED_DATA)


@each_kind
@each_cipher
@pytest.mark.parametrize("transport", RSAKeyTransport)
def test_the_recipient_reads_it(
    kind: str, cipher: ContentCipher, transport: RSAKeyTransport
) -> None:
    bob = person(BOB, kind)
    sealed = encrypt(letter(), [bob.certificate], cipher=cipher, key_transport=transport)
    opened = decrypt(sealed.content, bob)
    assert opened.status is DecryptionStatus.DECRYPTED
    assert (opened.integrity is Integrity.AUTHENTICATED) is cipher.is_authenticated
    assert opened.signature is None
    shown = opened.unwrap(sealed.content)
    assert shown.message.subject == "Grüße und Küsse"
    assert shown.message.text == letter().text
    assert shown.protection("Subject") is FieldProtection.ENCRYPTED_ONLY


def test_what_is_outside_tells_little() -> None:
    sealed = encrypt(letter(), [person(BOB).certificate], signer=person(ADA))
    outside = parse(sealed.content)
    assert outside.subject == "[...]"
    assert outside.root.media_type == "application/pkcs7-mime"
    assert outside.root.content_type.get("smime-type") == "authEnveloped-data"
    assert sealed.envelope == letter().envelope
    shy = encrypt(letter(), [person(BOB).certificate], confidentiality=HeaderConfidentiality.SHY)
    assert b"Bob <" not in shy.content


def test_who_signed_is_told_of_what_was_inside() -> None:
    bob = person(BOB)
    sealed = encrypt(letter(), [bob.certificate], signer=person(ADA), clock=lambda: NOW)
    opened = decrypt(sealed.content, bob, trust_anchors=[anchor()], at=NOW)
    assert opened.signature is not None
    assert opened.signature.status is SignatureStatus.VALID
    assert b"Hallo" not in sealed.content
    shown = opened.unwrap(sealed.content)
    assert shown.message.text == letter().text
    assert shown.protection("Subject") is FieldProtection.SIGNED_AND_ENCRYPTED
    unsigned = decrypt(encrypt(letter(), [bob.certificate]).content, bob, trust_anchors=[anchor()])
    assert unsigned.signature is not None
    assert unsigned.signature.status is SignatureStatus.UNSIGNED


def test_a_forwarded_signature_does_not_count_for_who_encrypts() -> None:
    # Eve takes what Ada signed for her, and encrypts it to Bob under her own name.
    bob = person(BOB)
    eve = letter(from_="eve@example.com")
    signed = sign(letter(), person(ADA)).content
    header = bytes(eve).partition(b"MIME-Version")[0]
    entity = b"Content-Type" + signed.partition(b"\r\nContent-Type")[2]
    sealed = encrypt(PreparedMessage(eve.envelope, header + entity), [bob.certificate])
    opened = decrypt(sealed.content, bob, trust_anchors=[anchor()])
    assert opened.signature is not None
    assert not opened.signature.is_valid


def test_a_header_that_is_not_ascii_can_be_signed_inside() -> None:
    bob = person("bob@xn--exmple-cua.org")
    message = letter(from_="ädä@example.com", to="bob@exämple.org")
    sealed = encrypt(message, [bob.certificate], signer=person(ADA))
    opened = decrypt(sealed.content, bob, trust_anchors=[anchor()])
    assert opened.signature is not None
    assert opened.signature.status is SignatureStatus.VALID_FOR_OTHER_SENDER


def test_several_readers_and_the_author_can_read_it() -> None:
    people = [person(BOB, "RSA-2048"), person(CAROL), person(ADA, "P-384")]
    sealed = encrypt(letter(cc=CAROL), [each.certificate for each in people])
    for each in people:
        assert decrypt(sealed.content, each).status is DecryptionStatus.DECRYPTED
    stranger = decrypt(sealed.content, person("eve@example.com"))
    assert stranger.status is DecryptionStatus.NO_KEY
    found = decrypt(sealed.content, [person("eve@example.com"), people[1]])
    assert found.status is DecryptionStatus.DECRYPTED


def test_a_hidden_recipient_is_not_named_to_others() -> None:
    message = letter(bcc=[CAROL, "dave@example.net"])
    people = {address: person(address) for address in (ADA, BOB, CAROL, "dave@example.net")}
    certificates = [each.certificate for each in people.values()]
    with pytest.raises(InvalidInput, match="blind_copies") as caught:
        encrypt(message, certificates)
    assert caught.value.recipient == CAROL
    copies = blind_copies(message)
    assert [list(map(str, copy.envelope.recipients)) for copy in copies] == [
        [BOB],
        [CAROL],
        ["dave@example.net"],
    ]
    readers = [
        {
            address
            for address, each in people.items()
            if decrypt(encrypt(copy, certificates).content, each).status
            is DecryptionStatus.DECRYPTED
        }
        for copy in copies
    ]
    assert readers == [{ADA, BOB}, {ADA, CAROL}, {ADA, "dave@example.net"}]


def test_a_recipient_without_certificate_is_refused() -> None:
    with pytest.raises(InvalidInput, match="no certificate that names") as caught:
        encrypt(letter(cc=CAROL), [person(BOB).certificate])
    assert caught.value.recipient == CAROL


def test_certificates_of_others_are_left_out() -> None:
    eve = person("eve@example.com")
    sealed = encrypt(letter(), [person(BOB).certificate, eve.certificate])
    assert decrypt(sealed.content, eve).status is DecryptionStatus.NO_KEY
    waived = encrypt(letter(), [eve.certificate], dangerous_accept_other_addresses=True)
    assert decrypt(waived.content, eve).status is DecryptionStatus.DECRYPTED


@pytest.mark.parametrize(
    ("certificate", "reason"),
    [
        (issued(BOB, dates=EXPIRED), "expired"),
        (issued(BOB, "RSA-2048", key_usage=usage("digital_signature")), "not for encrypting"),
        (issued(BOB, key_usage=usage("key_encipherment")), "not for encrypting"),
        (issued(BOB, "RSA-1024"), "1024 bits"),
    ],
    ids=["expired", "RSA that signs", "curve that signs", "short"],
)
def test_unfit_certificates_are_refused(certificate: object, reason: str) -> None:
    assert hasattr(certificate, "certificate")
    with pytest.raises(InvalidInput, match=reason):
        encrypt(letter(), [certificate.certificate])
    sealed = encrypt(letter(), [certificate.certificate], dangerous_accept_unfit_certificates=True)
    assert structure(sealed.content)


def test_an_old_certificate_beside_a_good_one_does_no_harm() -> None:
    bob = person(BOB)
    old = issued(BOB, "P-384", dates=EXPIRED).certificate
    sealed = encrypt(letter(), [old, bob.certificate])
    assert decrypt(sealed.content, bob).status is DecryptionStatus.DECRYPTED


def test_the_time_is_an_argument() -> None:
    later = NOW + timedelta(days=365)
    with pytest.raises(InvalidInput, match="expired"):
        encrypt(letter(), [person(BOB).certificate], clock=lambda: later)


def test_nothing_is_encrypted_for_a_key_that_only_signs() -> None:
    with pytest.raises(InvalidInput, match="its key only signs"):
        encrypt(letter(), [person(BOB, "Ed25519").certificate])
    with pytest.raises(InvalidInput, match="no certificate"):
        encrypt(letter(), [], dangerous_accept_other_addresses=True)


@each_cipher
def test_a_changed_octet_is_noticed_with_gcm_alone(cipher: ContentCipher) -> None:
    bob = person(BOB)
    sealed = encrypt(letter(), [bob.certificate], cipher=cipher)
    octets = structure(sealed.content)
    _, inner = content_type_of(octets)
    content = read_encrypted(inner, authenticated=cipher.is_authenticated).octets
    # In the first block: with CBC the second one changes by the attacker's choice.
    at = octets.index(content) + 3
    changed = octets[:at] + bytes([octets[at] ^ 1]) + octets[at + 1 :]
    opened = decrypt(with_structure(sealed, changed), bob)
    if cipher.is_authenticated:
        assert opened.status is DecryptionStatus.DAMAGED
        assert opened.content == b""
    else:
        assert opened.status is DecryptionStatus.DECRYPTED
        assert opened.integrity is Integrity.NONE


def test_a_shorter_tag_is_refused() -> None:
    bob = person(BOB)
    sealed = encrypt(letter(), [bob.certificate])
    octets = structure(sealed.content)
    _, inner = content_type_of(octets)
    parts = list(inner.cursor().rest())
    cut = sequence(*(each.encoded for each in parts[:-1]), element(0x04, parts[-1].content[:8]))
    changed = content_info("1.2.840.113549.1.9.16.1.23", cut)
    assert decrypt(with_structure(sealed, changed), bob).status is DecryptionStatus.DAMAGED


def test_gcm_cannot_be_turned_into_cbc() -> None:
    # Such a message would make a reader tell what GCM keeps secret.
    bob = person(BOB)
    sealed = encrypt(letter(), [bob.certificate])
    _, inner = content_type_of(structure(sealed.content))
    version, infos, content, _ = inner.cursor().rest()
    enveloped = sequence(version.encoded, infos.encoded, content.encoded)
    changed = content_info("1.2.840.113549.1.7.3", enveloped)
    opened = decrypt(with_structure(sealed, changed), bob)
    assert opened.status is DecryptionStatus.REFUSED


def _with_encrypted_key(bob: Identity, encrypted: bytes) -> Decryption:
    sealed = encrypt(letter(), [bob.certificate])
    octets = structure(sealed.content)
    _, inner = content_type_of(octets)
    info = read_encrypted(inner, authenticated=True).recipients[0]
    assert len(info.encrypted_key) == len(encrypted)
    return decrypt(with_structure(sealed, octets.replace(info.encrypted_key, encrypted)), bob)


def test_a_wrong_padding_is_told_like_a_wrong_key() -> None:
    # Bleichenbacher: who can tell them apart decrypts any message with enough questions.
    bob = person(BOB, "RSA-2048")
    assert isinstance(bob.key, RSAPrivateKey)
    public = bob.key.public_key()
    wrong_key = public.encrypt(bytes(32), padding.PKCS1v15())
    wrong_length = public.encrypt(bytes(5), padding.PKCS1v15())
    wrong_padding = public.encrypt(bytes(32), padding.OAEP(padding.MGF1(SHA1()), SHA1(), None))
    outcomes = {_with_encrypted_key(bob, each) for each in (wrong_key, wrong_length, wrong_padding)}
    assert len(outcomes) == 1
    assert outcomes.pop().status is DecryptionStatus.DAMAGED


@pytest.mark.parametrize(
    ("cipher", "reason"),
    [
        ("1.2.840.113549.3.7", "triple DES"),
        ("1.2.840.113549.3.2", "RC2"),
        ("1.2.3.4", "1.2.3.4 is unknown"),
    ],
)
def test_broken_and_unknown_ciphers_are_refused(cipher: str, reason: str) -> None:
    sealed = encrypt(letter(), [person(BOB).certificate])
    content = sequence(oid("1.2.840.113549.1.7.1"), sequence(oid(cipher)), element(0x80, bytes(16)))
    changed = content_info("1.2.840.113549.1.7.3", sequence(integer(0), set_of(), content))
    opened = decrypt(with_structure(sealed, changed), person(BOB))
    assert opened.status is DecryptionStatus.REFUSED
    assert reason in opened.reason


def test_a_message_that_is_not_encrypted_says_so() -> None:
    bob = person(BOB)
    assert decrypt(bytes(letter()), bob).status is DecryptionStatus.NOT_ENCRYPTED
    signed = sign(letter(), person(ADA)).content
    assert decrypt(signed, bob).status is DecryptionStatus.NOT_ENCRYPTED


def test_only_the_whole_message_is_decrypted() -> None:
    # EFAIL: an encrypted part between parts of an attacker is not opened.
    bob = person(BOB)
    sealed = encrypt(letter(), [bob.certificate]).content
    wrapped = (
        b"From: eve@example.com\r\nContent-Type: multipart/mixed; boundary=x\r\n\r\n"
        b'--x\r\nContent-Type: text/html\r\n\r\n<img src="https://evil.example/\r\n--x\r\n'
        + sealed
        + b'\r\n--x\r\nContent-Type: text/html\r\n\r\n">\r\n--x--\r\n'
    )
    assert decrypt(wrapped, bob).status is DecryptionStatus.NOT_ENCRYPTED


def test_damaged_structures_are_told() -> None:
    bob = person(BOB)
    sealed = encrypt(letter(), [bob.certificate])
    octets = structure(sealed.content)
    for length in range(0, len(octets), 37):
        opened = decrypt(with_structure(sealed, octets[:length]), bob)
        assert opened.status is DecryptionStatus.DAMAGED
    assert whole(octets).encoded == octets


def test_one_recipient_repeated_takes_bounded_time() -> None:
    bob = person(BOB, "RSA-2048")
    sealed = encrypt(letter(), [bob.certificate])
    _, inner = content_type_of(structure(sealed.content))
    version, infos, content, tag = inner.cursor().rest()
    forged = infos.content[:-4] + b"\x00" * 4
    repeated = element(0x31, forged * 5000, infos.content)
    changed = content_info(
        "1.2.840.113549.1.9.16.1.23",
        sequence(version.encoded, repeated, content.encoded, tag.encoded),
    )
    assert decrypt(with_structure(sealed, changed), bob).status is DecryptionStatus.DAMAGED


def test_an_identity_without_the_right_key_type_reads_nothing() -> None:
    bob = identity(issued(BOB, "P-256"))
    sealed = encrypt(letter(), [person(BOB, "RSA-2048").certificate])
    assert decrypt(sealed.content, bob).status is DecryptionStatus.NO_KEY

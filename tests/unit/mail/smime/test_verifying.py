from __future__ import annotations

from dataclasses import replace
from datetime import timedelta, timezone

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.x509.oid import ExtendedKeyUsageOID

from postseal.address import Address
from postseal.errors import InvalidInput
from postseal.mail.header_protection import FieldProtection
from postseal.mail.message import Message
from postseal.mail.prepared import PreparedMessage
from postseal.mail.reading.parser import parse
from postseal.mail.smime import (
    Identity,
    RSASignature,
    SignatureForm,
    SignatureStatus,
    SignatureVerification,
    load_certificates,
    sign,
    verify,
)
from postseal.mail.smime.cms import content_type_of, read_signed
from postseal.mail.smime.refusal import Refusal
from postseal.mail.smime.signature_check import check_octets
from tests.parts.chains import Issued, issue, with_bits_for_a_name
from tests.parts.smime_people import (
    ADA,
    BOB,
    EXPIRED,
    NOW,
    anchor,
    certificate_pem,
    identity,
    issued,
    issuer,
    letter,
    middle,
    person,
    root,
    usage,
)

each_form = pytest.mark.parametrize("form", SignatureForm)
each_key = pytest.mark.parametrize(
    ("kind", "scheme"),
    [
        ("RSA-2048", RSASignature.PKCS1_V1_5),
        ("RSA-2048", RSASignature.PSS),
        *((kind, RSASignature.PKCS1_V1_5) for kind in ("P-256", "P-384", "P-521", "Ed25519")),
    ],
)


def check(message: bytes, *anchors: x509.Certificate) -> SignatureVerification[x509.Certificate]:
    return verify(message, anchors or [anchor()], at=NOW)


@each_form
@each_key
def test_the_author_is_proven(kind: str, scheme: RSASignature, form: SignatureForm) -> None:
    ada = person(ADA, kind, rsa_signature=scheme)
    signed = sign(letter(), ada, form=form, clock=lambda: NOW)
    found = check(signed.content)
    assert found.status is SignatureStatus.VALID
    assert found.reason == ""
    assert found.signer == ada.certificate
    assert found.addresses == (Address.parse(ADA),)
    assert found.signed_at == NOW
    shown = found.unwrap(signed.content)
    assert shown.message.text == letter().text
    assert shown.message.subject == "Grüße und Küsse"
    assert shown.protection("Subject") is FieldProtection.SIGNED_ONLY


def test_what_is_sent_is_seven_bit_and_keeps_the_envelope() -> None:
    message = letter(bcc="carol@example.net")
    signed = sign(message, person(ADA))
    assert signed.envelope == message.envelope
    assert signed.content.isascii()
    assert not signed.is_8bit
    assert b"carol" not in signed.content
    assert max(map(len, signed.content.split(b"\r\n"))) <= 998
    root_part = parse(signed.content).root
    assert root_part.media_type == "multipart/signed"
    assert root_part.content_type.get("protocol") == "application/pkcs7-signature"
    assert root_part.content_type.get("micalg") == "sha-256"
    assert [part.media_type for part in root_part.parts] == [
        "multipart/alternative",
        "application/pkcs7-signature",
    ]


def test_eight_bit_bodies_are_encoded_before_they_are_signed() -> None:
    content = (
        b"From: ada@example.com\r\nMIME-Version: 1.0\r\n"
        b"Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n"
        b"Gr\xc3\xbc\xc3\x9fe\r\n"
    )
    source = PreparedMessage(letter().envelope, content, is_8bit=True)
    signed = sign(source, person(ADA))
    assert signed.content.isascii()
    assert parse(check(signed.content).content).text == "Grüße\n"


def test_header_that_is_not_ascii_needs_the_enclosed_form() -> None:
    message = letter(to="grüße@example.org")
    with pytest.raises(ValueError, match="ENCLOSED"):
        sign(message, person(ADA))
    signed = sign(message, person(ADA), form=SignatureForm.ENCLOSED)
    assert signed.is_internationalized
    assert check(signed.content).is_valid


def test_line_ends_of_a_file_do_not_matter() -> None:
    # RFC 8551 3.1.1: CRLF is what is signed, and a file may have lost the CR.
    signed = sign(letter(), person(ADA))
    assert check(signed.content.replace(b"\r\n", b"\n")).is_valid


def test_a_changed_body_is_not_valid() -> None:
    signed = sign(letter(text="Pay 10.\n", html=None), person(ADA))
    found = check(signed.content.replace(b"Pay 10", b"Pay 90"))
    assert found.status is SignatureStatus.INVALID
    assert found.content == b""


def test_a_changed_protected_header_is_not_valid() -> None:
    signed = sign(letter(subject="Ten", html=None), person(ADA))
    changed = signed.content.replace(b"Subject: Ten", b"Subject: Two")
    assert check(changed).status is SignatureStatus.INVALID


@each_form
def test_no_octet_of_the_signature_can_be_changed(form: SignatureForm) -> None:
    signed = sign(letter(text="x\n", html=None), person(ADA), form=form).content
    start = signed.rindex(b"\r\n\r\n") if form is SignatureForm.ENCLOSED else signed.rindex(b"MI")
    valid = check(signed)
    for at in range(start + 4, len(signed) - 8, 61):
        other = b"A" if signed[at : at + 1] != b"A" else b"B"
        found = check(signed[:at] + other + signed[at + 1 :])
        # Some octets are about other certificates, or spell the same.
        assert found.status is not SignatureStatus.VALID or found.content == valid.content


@pytest.mark.parametrize(
    "author",
    ["eve@example.com", "Ada@example.com", "ada@example.com.evil.example", "ada@example.net"],
)
def test_somebody_elses_signature_does_not_count(author: str) -> None:
    signed = sign(letter(from_=author), person(ADA))
    found = check(signed.content)
    assert found.status is SignatureStatus.VALID_FOR_OTHER_SENDER
    assert not found.is_valid
    assert author in found.reason
    assert ADA in found.reason


def test_domains_are_compared_without_case() -> None:
    signed = sign(letter(from_="ada@EXAMPLE.com"), person(ADA))
    assert check(signed.content).is_valid


def test_another_author_outside_does_not_count() -> None:
    signed = sign(letter(), person(ADA)).content
    changed = signed.replace(b"From: Ada <ada@example.com>", b"From: Eve <eve@example.com>", 1)
    assert check(changed).status is SignatureStatus.VALID_FOR_OTHER_SENDER


def test_a_second_from_does_not_count() -> None:
    signed = sign(letter(), person(ADA)).content
    for field in (b"From: eve@example.com\r\n", b"From: ada@example.com\r\n"):
        assert check(field + signed).status is SignatureStatus.VALID_FOR_OTHER_SENDER


def test_another_author_inside_does_not_count() -> None:
    # Readers show what is inside (RFC 9788 4), so Eve must not speak for Ada from there.
    eve = "eve@example.com"
    signed = sign(letter(from_=eve), person(eve)).content
    changed = signed.replace(b"From: eve@", b"From: ada@", 1)
    found = check(changed)
    assert found.status is SignatureStatus.VALID_FOR_OTHER_SENDER


def test_each_of_several_authors_has_to_be_in_the_certificate() -> None:
    several = letter(from_=[ADA, BOB], sender=ADA)
    assert check(sign(several, person(ADA)).content).status is (
        SignatureStatus.VALID_FOR_OTHER_SENDER
    )
    both = issued(ADA, names=(x509.RFC822Name(ADA), x509.RFC822Name(BOB)))
    assert check(sign(several, identity(both)).content).is_valid


def test_an_internationalized_address_is_found() -> None:
    address = "ädä@example.com"
    name = x509.OtherName(
        x509.ObjectIdentifier("1.3.6.1.5.5.7.8.9"),
        b"\x0c" + bytes([len(address.encode())]) + address.encode(),
    )
    found = issued("ada-utf8", names=(name,))
    message = letter(from_=address)
    assert check(sign(message, identity(found), form=SignatureForm.ENCLOSED).content).is_valid


def test_an_address_in_the_subject_alone_proves_nothing() -> None:
    found = issued(ADA, names=())
    assert check(sign(letter(), identity(found)).content).status is (
        SignatureStatus.VALID_FOR_OTHER_SENDER
    )


def test_an_unknown_issuer_proves_nothing() -> None:
    stranger = issuer("Mail Root", None)
    found = check(sign(letter(), person(ADA)).content, stranger.certificate)
    assert found.status is SignatureStatus.UNTRUSTED
    assert found.addresses == (Address.parse(ADA),)
    assert verify(sign(letter(), person(ADA)).content, []).status is SignatureStatus.UNTRUSTED


def test_a_certificate_can_be_trusted_itself() -> None:
    ada = person(ADA)
    assert check(sign(letter(), ada).content, ada.certificate).is_valid


def _signed_under(*extensions: tuple[x509.ExtensionType, bool]) -> tuple[bytes, x509.Certificate]:
    """Sign as Ada, under an authority of its own with these extensions."""
    above = issuer("Other Root", None, extensions=extensions)
    ada = identity(issued(ADA, by=above))
    return sign(letter(), ada).content, above.certificate


def test_constraints_of_names_are_kept() -> None:
    good = x509.NameConstraints([x509.RFC822Name("example.com")], None)
    assert check(*_signed_under((good, True))).is_valid
    other = x509.NameConstraints([x509.RFC822Name("example.net")], None)
    assert check(*_signed_under((other, True))).status is SignatureStatus.UNTRUSTED


def test_an_authority_for_web_servers_does_not_count() -> None:
    servers = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH])
    between = issuer("Web Issuer", root(), extensions=((servers, False),))
    ada = issued(ADA, by=between)
    message = sign(letter(), identity(ada)).content
    found = verify(message, [anchor()], certificates=[between.certificate], at=NOW)
    assert found.status is SignatureStatus.UNTRUSTED


def test_a_certificate_beside_that_nobody_can_read_does_no_harm() -> None:
    strange = x509.load_der_x509_certificate(with_bits_for_a_name())
    ada = issued(ADA)
    among = Identity(ada.key, ada.certificate, chain=(strange, middle().certificate))
    assert check(sign(letter(), among).content).status is SignatureStatus.VALID


def test_who_is_no_authority_vouches_for_nobody() -> None:
    eve = issued("eve@example.com")
    forged = issue(
        "forged",
        issuer=eve,
        authority=False,
        extensions=((x509.SubjectAlternativeName([x509.RFC822Name(ADA)]), False),),
        dates=(NOW - timedelta(days=1), NOW + timedelta(days=1)),
    )
    message = sign(letter(), identity(forged)).content
    between = [eve.certificate, middle().certificate]
    found = verify(message, [anchor()], certificates=between, at=NOW)
    assert found.status is SignatureStatus.UNTRUSTED


@pytest.mark.parametrize(
    "differences",
    [
        {"purposes": x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH])},
        {"key_usage": usage("key_encipherment")},
    ],
    ids=["extended key usage", "key usage"],
)
def test_a_certificate_for_something_else_does_not_count(
    differences: dict[str, x509.ExtendedKeyUsage | x509.KeyUsage],
) -> None:
    found = check(sign(letter(), identity(issued(ADA, **differences))).content)
    assert found.status is SignatureStatus.UNTRUSTED
    assert "the certificate is not for" in found.reason


def test_extensions_that_are_absent_limit_nothing() -> None:
    # RFC 8550 4.4.2 and 4.4.4
    plain = issued(ADA, purposes=None, key_usage=None)
    assert check(sign(letter(), identity(plain)).content).is_valid


def test_an_expired_certificate_does_not_count() -> None:
    old = identity(issued(ADA, dates=EXPIRED))
    found = check(sign(letter(), old, clock=lambda: EXPIRED[0]).content)
    assert found.status is SignatureStatus.EXPIRED
    assert "expired at" in found.reason


def test_the_time_of_checking_is_the_callers() -> None:
    signed = sign(letter(), person(ADA), clock=lambda: NOW).content
    later = verify(signed, [anchor()], at=NOW + timedelta(days=365))
    assert later.status is SignatureStatus.EXPIRED


@pytest.mark.parametrize("days", [-5, 5])
def test_the_time_of_signing_has_to_fit(days: int) -> None:
    # Before the certificate was valid, and in the future.
    signed = sign(letter(), person(ADA), clock=lambda: NOW + timedelta(days=days))
    assert check(signed.content).status is SignatureStatus.EXPIRED


def test_a_message_without_signature_says_so() -> None:
    found = check(bytes(letter()))
    assert found.status is SignatureStatus.UNSIGNED
    assert found.content == b""


def test_a_signature_around_a_part_is_not_that_of_the_message() -> None:
    signed = sign(letter(), person(ADA)).content
    wrapped = (
        b"From: ada@example.com\r\nContent-Type: multipart/mixed; boundary=x\r\n\r\n"
        b"--x\r\n\r\nPay 90.\r\n--x\r\n" + signed + b"\r\n--x--\r\n"
    )
    assert check(wrapped).status is SignatureStatus.UNSIGNED


def test_certificates_can_be_given_apart() -> None:
    alone = identity(issued(ADA))
    alone.chain = ()
    message = sign(letter(), alone).content
    assert check(message).status is SignatureStatus.UNTRUSTED
    given = load_certificates(certificate_pem(middle()))
    assert verify(message, [anchor()], certificates=given, at=NOW).is_valid


def test_reading_needs_no_time_zone_of_the_machine() -> None:
    signed = sign(letter(), person(ADA), clock=NOW.astimezone)
    assert check(signed.content).signed_at == NOW


def test_messages_that_are_read_already_are_taken() -> None:
    message: Message = letter()
    signed = sign(message, person(ADA))
    assert verify(parse(signed.content), [anchor()], at=NOW).is_valid


def _revocations(
    above: Issued, *revoked: x509.Certificate, by: Issued | None = None, days: int = 0
) -> x509.CertificateRevocationList:
    """Make a list under the name of an authority."""
    builder = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(above.certificate.subject)
        .last_update(NOW + timedelta(days=days - 1))
        .next_update(NOW + timedelta(days=days + 1))
    )
    for certificate in revoked:
        entry = x509.RevokedCertificateBuilder().serial_number(certificate.serial_number)
        builder = builder.add_revoked_certificate(entry.revocation_date(NOW).build())
    key = (by or above).key
    assert isinstance(key, EllipticCurvePrivateKey)
    return builder.sign(key, SHA256())


def test_revoked_certificates_do_not_count() -> None:
    ada = person(ADA)
    message = sign(letter(), ada).content
    for revoked in (
        _revocations(middle(), ada.certificate),
        _revocations(root(), middle().certificate),
    ):
        found = verify(message, [anchor()], revocations=[revoked], at=NOW)
        assert found.status is SignatureStatus.REVOKED
        assert "was revoked" in found.reason


def test_only_the_issuer_revokes_and_from_then_on() -> None:
    ada = person(ADA)
    message = sign(letter(), ada).content
    lists = [
        _revocations(middle(), person(BOB).certificate),
        _revocations(root(), ada.certificate),
        _revocations(middle(), ada.certificate, by=issued("eve@example.com")),
        _revocations(middle(), ada.certificate, days=9),
    ]
    assert verify(message, [anchor()], revocations=lists, at=NOW).is_valid


def test_a_moment_without_offset_is_refused() -> None:
    with pytest.raises(InvalidInput, match="no offset"):
        verify(bytes(sign(letter(), person(ADA))), [anchor()], at=NOW.replace(tzinfo=None))
    elsewhere = NOW.astimezone(timezone(timedelta(hours=14)))
    assert verify(bytes(sign(letter(), person(ADA))), [anchor()], at=elsewhere).is_valid


def test_a_signature_is_found_by_its_file_name_too() -> None:
    signed = sign(letter(), person(ADA), form=SignatureForm.ENCLOSED).content
    typed = b"application/pkcs7-mime; name=smime.p7m;\r\n smime-type=signed-data"
    assert typed in signed
    named = signed.replace(typed, b"application/octet-stream; name=smime.p7m")
    assert check(named).is_valid
    other = named.replace(b"smime.p7m", b"smime.pdf")
    assert check(other).status is SignatureStatus.UNSIGNED


def test_signed_attributes_of_another_message_are_no_content() -> None:
    # Without signed attributes the signature is over the content: it must not be a set of them.
    ada = person(ADA)
    _, found = content_type_of(
        parse(sign(letter(), ada, form=SignatureForm.ENCLOSED).content).root.content
    )
    info = read_signed(found).signers[0]
    assert info.attributes is not None
    forged = replace(info, attributes=None)
    signed = read_signed(found)
    with pytest.raises(Refusal, match="does not fit"):
        check_octets(forged, signed, info.attributes.octets, ada.certificate)

"""Signatures: who gets which status, and that only the author's own is valid."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pysequoia
import pytest
from hypothesis import given
from hypothesis import strategies as st

from postseal.mail.header_protection import FieldProtection
from postseal.mail.openpgp import SecretKey, sign, verify
from postseal.mail.openpgp.packets import PacketType, dearmored, packet_octets
from postseal.mail.reading import parse
from postseal.mail.seal_status import SignatureStatus
from tests.parts.openpgp_people import (
    ADA,
    BOB,
    MALLORY,
    certificate,
    halves,
    letter,
    revoked,
    secret_key,
    secret_octets,
    signed_by_hand,
)

ENTITY = b"Content-Type: text/plain\r\n\r\nIt is I."


def detached(octets: bytes, *user_ids: str) -> bytes:
    signer = pysequoia.Tsk.from_bytes(secret_octets(*user_ids)).signer()
    return pysequoia.sign(signer, octets, mode=pysequoia.SignatureMode.DETACHED)


def test_what_ada_signs_is_hers() -> None:
    content = bytes(sign(letter(), secret_key(ADA)))
    found = verify(content, [certificate(BOB), certificate(ADA)])
    assert (found.status, found.reason, found.is_valid) == (SignatureStatus.VALID, "", True)
    assert found.signer is not None
    assert found.signer.fingerprint == certificate(ADA).fingerprint
    assert found.addresses == certificate(ADA).addresses
    assert found.content == halves(content)[0]
    assert verify(parse(content), [certificate(ADA)]).is_valid


def test_the_header_is_signed_with_the_body() -> None:
    content = bytes(sign(letter(), secret_key(ADA)))
    changed = content.replace(b"Subject: ", b"Subject: Re: ", 1)
    shown = verify(changed, [certificate(ADA)]).unwrap(changed)
    assert shown.message.subject == "Grüße"
    assert shown.protection("Subject") is FieldProtection.SIGNED_ONLY
    assert shown.message.text == "Hello Bob,\nsee you.\n-- \nAda\n"


@pytest.mark.parametrize("author", [MALLORY, f"{ADA}, {MALLORY}", "ADA@example.com", ""])
def test_a_signature_of_somebody_else(author: str) -> None:
    signed = signed_by_hand(ENTITY, detached(ENTITY, ADA), author=author)
    found = verify(signed, [certificate(ADA)])
    assert found.status is SignatureStatus.VALID_FOR_OTHER_SENDER
    assert not found.is_valid
    assert "ada@example.com" in found.reason
    assert found.content == ENTITY


def test_an_author_outside_who_is_not_the_one_inside() -> None:
    content = bytes(sign(letter(), secret_key(ADA)))
    changed = content.replace(b"From: Ada Lovelace <ada@", b"From: Ada Lovelace <eve@", 1)
    found = verify(changed, [certificate(ADA)])
    assert found.status is SignatureStatus.VALID_FOR_OTHER_SENDER
    assert "eve@example.com" in found.reason


def test_an_author_inside_who_is_not_the_signer() -> None:
    forged = bytes(sign(letter(), secret_key(MALLORY)))
    forged = forged.replace(
        b"From: Ada Lovelace <ada@example.com>", b"From: mallory@example.net", 1
    )
    found = verify(forged, [certificate(MALLORY)])
    assert found.status is SignatureStatus.VALID_FOR_OTHER_SENDER


def test_two_fields_from_are_nobodys() -> None:
    signed = b"From: mallory@example.net\r\n" + signed_by_hand(ENTITY, detached(ENTITY, ADA))
    assert verify(signed, [certificate(ADA)]).status is SignatureStatus.VALID_FOR_OTHER_SENDER


def test_two_authors_who_both_sign() -> None:
    both = b"".join(dearmored(detached(ENTITY, each)) for each in (ADA, MALLORY))
    signed = signed_by_hand(
        ENTITY,
        pysequoia.armor(both, pysequoia.ArmorKind.Signature).encode(),
        author=f"{ADA}, {MALLORY}",
    )
    certificates = [certificate(ADA), certificate(MALLORY)]
    assert verify(signed, certificates).is_valid
    assert verify(signed, certificates[:1]).status is SignatureStatus.VALID_FOR_OTHER_SENDER


def test_a_key_that_was_not_given_proves_nothing() -> None:
    content = bytes(sign(letter(), secret_key(ADA)))
    found = verify(content, [certificate(BOB)])
    assert (found.status, found.content) == (SignatureStatus.UNTRUSTED, b"")
    assert found.signed_at is not None


def test_a_key_that_was_taken_back() -> None:
    found = verify(bytes(sign(letter(), secret_key(ADA))), [revoked(ADA)])
    assert (found.status, found.content) == (SignatureStatus.REVOKED, b"")


def test_a_key_that_has_expired_since() -> None:
    octets = bytes(pysequoia.Tsk.generate(ADA, validity_seconds=3600))
    key = SecretKey.from_bytes(octets)
    content = bytes(sign(letter(), key))
    assert verify(content, [key.certificate]).is_valid
    later = datetime.now(UTC) + timedelta(hours=2)
    found = verify(content, [key.certificate], at=later)
    assert (found.status, found.content) == (SignatureStatus.EXPIRED, b"")


def test_a_signature_of_the_future() -> None:
    content = bytes(sign(letter(), secret_key(ADA)))
    found = verify(content, [certificate(ADA)], at=datetime.now(UTC) - timedelta(days=1))
    assert found.status is SignatureStatus.INVALID
    assert "in the future" in found.reason


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"From: ada@example.com\r\n\r\nHello",
        bytes(letter()),
        signed_by_hand(ENTITY, b"x").replace(b"application/pgp-signature\r\n", b"text/plain\r\n"),
    ],
)
def test_what_is_not_signed(content: bytes) -> None:
    assert verify(content, [certificate(ADA)]).status is SignatureStatus.UNSIGNED


@pytest.mark.parametrize(
    "signature",
    [
        b"",
        b"nothing",
        packet_octets(PacketType.COMPRESSED, b"\x01"),
        packet_octets(PacketType.SIGNATURE, b""),
        packet_octets(PacketType.SIGNATURE, b"\x04\x00"),
        bytes(300_000),
    ],
)
def test_what_is_no_signature_is_invalid(signature: bytes) -> None:
    found = verify(signed_by_hand(ENTITY, signature), [certificate(ADA)])
    assert (found.status, found.content) == (SignatureStatus.INVALID, b"")


@given(st.data())
def test_a_changed_message_is_never_valid_for_what_it_says(data: st.DataObject) -> None:
    content = bytes(sign(letter("Pay 100."), secret_key(ADA)))
    position = data.draw(st.integers(0, len(content) - 1))
    octet = data.draw(st.integers(0, 255))
    changed = content[:position] + bytes((octet,)) + content[position + 1 :]
    found = verify(changed, [certificate(ADA)])
    assert found.status.is_valid <= (b"Pay 100." in found.content)
    assert not found.is_valid or found.unwrap(changed).message.text == "Pay 100.\n"

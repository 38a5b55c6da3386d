from __future__ import annotations

import re
from base64 import b64encode
from datetime import timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st

from postseal.mail.authentication import (
    Canonicalization,
    DKIMResult,
    DKIMSigner,
    KeyType,
    ResultWord,
    SignatureFault,
    SigningIdentity,
    SigningKey,
    VerificationLimits,
    verify_dkim,
)
from postseal.mail.authentication.canonical import BodyHash
from postseal.mail.authentication.raw_message import RawField, read_fields
from postseal.mail.authentication.signature_field import with_signature
from postseal.mail.authentication.signed_octets import choose_fields, signed_octets
from postseal.testing import MemoryResolver
from tests.parts.signed_mail import (
    DOMAIN,
    MESSAGES,
    NOW,
    records,
    resolver,
    signer,
    signing_key,
)

PLAIN = MESSAGES["plain"]
NAME = f"ed255191._domainkey.{DOMAIN}"
RECORD = records()[NAME]
SIGNED = signer(KeyType.ED25519).sign(PLAIN) + PLAIN


async def verify(message: bytes, dns: MemoryResolver | None = None) -> DKIMResult:
    [result] = await verify_dkim(message, dns or resolver(), clock=lambda: NOW)
    assert result.passed == (result.fault is None) == (not result.text)
    return result


def dns_with(*texts: str) -> MemoryResolver:
    made = MemoryResolver()
    made.add(NAME, *texts)
    return made


def signed_by_hand(tags: str, body: bytes = b"one\r\ntwo\r\n") -> bytes:
    """A message whose signature has the tags that our signer does not write."""
    header = b"From: ada@example.com\r\nSubject: x\r\n"
    length = re.search(r"l=(\d+)", tags)
    hashing = BodyHash(Canonicalization.RELAXED, length=int(length[1]) if length else None)
    hashing.feed(body)
    digest = b64encode(hashing.digest()).decode()
    field = f"DKIM-Signature: c=relaxed/relaxed; s=ed255191; {tags}; bh={digest};\r\n\tb=\r\n"
    names = re.search(r"h=([^;]*)", tags)
    chosen = choose_fields(read_fields(header), names[1].lower().split(":") if names else ["from"])
    octets = signed_octets(chosen, field.encode(), Canonicalization.RELAXED)
    key = signing_key(KeyType.ED25519)
    return with_signature(field.encode(), key.sign(octets)) + header + b"\r\n" + body


GOOD = "v=1; a=ed25519-sha256; d=example.com; h=from:subject"


async def test_the_one_that_is_good() -> None:
    result = await verify(SIGNED)
    assert result.passed
    assert result.authentic
    assert result.signature is not None
    assert (result.signature.domain, result.signature.agent) == (DOMAIN, f"@{DOMAIN}")
    assert (await verify(signed_by_hand(GOOD))).passed


async def test_a_message_without_signature_has_no_result() -> None:
    assert await verify_dkim(PLAIN, resolver()) == ()


@pytest.mark.parametrize(
    ("tags", "fault", "word"),
    [
        (GOOD.replace("v=1; ", ""), SignatureFault.SYNTAX, "neutral"),
        (GOOD.replace("v=1", "v=2"), SignatureFault.VERSION, "neutral"),
        (GOOD.replace("ed25519-sha256", "rsa-sha1"), SignatureFault.ALGORITHM, "permerror"),
        (GOOD.replace("ed25519-sha256", "rsa-sha256"), SignatureFault.KEY_MISMATCH, "permerror"),
        (GOOD.replace("d=example.com; ", ""), SignatureFault.SYNTAX, "neutral"),
        (GOOD.replace("d=example.com", "d=com"), SignatureFault.SYNTAX, "neutral"),
        (GOOD.replace("d=example.com", "d=ex ample.com"), SignatureFault.SYNTAX, "neutral"),
        (GOOD.replace("d=example.com", "d=other.example"), SignatureFault.NO_KEY, "permerror"),
        (GOOD.replace("from:subject", "subject"), SignatureFault.FROM_NOT_SIGNED, "permerror"),
        (GOOD.replace("from:subject", "from::subject"), SignatureFault.SYNTAX, "neutral"),
        (f"{GOOD}; i=ada@example.org", SignatureFault.DOMAIN_MISMATCH, "permerror"),
        (f"{GOOD}; i=ada@notexample.com", SignatureFault.DOMAIN_MISMATCH, "permerror"),
        (f"{GOOD}; i=ada", SignatureFault.SYNTAX, "neutral"),
        (f"{GOOD}; q=http", SignatureFault.QUERY_METHOD, "permerror"),
        (f"{GOOD}; t=5; x=5", SignatureFault.SYNTAX, "neutral"),
        (f"{GOOD}; t=1; x=2", SignatureFault.EXPIRED, "fail"),
        (f"{GOOD}; t=9999999999", SignatureFault.FROM_THE_FUTURE, "permerror"),
        (f"{GOOD}; t=soon", SignatureFault.SYNTAX, "neutral"),
        (f"{GOOD}; l=-1", SignatureFault.SYNTAX, "neutral"),
        (f"{GOOD}; l=3", SignatureFault.BODY_NOT_COVERED, "policy"),
        (f"{GOOD}; l=0", SignatureFault.BODY_NOT_COVERED, "policy"),
        (f"{GOOD}; l=11", SignatureFault.BODY_TOO_SHORT, "fail"),
        (f"{GOOD}; c=odd", SignatureFault.SYNTAX, "neutral"),
        (f"{GOOD}; h=from", SignatureFault.SYNTAX, "neutral"),
        (f"{GOOD}; s=other", SignatureFault.SYNTAX, "neutral"),
    ],
)
async def test_signatures_that_do_not_count(tags: str, fault: SignatureFault, word: str) -> None:
    result = await verify(signed_by_hand(tags))
    assert (result.fault, result.word) == (fault, word), result.text


@pytest.mark.parametrize(
    "tags",
    [
        f"{GOOD}; l=10",
        f"{GOOD}; i=ada@mail.example.com",
        f"{GOOD}; q=other:dns/txt",
        f"{GOOD}; t=1; x={int(NOW.timestamp()) - 200}",
        f"{GOOD}; z=From:a|Subject:b; zz=unknown",
        GOOD.replace("from:subject", "From : Subject:cc:cc"),
        GOOD.replace("example.com", "Example.COM"),
    ],
)
async def test_signatures_that_count_all_the_same(tags: str) -> None:
    if " : " in tags:
        # The helper splits at bare colons.
        tags = tags.replace(" : ", ":")
    result = await verify(signed_by_hand(tags))
    assert result.passed, result.text


P = RECORD.partition("p=")[2]
SHORT_ED25519 = b64encode(bytes(31)).decode()


@pytest.mark.parametrize(
    ("record", "fault", "word"),
    [
        ("v=DKIM1; k=ed25519; p=", SignatureFault.KEY_REVOKED, "permerror"),
        ("v=DKIM1; k=ed25519", SignatureFault.KEY_SYNTAX, "permerror"),
        (f"k=ed25519; v=DKIM1; p={P}", SignatureFault.KEY_SYNTAX, "permerror"),
        (f"v=DKIM2; k=ed25519; p={P}", SignatureFault.KEY_SYNTAX, "permerror"),
        ("v=DKIM1; k=ed25519; p=?", SignatureFault.KEY_SYNTAX, "permerror"),
        ("not a record", SignatureFault.KEY_SYNTAX, "permerror"),
        (f"v=DKIM1; k=ed25519; p={SHORT_ED25519}", SignatureFault.KEY_SYNTAX, "permerror"),
        (f"v=DKIM1; p={P}", SignatureFault.KEY_MISMATCH, "permerror"),
        (f"v=DKIM1; k=other; p={P}", SignatureFault.KEY_MISMATCH, "permerror"),
        (f"{RECORD}; h=sha1", SignatureFault.KEY_MISMATCH, "permerror"),
        (f"{RECORD}; s=tlsrpt", SignatureFault.KEY_MISMATCH, "permerror"),
    ],
)
async def test_records_that_do_not_help(record: str, fault: SignatureFault, word: str) -> None:
    result = await verify(SIGNED, dns_with(record))
    assert (result.fault, result.word) == (fault, word), result.text


@pytest.mark.parametrize(
    "record",
    [
        f"k=ed25519;p={P}",
        f"v=DKIM1;k=ed25519;p={P};",
        f"v=DKIM1; k=ed25519; h=sha1:sha256; s=*; n=a note; new=1; p={P[:9]} {P[9:]}",
        f"{RECORD}; s=email:other; t=s",
    ],
)
async def test_records_that_help(record: str) -> None:
    assert (await verify(SIGNED, dns_with(record))).passed


async def test_the_flags_of_a_record() -> None:
    assert (await verify(SIGNED, dns_with(f"{RECORD}; t=y"))).is_testing
    assert not (await verify(SIGNED, dns_with(RECORD))).is_testing
    in_subdomain = signed_by_hand(f"{GOOD}; i=@mail.example.com")
    assert (await verify(in_subdomain)).passed
    result = await verify(in_subdomain, dns_with(f"{RECORD}; t=y:s"))
    assert result.fault is SignatureFault.DOMAIN_MISMATCH


async def test_one_good_record_among_several_is_enough() -> None:
    assert (await verify(SIGNED, dns_with("v=spf1 -all", RECORD))).passed


async def test_lookups_that_fail() -> None:
    empty = MemoryResolver()
    empty.add(NAME)
    assert (await verify(SIGNED, empty)).fault is SignatureFault.NO_KEY
    failing = dns_with(RECORD)
    failing.bogus(NAME)
    result = await verify(SIGNED, failing)
    assert (result.fault, result.word) == (SignatureFault.KEY_UNAVAILABLE, ResultWord.TEMPERROR)
    assert (await verify(SIGNED, MemoryResolver())).word is ResultWord.PERMERROR


async def test_a_changed_body_needs_no_lookup() -> None:
    dns = resolver()
    assert (await verify(SIGNED + b"PS\r\n", dns)).fault is SignatureFault.BODY_HASH
    assert dns.asked == []


async def rsa_result(key: rsa.RSAPrivateKey, record: str) -> DKIMResult:
    """Verify a good signature by a key that may be too short to sign with."""
    accepted = SigningKey(key, dangerous_accept_short_rsa=True)
    field = DKIMSigner(SigningIdentity(DOMAIN, "ed255191", accepted), clock=lambda: NOW).sign(PLAIN)
    return await verify(field + PLAIN, dns_with(record))


async def test_rsa_keys_of_1024_bits_still_verify_and_shorter_ones_do_not() -> None:
    key = rsa.generate_private_key(65537, 1024)
    public = key.public_key()
    spki = b64encode(public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).decode()
    pkcs1 = b64encode(public.public_bytes(Encoding.DER, PublicFormat.PKCS1)).decode()
    for text in (spki, pkcs1):
        result = await rsa_result(key, f"v=DKIM1; p={text}")
        assert (result.word, result.key_bits) == ("pass", 1024)
    # A modulus of 768 bits: RFC 8301 3.2 has nobody accept what it signs.
    numbers = rsa.RSAPublicNumbers(65537, (1 << 767) + 12345)
    weak = numbers.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    result = await rsa_result(key, f"v=DKIM1; p={b64encode(weak).decode()}")
    assert (result.fault, result.word) == (SignatureFault.WEAK_KEY, "policy")
    huge = rsa.RSAPublicNumbers(65537, (1 << 9000) + 1).public_key()
    octets = huge.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    result = await rsa_result(key, f"v=DKIM1; p={b64encode(octets).decode()}")
    assert result.fault is SignatureFault.HUGE_KEY


async def test_a_key_of_another_kind_under_k_rsa() -> None:
    octets = (
        ec.generate_private_key(ec.SECP256R1())
        .public_key()
        .public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    )
    key = rsa.generate_private_key(65537, 1024)
    result = await rsa_result(key, f"v=DKIM1; p={b64encode(octets).decode()}")
    assert result.fault is SignatureFault.KEY_SYNTAX


@pytest.mark.parametrize(
    "message",
    [
        SIGNED.replace(b"Subject", b"X: a\nFrom: eve@example.net\r\nSubject"),
        SIGNED.replace(b"Subject", b"X: a\rFrom: eve@example.net\r\nSubject"),
        b"no field\r\n" + SIGNED,
        SIGNED[:60],
        b"X: " + b"x" * 1_048_576 + SIGNED,
    ],
)
async def test_messages_that_readers_take_apart_differently(message: bytes) -> None:
    result = await verify(message)
    assert (result.fault, result.word) == (SignatureFault.MALFORMED_MESSAGE, "permerror")


async def test_a_second_from_is_refused_even_where_it_is_not_oversigned() -> None:
    result = await verify(b"From: eve@example.net\r\n" + signed_by_hand(GOOD))
    assert (result.fault, result.word) == (SignatureFault.SEVERAL_FROM, "policy")


async def test_only_so_many_signatures_are_checked() -> None:
    field = signer(KeyType.ED25519).sign(PLAIN)
    limits = VerificationLimits(signatures=2)
    results = await verify_dkim(field * 4 + PLAIN, resolver(), limits=limits, clock=lambda: NOW)
    assert [result.word for result in results] == ["pass", "pass", "neutral", "neutral"]
    assert results[3].fault is SignatureFault.TOO_MANY


@pytest.mark.parametrize("size", [1, 3, 1000])
async def test_pieces_of_any_size_give_the_same_results(size: int) -> None:
    message = signer(*KeyType).sign(PLAIN) + PLAIN
    pieces = (message[at : at + size] for at in range(0, len(message), size))
    results = await verify_dkim(pieces, resolver(), clock=lambda: NOW)
    assert results == await verify_dkim(message, resolver(), clock=lambda: NOW)
    assert [result.passed for result in results] == [True, True]


@given(data=st.data())
def test_no_single_octet_of_what_is_signed_can_change(data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(SIGNED) - 1))
    octet = data.draw(st.integers(0, 255))
    message = SIGNED[:at] + bytes([octet]) + SIGNED[at + 1 :]
    results = run(message)
    if any(result.passed for result in results):
        assert relaxed(message) == relaxed(SIGNED)


def run(message: bytes) -> tuple[DKIMResult, ...]:
    """Drive the coroutine, which never suspends on a resolver in memory."""
    coroutine = verify_dkim(message, resolver(), clock=lambda: NOW)
    try:
        coroutine.send(None)
    except StopIteration as stop:
        results: tuple[DKIMResult, ...] = stop.value
        return results
    raise AssertionError("it suspended")


def relaxed(message: bytes) -> bytes:
    """What relaxed canonicalization, tag lists and base64 leave the same: white space and case."""
    return b"".join(message.lower().split())


def test_the_name_of_a_field_may_have_space_behind_it() -> None:
    assert read_fields(b"From : a\r\n b\r\nX:\r\n") == (
        RawField("from", b"From : a\r\n b\r\n"),
        RawField("x", b"X:\r\n"),
    )


async def test_skew_is_granted_to_both_sides() -> None:
    field = signer(KeyType.ED25519).sign(PLAIN)
    early, too_early = (NOW - timedelta(seconds=seconds) for seconds in (299, 301))
    [result] = await verify_dkim(field + PLAIN, resolver(), clock=lambda: early)
    assert result.passed
    [result] = await verify_dkim(field + PLAIN, resolver(), clock=lambda: too_early)
    assert result.fault is SignatureFault.FROM_THE_FUTURE

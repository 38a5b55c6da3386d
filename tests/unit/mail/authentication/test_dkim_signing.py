from __future__ import annotations

import pickle
from datetime import timedelta
from email import message_from_bytes, policy

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from postseal import Message
from postseal.errors import InvalidInput
from postseal.mail.authentication import (
    Canonicalization,
    DKIMSigner,
    HeaderChoice,
    InvalidKey,
    InvalidMessage,
    KeyType,
    SigningIdentity,
    SigningKey,
    verify_dkim,
)
from postseal.mail.authentication.tags import read_tags
from postseal.testing import MemoryResolver
from tests.parts.signed_mail import MESSAGES, NOW, identity, resolver, signer, signing_key

PLAIN = MESSAGES["plain"]


def tags_of(field: bytes) -> dict[str, str]:
    return read_tags(field.partition(b":")[2])


async def test_a_key_for_one_service_signs_no_other_mail() -> None:
    key = signing_key(KeyType.ED25519)
    assert " s=tlsrpt; p=" in key.record(service="tlsrpt")
    dns = MemoryResolver()
    dns.add("x._domainkey.example.com", key.record(service="tlsrpt"))
    signed = DKIMSigner.for_domain("example.com", selector="x", key=key).sign(PLAIN) + PLAIN
    [result] = await verify_dkim(signed, dns)
    assert not result.passed


def test_the_defaults_are_relaxed_and_oversigned() -> None:
    tags = tags_of(signer().sign(PLAIN))
    assert tags["a"] == "rsa-sha256"
    assert tags["c"] == "relaxed/relaxed"
    assert tags["t"] == str(int(NOW.timestamp()))
    assert "l" not in tags
    assert "x" not in tags
    names = tags["h"].split(":")
    # There once, and once more that nobody may add; what is not there is named as well.
    assert [names.count(name) for name in ("from", "subject", "to", "date", "cc")] == [
        2,
        2,
        2,
        2,
        1,
    ]
    assert "sender" not in names
    assert "received" not in names


def test_no_line_is_long_and_each_is_folded() -> None:
    long_name = "a" * 60
    one = SigningIdentity(f"{long_name}.{long_name}.example", long_name, signing_key(KeyType.RSA))
    for field in (signer(*KeyType).sign(PLAIN), DKIMSigner(one).sign(PLAIN)):
        assert field.endswith(b"\r\n")
        for line in field.split(b"\r\n")[:-1]:
            assert len(line) <= 140
            assert line.startswith((b"DKIM-Signature: v=1", b"\t"))
    assert max(map(len, signer(*KeyType).sign(PLAIN).split(b"\r\n"))) <= 78


async def test_lifetime_and_agent() -> None:
    made = DKIMSigner(
        identity(KeyType.ED25519, agent="ada@mail.example.com"),
        lifetime=timedelta(days=7),
        clock=lambda: NOW,
    )
    field = made.sign(PLAIN)
    tags = tags_of(field)
    assert int(tags["x"]) - int(tags["t"]) == 7 * 86_400
    assert tags["i"] == "ada@mail.example.com"
    later = NOW + timedelta(days=7, minutes=6)
    [result] = await verify_dkim(field + PLAIN, resolver(), clock=lambda: NOW)
    assert result.passed
    assert result.signature is not None
    assert result.signature.agent == "ada@mail.example.com"
    [result] = await verify_dkim(field + PLAIN, resolver(), clock=lambda: later)
    assert (result.word, result.fault) == ("fail", "signature expired")


@pytest.mark.parametrize("name", MESSAGES)
@pytest.mark.parametrize("size", [1, 2, 7, 1000])
@pytest.mark.parametrize("form", Canonicalization)
def test_pieces_of_any_size_give_the_same_signature(
    name: str, size: int, form: Canonicalization
) -> None:
    message = MESSAGES[name]
    made = DKIMSigner(identity(KeyType.ED25519), body_form=form, clock=lambda: NOW)
    pieces = (message[at : at + size] for at in range(0, len(message), size))
    assert made.sign(pieces) == made.sign(message)


async def test_what_we_compose_is_signed_and_still_read_by_others() -> None:
    composed = Message(
        from_="Jöhn <john@example.com>",
        to="bob@example.org",
        subject="Grüße " * 20,
        text="Hällo\n" * 5,
        html="<p>Hällo</p>",
    )
    octets = bytes(composed)
    signed = signer(*KeyType).sign(octets) + octets
    results = await verify_dkim(signed, resolver(), clock=lambda: NOW)
    assert [result.passed for result in results] == [True, True]
    read = message_from_bytes(signed, policy=policy.default)
    assert len(read.get_all("DKIM-Signature", [])) == 2
    assert not read.defects


async def test_a_message_without_a_body() -> None:
    message = b"From: ada@example.com\r\n"
    for octets in (message, message + b"\r\n"):
        [result] = await verify_dkim(signer().sign(message) + octets, resolver(), clock=lambda: NOW)
        assert result.passed


@pytest.mark.parametrize(
    ("message", "words"),
    [
        (b"To: a@b.example\r\n\r\nx\r\n", "0 From"),
        (b"From: a@b.example\r\nFROM: c@d.example\r\n\r\nx\r\n", "2 From"),
        (b"From: a@b.example\nTo: c\r\n\r\nx\r\n", "LF without CR"),
        (b"From: a@b.example\rTo: c\r\n\r\nx\r\n", "CR without LF"),
        (b"From: a@b.example\x00\r\n\r\nx\r\n", "NUL"),
        (b"From: a@b.example\r\n\r\nx\ny\r\n", "the body holds"),
        (b"From: a@b.example\r\n\r\nx\ry\r\n", "the body holds"),
        (b"From: a@b.example\r\n\r\nx\r", "the body holds"),
        # As many of the one as of the other, and no pair.
        (b"From: a@b.example\rTo: c\nX: y\r\n\r\nx\r\n", "CR without LF"),
        (b"From: a@b.example\r\n\r\nx\ry\nz\r\n", "the body holds"),
        (b"From: a@b.example\r\nno field\r\n\r\nx\r\n", "no header field"),
        (b" From: a@b.example\r\n\r\nx\r\n", "no header field"),
        (b"From: a@b.example", "ends within"),
        (b"", "0 From"),
        (b"\r\nFrom: a@b.example\r\n", "0 From"),
        (b"From: a@b.example\r\nX: " + b"x" * 1_048_576, "longer than"),
    ],
)
@pytest.mark.parametrize("size", [1000, 1_000_000])
def test_what_cannot_be_signed(message: bytes, words: str, size: int) -> None:
    pieces = [message[at : at + size] for at in range(0, len(message), size)]
    with pytest.raises(InvalidMessage, match=words):
        signer().sign(pieces)


@pytest.mark.parametrize(
    "name", ["Received", "return-path", "bcc", "DKIM-Signature", "a b", "a:b", "", "ä"]
)
def test_fields_that_are_not_for_signing(name: str) -> None:
    with pytest.raises(InvalidInput):
        HeaderChoice(signed=("from", name))
    with pytest.raises(InvalidInput):
        HeaderChoice(oversigned=frozenset({name}))


def test_from_is_signed_and_oversigned_whatever_is_chosen() -> None:
    made = DKIMSigner(
        identity(KeyType.ED25519), headers=HeaderChoice(signed=("X-One",), oversigned=frozenset())
    )
    assert tags_of(made.sign(b"X-One: 1\r\nx-one: 2\r\n" + PLAIN))["h"] == "from:from:x-one:x-one"


@pytest.mark.parametrize(
    "change",
    [
        {"domain": "example"},
        {"domain": "a..example"},
        {"domain": "exa mple.com"},
        {"domain": "example.com; l=0"},
        {"selector": "a;b"},
        {"selector": ""},
        {"agent": "ada"},
        {"agent": "ada@example.org"},
        {"agent": "ada@notexample.com"},
        {"agent": "a;b@example.com"},
        {"agent": "a\r\n b@example.com"},
    ],
)
def test_identities_that_cannot_be_written(change: dict[str, str]) -> None:
    parts = {"domain": "example.com", "selector": "s1", "agent": "@example.com"} | change
    with pytest.raises(InvalidInput):
        SigningIdentity(
            parts["domain"], parts["selector"], signing_key(KeyType.ED25519), parts["agent"]
        )


def test_an_identity_is_written_in_a_labels() -> None:
    one = SigningIdentity("Bücher.Example", "S1", signing_key(KeyType.ED25519))
    assert (one.domain, one.selector) == ("xn--bcher-kva.example", "s1")


def test_a_signer_needs_somebody_and_a_life() -> None:
    with pytest.raises(InvalidInput, match="at least one identity"):
        DKIMSigner()
    with pytest.raises(InvalidInput, match="a second"):
        DKIMSigner(identity(KeyType.ED25519), lifetime=timedelta(0))


@pytest.mark.parametrize(
    "form", [PrivateFormat.PKCS8, PrivateFormat.TraditionalOpenSSL], ids=["PKCS#8", "PKCS#1"]
)
def test_rsa_keys_in_both_forms(form: PrivateFormat) -> None:
    key = load_pem_private_key(signing_key(KeyType.RSA).to_pem(), None)
    plain = key.private_bytes(Encoding.PEM, form, NoEncryption())
    assert SigningKey.from_pem(plain).record() == signing_key(KeyType.RSA).record()
    sealed = key.private_bytes(Encoding.PEM, form, BestAvailableEncryption(b"secret"))
    opened = SigningKey.from_pem(sealed.decode(), password=b"secret")
    assert opened.record() == signing_key(KeyType.RSA).record()
    for password in (None, b"wrong"):
        with pytest.raises(InvalidKey):
            SigningKey.from_pem(sealed, password=password)


def test_short_keys_are_refused() -> None:
    key = rsa.generate_private_key(65537, 1024)
    with pytest.raises(InvalidKey, match="1024 bits, and 2048"):
        SigningKey(key)
    assert SigningKey(key, dangerous_accept_short_rsa=True).bits == 1024
    for bits in (1024, 2047, 8192):
        with pytest.raises(InvalidKey, match="bits"):
            SigningKey.generate(bits=bits)


def test_keys_that_are_none() -> None:
    with pytest.raises(InvalidKey, match="type"):
        SigningKey(ec.generate_private_key(ec.SECP256R1()))  # type: ignore[arg-type] # on purpose
    for pem in ("", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", "\ud800"):
        with pytest.raises(InvalidKey, match="cannot be read"):
            SigningKey.from_pem(pem)
    with pytest.raises(InvalidKey, match="32 octets"):
        SigningKey.from_ed25519_seed(b"short")


def test_a_key_shows_nothing_of_itself() -> None:
    key = signing_key(KeyType.ED25519)
    assert repr(key) == "<SigningKey ed25519 256 bits>"
    with pytest.raises(TypeError, match="secret"):
        pickle.dumps(key)
    assert SigningKey.from_pem(key.to_pem()).record() == key.record()

"""OpenPGP with GnuPG: each opens and verifies what the other seals and signs, and no more."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from pysequoia import ArmorKind, armor

from postseal.mail import Attachment, Message
from postseal.mail.openpgp import (
    Certificate,
    DecryptionStatus,
    InvalidCertificate,
    InvalidSecretKey,
    SecretKey,
    decrypt,
    encrypt,
    sign,
    verify,
)
from postseal.mail.openpgp.packets import PacketType, packet_octets, read_packets
from postseal.mail.prepared import PreparedMessage
from postseal.mail.reading import parse
from postseal.mail.seal_status import SignatureStatus
from tests.parts.gnupg import GnuPG, running_gnupg
from tests.parts.openpgp_people import halves, letter, signed_by_hand, wrapped

PASSPHRASE = "correct horse ⚡"
ENTITY = b"Content-Type: text/plain; charset=us-ascii\r\n\r\nIt is I.\r\n\r\nAda"
PEOPLE = ("ada", "bob")
"""Ada has Ed25519 and Curve25519 under a passphrase, Bob has RSA with 2048 bits and none."""

each_person = pytest.mark.parametrize("person", PEOPLE)


@pytest.fixture(scope="module")
def gnupg() -> Iterator[GnuPG]:
    with running_gnupg() as gnupg:
        ada = ("--quick-gen-key", "Ada <ada@example.com>", "ed25519", "sign", "never")
        gnupg.make(*ada, passphrase=PASSPHRASE)
        fingerprint = gnupg.fingerprint("ada@example.com")
        gnupg.make("--quick-add-key", fingerprint, "cv25519", "encr", passphrase=PASSPHRASE)
        gnupg.make("--quick-gen-key", "Bob <bob@example.org>", "rsa2048", "sign,encr", "never")
        # Cyrano's key was of the year 2020, and Dora's is too short for this one.
        past = ("--faked-system-time", "20200101T000000")
        gnupg.make(
            *past, "--quick-gen-key", "Cyrano <cyrano@example.net>", "rsa2048", "sign,encr", "1y"
        )
        gnupg.make("--quick-gen-key", "Dora <dora@example.net>", "rsa1024", "sign,encr", "never")
        yield gnupg


@pytest.fixture(scope="module")
def keys(gnupg: GnuPG) -> dict[str, SecretKey]:
    ada = gnupg.secret_key("ada@example.com", passphrase=PASSPHRASE)
    return {
        "ada": SecretKey.from_bytes(ada, passphrase=lambda: PASSPHRASE),
        "bob": SecretKey.from_bytes(gnupg.secret_key("bob@example.org")),
    }


def by(person: str, text: str, attachments: tuple[Attachment, ...] = ()) -> Message:
    domain = {"ada": "example.com", "bob": "example.org"}[person]
    return Message(
        from_=f"{person}@{domain}",
        to=["bob@example.org"],
        subject="Grüße",
        text=text,
        attachments=attachments,
    )


# What GnuPG is to verify, and what transports like to change in it.
MESSAGES = {
    "plain": by("ada", "Hello."),
    "blanks at line ends": by("ada", "Hello \t\n-- \nAda  "),
    "From at a line start": by("ada", "From here\n\nFrom there"),
    "other letters": by("ada", "Grüße, Ада 📬"),
    "empty": by("ada", ""),
    "attachment": by("ada", "-- \n", (Attachment.from_bytes(bytes(range(256)), filename="a.b"),)),
}


@pytest.mark.parametrize("name", MESSAGES)
def test_gnupg_verifies_what_we_sign(gnupg: GnuPG, keys: dict[str, SecretKey], name: str) -> None:
    signed = sign(MESSAGES[name], keys["ada"])
    entity, signature = halves(bytes(signed))
    assert "GOODSIG" in gnupg.verify(entity, signature).words
    assert bytes(signed).isascii()
    # RFC 3156 3 and 5: no line has what gets lost or changed on the way.
    lines = entity.split(b"\r\n")
    assert not [line for line in lines if line.endswith((b" ", b"\t")) or line[:5] == b"From "]
    found = verify(bytes(signed), [keys["ada"].certificate])
    assert (found.status, found.content) == (SignatureStatus.VALID, entity)
    assert parse(found.content).text == parse(bytes(MESSAGES[name])).text


@each_person
def test_gnupg_verifies_signatures_of_each_kind_of_key(
    gnupg: GnuPG, keys: dict[str, SecretKey], person: str
) -> None:
    entity, signature = halves(bytes(sign(by(person, "Hello."), keys[person])))
    assert "GOODSIG" in gnupg.verify(entity, signature).words


def test_8_bit_content_is_signed_in_7_bits(gnupg: GnuPG, keys: dict[str, SecretKey]) -> None:
    envelope = letter().envelope
    content = (
        b"From: ada@example.com\r\nMIME-Version: 1.0\r\n"
        b"Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n"
        b"Gr\xc3\xbc\xc3\x9fe \r\n"
    )
    signed = sign(PreparedMessage(envelope, content, is_8bit=True), keys["ada"])
    entity, signature = halves(bytes(signed))
    assert "GOODSIG" in gnupg.verify(entity, signature).words
    assert parse(entity).text == "Grüße \n"


def test_both_refuse_what_was_changed(gnupg: GnuPG, keys: dict[str, SecretKey]) -> None:
    content = bytes(sign(letter(), keys["ada"]))
    entity, signature = halves(content)
    for old, new in ((b"Hello", b"Hullo"), (b"ada@", b"adb@"), (b"=20", b"")):
        changed = entity.replace(old, new)
        assert changed != entity
        assert "BADSIG" in gnupg.verify(changed, signature).words
        found = verify(content.replace(entity, changed), [keys["ada"].certificate])
        assert (found.status, found.content) == (SignatureStatus.INVALID, b"")


@each_person
@pytest.mark.parametrize("digest", ["SHA256", "SHA384", "SHA512"])
@pytest.mark.parametrize("form", ["--no-textmode", "--textmode"])
def test_we_verify_what_gnupg_signs(
    gnupg: GnuPG, keys: dict[str, SecretKey], person: str, digest: str, form: str
) -> None:
    arguments = ("--armor", form, "--digest-algo", digest, "--local-user", person, "--detach-sign")
    signature = gnupg.make(*arguments, octets=ENTITY, passphrase=PASSPHRASE)
    certificate = keys[person].certificate
    author = str(certificate.addresses[0])
    found = verify(signed_by_hand(ENTITY, signature, author=author), [certificate])
    assert (found.status, found.reason) == (SignatureStatus.VALID, "")
    assert found.signed_at is not None
    changed = verify(
        signed_by_hand(ENTITY.replace(b"I", b"i"), signature, author=author), [certificate]
    )
    assert changed.status is SignatureStatus.INVALID


def test_line_ends_of_a_mailbox_break_no_signature(
    gnupg: GnuPG, keys: dict[str, SecretKey]
) -> None:
    arguments = ("--armor", "--local-user", "ada", "--detach-sign")
    signature = gnupg.make(*arguments, octets=ENTITY, passphrase=PASSPHRASE)
    stored = signed_by_hand(ENTITY, signature).replace(b"\r\n", b"\n")
    assert verify(stored, [keys["ada"].certificate]).is_valid


def test_a_signature_with_sha1_is_weak(gnupg: GnuPG, keys: dict[str, SecretKey]) -> None:
    arguments = ("--armor", "--digest-algo", "SHA1", "--local-user", "bob", "--detach-sign")
    signature = gnupg.make(*arguments, octets=ENTITY)
    signed = signed_by_hand(ENTITY, signature, author="bob@example.org")
    found = verify(signed, [keys["bob"].certificate])
    assert found.status is SignatureStatus.WEAK
    assert "SHA1" in found.reason


def test_a_short_key_proves_and_protects_nothing(gnupg: GnuPG) -> None:
    signature = gnupg.make("--armor", "--local-user", "dora", "--detach-sign", octets=ENTITY)
    dora = Certificate.from_bytes(gnupg.certificate("dora@example.net"))
    found = verify(signed_by_hand(ENTITY, signature, author="dora@example.net"), [dora])
    assert (found.status, found.content) == (SignatureStatus.WEAK, b"")
    assert "1024 bits" in found.reason
    with pytest.raises(InvalidCertificate, match="1024 bits"):
        encrypt(letter(), [dora], dangerous_accept_unnamed_recipients=True)
    with pytest.raises(InvalidSecretKey, match="may sign now"):
        sign(letter(), SecretKey.from_bytes(gnupg.secret_key("dora@example.net")))


def test_an_expired_key_opens_old_mail_and_does_nothing_else(gnupg: GnuPG) -> None:
    then = ("--faked-system-time", "20200601T000000", "--armor")
    signature = gnupg.make(*then, "--local-user", "cyrano", "--detach-sign", octets=ENTITY)
    sealed = gnupg.make(*then, "--recipient", "cyrano", "--encrypt", octets=ENTITY)
    key = SecretKey.from_bytes(gnupg.secret_key("cyrano@example.net"))
    signed = signed_by_hand(ENTITY, signature, author="cyrano@example.net")

    found = verify(signed, [key.certificate])
    assert found.status is SignatureStatus.EXPIRED
    assert "expired at 2020-12-31" in found.reason
    assert key.certificate.expires is not None
    delivered = key.certificate.expires.replace(month=7)
    assert verify(signed, [key.certificate], at=delivered).is_valid
    assert decrypt(wrapped(sealed), key).content == ENTITY
    with pytest.raises(InvalidCertificate, match="expired at 2020-12-31"):
        encrypt(letter(), [key.certificate], dangerous_accept_unnamed_recipients=True)
    with pytest.raises(InvalidSecretKey, match="may sign now"):
        sign(letter(), key)


def test_an_expired_subkey_is_not_sealed_for(gnupg: GnuPG) -> None:
    # The engine takes an expired key where it finds no other.
    past = ("--faked-system-time", "20200101T000000")
    name = "Edith <edith@example.net>"
    gnupg.make(*past, "--quick-gen-key", name, "ed25519", "sign", "never")
    fingerprint = gnupg.fingerprint("edith@example.net")
    gnupg.make(*past, "--quick-add-key", fingerprint, "cv25519", "encr", "1y")
    edith = Certificate.from_bytes(gnupg.certificate("edith@example.net"))
    with pytest.raises(InvalidCertificate, match="has expired"):
        encrypt(letter(), [edith], dangerous_accept_unnamed_recipients=True)


@each_person
@pytest.mark.parametrize("is_signed", [True, False])
def test_gnupg_opens_what_we_encrypt(
    gnupg: GnuPG, keys: dict[str, SecretKey], person: str, *, is_signed: bool
) -> None:
    signer = keys["bob" if person == "ada" else "ada"] if is_signed else None
    sealed = encrypt(
        letter(),
        [key.certificate for key in keys.values()],
        signer=signer,
    )
    armored = parse(bytes(sealed)).root.parts[1].content
    opened = gnupg.run("--decrypt", octets=armored, passphrase=PASSPHRASE)
    assert opened.is_content
    assert ("GOODSIG" in opened.words) is is_signed
    assert "GOODMDC" in opened.words
    assert parse(opened.output).subject == "Grüße"
    assert b"Gr" not in bytes(sealed).split(b"-----BEGIN PGP")[0]
    assert decrypt(bytes(sealed), keys[person]).content == opened.output


def test_nobody_learns_who_is_in_bcc(gnupg: GnuPG, keys: dict[str, SecretKey]) -> None:
    message = Message(
        from_="ada@example.com", to=["carol@example.net"], bcc=["bob@example.org"], text="Psst."
    )
    sealed = encrypt(
        message,
        [key.certificate for key in keys.values()],
        dangerous_accept_unnamed_recipients=True,
    )
    armored = parse(bytes(sealed)).root.parts[1].content
    listed = gnupg.run("--list-packets", octets=armored, passphrase=PASSPHRASE).output
    assert b"keyid 0000000000000000" in listed
    assert keys["bob"].certificate.fingerprint[-16:].upper().encode("ascii") not in listed
    opened = gnupg.make("--try-secret-key", "bob", "--decrypt", octets=armored)
    assert (
        parse(opened).root.raw_body
        == parse(decrypt(bytes(sealed), keys["bob"]).content).root.raw_body
    )


@each_person
@pytest.mark.parametrize("compression", ["none", "zip", "zlib", "bzip2"])
@pytest.mark.parametrize("is_signed", [True, False])
def test_we_open_what_gnupg_encrypts(
    gnupg: GnuPG, keys: dict[str, SecretKey], person: str, compression: str, *, is_signed: bool
) -> None:
    arguments = ["--armor", "--compress-algo", compression, "--recipient", person, "--encrypt"]
    if is_signed:
        arguments += ["--local-user", "ada", "--sign"]
    octets = ENTITY * 1000
    sealed = wrapped(gnupg.make(*arguments, octets=octets, passphrase=PASSPHRASE))
    opened = decrypt(sealed, keys.values(), [keys["ada"].certificate])
    assert opened.content == octets
    expected = SignatureStatus.VALID if is_signed else SignatureStatus.UNSIGNED
    assert (opened.signature.status, opened.signature.reason[:5]) == (
        expected,
        "" if is_signed else "there",
    )


@pytest.mark.parametrize("cipher", ["AES128", "AES192", "AES256"])
def test_we_open_each_aes(gnupg: GnuPG, keys: dict[str, SecretKey], cipher: str) -> None:
    arguments = ("--armor", "--cipher-algo", cipher, "--recipient", "bob", "--encrypt")
    opened = decrypt(wrapped(gnupg.make(*arguments, octets=ENTITY)), keys["bob"])
    assert (opened.content, opened.cipher) == (ENTITY, f"AES-{cipher[3:]}")


def test_we_open_what_names_no_recipient(gnupg: GnuPG, keys: dict[str, SecretKey]) -> None:
    arguments = ("--armor", "--throw-keyids", "-r", "dora", "-r", "bob", "-r", "ada", "--encrypt")
    sealed = wrapped(gnupg.make(*arguments, octets=ENTITY))
    for key in keys.values():
        assert decrypt(sealed, key).content == ENTITY


def test_a_message_signed_and_then_encrypted(gnupg: GnuPG, keys: dict[str, SecretKey]) -> None:
    # RFC 3156 6.1
    signed = bytes(sign(letter(), keys["ada"]))
    inside = signed[signed.index(b"Content-Type: multipart/signed") :]
    sealed = wrapped(gnupg.make("--armor", "--recipient", "bob", "--encrypt", octets=inside))
    opened = decrypt(sealed, keys["bob"], [keys["ada"].certificate])
    assert opened.signature.is_valid
    assert opened.unwrap(sealed).message.subject == "Grüße"


def test_no_changed_octet_of_gnupg_is_shown(gnupg: GnuPG, keys: dict[str, SecretKey]) -> None:
    octets = gnupg.make("--recipient", "bob", "--compress-algo", "none", "--encrypt", octets=ENTITY)
    *session_keys, data = read_packets(octets)
    for position in range(1, len(data.body), 7):
        changed = bytearray(data.body)
        changed[position] ^= 1
        message = b"".join(each.octets for each in session_keys)
        message += packet_octets(PacketType.SEIPD, bytes(changed))
        armored = armor(message, ArmorKind.Message).encode("ascii")
        found = decrypt(wrapped(armored), keys["bob"])
        assert (found.status, found.content) == (DecryptionStatus.DAMAGED, b"")


def test_a_message_that_grows_beyond_the_limit(gnupg: GnuPG, keys: dict[str, SecretKey]) -> None:
    arguments = ("--armor", "--compress-algo", "bzip2", "--recipient", "bob", "--encrypt")
    sealed = wrapped(gnupg.make(*arguments, octets=bytes(1_000_000)))
    assert len(sealed) < 10_000
    assert decrypt(sealed, keys["bob"], max_octets=1_100_000).content == bytes(1_000_000)
    found = decrypt(sealed, keys["bob"], max_octets=900_000)
    assert (found.status, found.content) == (DecryptionStatus.REFUSED, b"")


def test_other_ciphers_are_refused(gnupg: GnuPG, keys: dict[str, SecretKey]) -> None:
    arguments = ("--armor", "--cipher-algo", "CAST5", "--recipient", "bob", "--encrypt")
    found = decrypt(wrapped(gnupg.make(*arguments, octets=ENTITY)), keys["bob"])
    assert (found.status, found.content) == (DecryptionStatus.NO_KEY, b"")


def test_a_password_alone_is_refused(gnupg: GnuPG, keys: dict[str, SecretKey]) -> None:
    sealed = gnupg.make("--armor", "--symmetric", octets=ENTITY, passphrase="x")
    found = decrypt(wrapped(sealed), keys["bob"])
    assert (found.status, found.content) == (DecryptionStatus.REFUSED, b"")


def test_a_password_besides_is_no_harm(gnupg: GnuPG, keys: dict[str, SecretKey]) -> None:
    arguments = ("--armor", "--symmetric", "--recipient", "bob", "--encrypt")
    sealed = gnupg.make(*arguments, octets=ENTITY, passphrase="x")
    assert decrypt(wrapped(sealed), keys["bob"]).content == ENTITY


@pytest.mark.parametrize("passphrase", [None, "wrong", b"\xff"])
def test_a_locked_key_neither_signs_nor_opens(gnupg: GnuPG, passphrase: str | bytes | None) -> None:
    octets = gnupg.secret_key("ada@example.com", passphrase=PASSPHRASE)
    key = SecretKey.from_bytes(octets, passphrase=passphrase)
    sealed = wrapped(gnupg.make("--armor", "--recipient", "ada", "--encrypt", octets=ENTITY))
    with pytest.raises(InvalidSecretKey, match=r"passphrase|locked"):
        decrypt(sealed, key)
    with pytest.raises(InvalidSecretKey, match=r"passphrase|locked"):
        sign(letter(), key)

"""S/MIME with `openssl cms`: each verifies what the other signs, and opens what it encrypts."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from postseal import Mailer
from postseal.mail.message import Message
from postseal.mail.prepared import PreparedMessage
from postseal.mail.reading.parser import parse
from postseal.mail.smime import (
    ContentCipher,
    Decryption,
    DecryptionStatus,
    Integrity,
    RSAKeyTransport,
    RSASignature,
    SignatureForm,
    SignatureStatus,
    decrypt,
    encrypt,
    sign,
    verify,
)
from tests.parts.own_server import OwnServer
from tests.parts.smime_people import (
    ADA,
    BOB,
    anchor,
    certificate_pem,
    issued,
    key_pem,
    letter,
    middle,
    person,
    root,
)

pytestmark = pytest.mark.needs("openssl")

# OpenSSL 3.0 signs and verifies nothing with Ed25519 in CMS.
SIGNERS = [
    ("RSA-2048", RSASignature.PKCS1_V1_5),
    ("RSA-2048", RSASignature.PSS),
    ("P-256", RSASignature.PKCS1_V1_5),
    ("P-384", RSASignature.PKCS1_V1_5),
]
READERS = ("RSA-2048", "P-256", "P-384")

each_signer = pytest.mark.parametrize(("kind", "scheme"), SIGNERS)
each_reader = pytest.mark.parametrize("kind", READERS)


@dataclass(frozen=True, slots=True)
class OpenSSL:
    """The command, with the files of Ada, Bob and their authority."""

    program: Path
    directory: Path

    def file(self, name: str, content: bytes) -> Path:
        path = self.directory / name
        path.write_bytes(content)
        return path

    def cms(self, *options: str | Path, given: bytes) -> tuple[int, bytes]:
        """Run `openssl cms` over a message; give its status and what it wrote."""
        path = self.file("given.eml", given)
        command = [self.program, "cms", *options, "-in", path]
        done = subprocess.run(command, capture_output=True, timeout=30, check=False)
        return done.returncode, done.stdout

    def made(self, *options: str | Path, given: bytes) -> bytes:
        """Run it to success; give the message that it wrote, with Ada and Bob in its header."""
        status, written = self.cms(*options, given=given)
        assert status == 0
        header = f"From: {ADA}\nTo: {BOB}\n".encode("ascii")
        return header + written


@pytest.fixture
def openssl(program: Callable[[str], Path], tmp_path: Path) -> OpenSSL:
    house = OpenSSL(program("openssl"), tmp_path)
    house.file("root.pem", certificate_pem(root()))
    house.file("middle.pem", certificate_pem(middle()))
    for owner in (ADA, BOB):
        for kind in READERS:
            found = issued(owner, kind)
            house.file(f"{owner}.{kind}.pem", certificate_pem(found))
            house.file(f"{owner}.{kind}.key", key_pem(found))
    return house


def _signed_by(openssl: OpenSSL, kind: str, *options: str, given: bytes) -> bytes:
    return openssl.made(
        *("-sign", "-signer", openssl.directory / f"{ADA}.{kind}.pem"),
        *("-inkey", openssl.directory / f"{ADA}.{kind}.key"),
        *("-certfile", openssl.directory / "middle.pem"),
        *options,
        given=given,
    )


def _verified_by(openssl: OpenSSL, message: PreparedMessage) -> tuple[int, bytes]:
    return openssl.cms(
        *("-verify", "-CAfile", openssl.directory / "root.pem", "-purpose", "smimesign"),
        given=message.content,
    )


@each_signer
@pytest.mark.parametrize("form", SignatureForm)
def test_openssl_verifies_what_we_sign(
    openssl: OpenSSL, kind: str, scheme: RSASignature, form: SignatureForm
) -> None:
    signed = sign(letter(), person(ADA, kind, rsa_signature=scheme), form=form)
    status, content = _verified_by(openssl, signed)
    assert status == 0
    # What OpenSSL says was signed is what we say, and reads as it was written.
    assert content == verify(signed.content, [anchor()]).content
    assert parse(content).text == letter().text
    assert parse(content).subject == "Grüße und Küsse"


@each_signer
def test_openssl_refuses_it_changed(openssl: OpenSSL, kind: str, scheme: RSASignature) -> None:
    signed = sign(letter(text="Pay 10.\n", html=None), person(ADA, kind, rsa_signature=scheme))
    assert b"Pay 10." in signed.content
    changed = PreparedMessage(signed.envelope, signed.content.replace(b"Pay 10.", b"Pay 90."))
    assert _verified_by(openssl, changed)[0] != 0
    assert verify(changed.content, [anchor()]).status is SignatureStatus.INVALID


@each_signer
@pytest.mark.parametrize(
    ("digest", "options"),
    [
        ("sha256", ()),
        ("sha256", ("-nodetach",)),
        ("sha256", ("-nodetach", "-stream")),
        ("sha256", ("-keyid",)),
        ("sha256", ("-cades",)),
        ("sha384", ()),
        ("sha512", ()),
    ],
    ids=str,
)
def test_we_verify_what_openssl_signs(
    openssl: OpenSSL, kind: str, scheme: RSASignature, digest: str, options: tuple[str, ...]
) -> None:
    if scheme is RSASignature.PSS:
        # OpenSSL 3.0 cannot stream this one.
        others = (each for each in options if each != "-stream")
        options = (*others, "-keyopt", "rsa_padding_mode:pss")
    given = b"Content-Type: text/plain\r\n\r\nHello Bob,\r\n.\r\n"
    signed = _signed_by(openssl, kind, "-md", digest, *options, given=given)
    found = verify(signed, [anchor()])
    assert (found.status, found.reason) == (SignatureStatus.VALID, "")
    assert found.content == given
    assert list(map(str, found.addresses)) == [ADA]
    assert found.signed_at is not None
    changed = signed.replace(b"Hello Bob", b"Hello Eve")
    if changed != signed:
        assert verify(changed, [anchor()]).status is SignatureStatus.INVALID


def test_a_signature_without_signed_attributes_is_verified(openssl: OpenSSL) -> None:
    signed = _signed_by(openssl, "RSA-2048", "-noattr", given=b"\r\nHello Bob\r\n")
    found = verify(signed, [anchor()])
    assert found.status is SignatureStatus.VALID
    assert found.signed_at is None


@pytest.mark.parametrize("digest", ["sha1", "md5"])
def test_weak_hashes_of_openssl_are_refused(openssl: OpenSSL, digest: str) -> None:
    signed = _signed_by(openssl, "RSA-2048", "-md", digest, given=b"\r\nHello Bob\r\n")
    assert verify(signed, [anchor()]).status is SignatureStatus.WEAK


def test_two_signatures_are_read(openssl: OpenSSL) -> None:
    directory = openssl.directory
    signed = _signed_by(
        openssl,
        "RSA-2048",
        *("-signer", str(directory / f"{BOB}.P-256.pem")),
        *("-inkey", str(directory / f"{BOB}.P-256.key")),
        given=b"\r\nHello Bob\r\n",
    )
    assert verify(signed, [anchor()]).status is SignatureStatus.VALID
    from_bob = signed.replace(b"From: ada@example.com", b"From: bob@example.org")
    assert verify(from_bob, [anchor()]).status is SignatureStatus.VALID


@each_reader
@pytest.mark.parametrize("cipher", ContentCipher)
@pytest.mark.parametrize("transport", RSAKeyTransport)
def test_openssl_opens_what_we_encrypt(
    openssl: OpenSSL, kind: str, cipher: ContentCipher, transport: RSAKeyTransport
) -> None:
    bob = person(BOB, kind)
    sealed = encrypt(
        letter(), [bob.certificate], signer=person(ADA), cipher=cipher, key_transport=transport
    )
    assert b"Hallo" not in sealed.content
    status, content = _opened_by(openssl, kind, sealed.content)
    assert status == 0
    ours = decrypt(sealed.content, bob, trust_anchors=[anchor()])
    assert content == ours.content
    assert ours.integrity is (
        Integrity.AUTHENTICATED if cipher.is_authenticated else Integrity.NONE
    )
    assert ours.signature is not None
    assert ours.signature.is_valid
    assert ours.unwrap(sealed.content).message.subject == "Grüße und Küsse"


def _opened_by(openssl: OpenSSL, kind: str, message: bytes) -> tuple[int, bytes]:
    return openssl.cms(
        *("-decrypt", "-recip", openssl.directory / f"{BOB}.{kind}.pem"),
        *("-inkey", openssl.directory / f"{BOB}.{kind}.key"),
        given=message,
    )


OAEP = ("-keyopt", "rsa_padding_mode:oaep")
OAEP_SHA256 = (*OAEP, "-keyopt", "rsa_oaep_md:sha256", "-keyopt", "rsa_mgf1_md:sha1")


@each_reader
@pytest.mark.parametrize(
    ("cipher", "options"),
    [
        *((f"aes-{bits}-{mode}", ()) for bits in (128, 192, 256) for mode in ("gcm", "cbc")),
        *((f"aes-256-{mode}", ("-stream",)) for mode in ("gcm", "cbc")),
        ("aes-256-gcm", ("-keyid",)),
    ],
    ids=str,
)
def test_we_open_what_openssl_encrypts(
    openssl: OpenSSL, kind: str, cipher: str, options: tuple[str, ...]
) -> None:
    opened = _opened_by_us(openssl, kind, f"-{cipher}", *options)
    assert opened.status is DecryptionStatus.DECRYPTED
    assert opened.content == _GIVEN
    assert (opened.integrity is Integrity.AUTHENTICATED) is cipher.endswith("gcm")


@pytest.mark.parametrize("options", [OAEP, OAEP_SHA256], ids=["OAEP", "OAEP with SHA-256"])
def test_we_open_what_openssl_encrypts_with_oaep(
    openssl: OpenSSL, options: tuple[str, ...]
) -> None:
    opened = _opened_by_us(openssl, "RSA-2048", "-aes-256-gcm", *options)
    assert opened.content == _GIVEN


@pytest.mark.parametrize("digest", ["sha1", "sha256", "sha384", "sha512"])
@pytest.mark.parametrize("wrap", ["-aes128-wrap", "-aes192-wrap", "-aes256-wrap"])
def test_we_open_what_openssl_encrypts_by_any_agreement(
    openssl: OpenSSL, digest: str, wrap: str
) -> None:
    opened = _opened_by_us(
        openssl, "P-256", "-aes-256-cbc", wrap, *("-keyopt", f"ecdh_kdf_md:{digest}")
    )
    assert opened.content == _GIVEN


def test_triple_des_of_openssl_is_refused(openssl: OpenSSL) -> None:
    opened = _opened_by_us(openssl, "RSA-2048", "-des3")
    assert opened.status is DecryptionStatus.REFUSED
    assert "triple DES" in opened.reason


_GIVEN = b"Content-Type: text/plain\r\n\r\nHello Bob,\r\n.\r\n"


def _opened_by_us(openssl: OpenSSL, kind: str, cipher: str, *options: str) -> Decryption:
    # OpenSSL takes these options for the recipient behind or before them.
    keyid = [option for option in options if option == "-keyid"]
    others = [option for option in options if option != "-keyid"]
    recipient = openssl.directory / f"{BOB}.{kind}.pem"
    encrypting = ["-encrypt", cipher, *keyid, "-recip", str(recipient), *others]
    sealed = openssl.made(*encrypting, given=_GIVEN)
    return decrypt(sealed, person(BOB, kind))


@pytest.mark.parametrize("form", SignatureForm)
@pytest.mark.parametrize(
    "message",
    [
        letter(text="", html=None),
        letter(text="no line end", html=None),
        letter(text="x" * 5000, html=None),
        letter(text="From me\n--\n-- \n.\n", html=None),
        letter(text=None, html="<p>ä</p>"),
        letter(cc="Zoë <zoe@example.net>", subject="s" * 500),
    ],
    ids=["empty", "no line end", "long line", "odd lines", "html", "long subject"],
)
def test_openssl_verifies_messages_of_all_kinds(
    openssl: OpenSSL, message: Message, form: SignatureForm
) -> None:
    signed = sign(message, person(ADA), form=form)
    status, content = _verified_by(openssl, signed)
    assert status == 0
    assert message.text is None or (parse(content).text or "").startswith(message.text)
    assert verify(signed.content, [anchor()]).is_valid


def test_what_our_mailer_sends_arrives_whole(openssl: OpenSSL) -> None:
    bob = person(BOB, "RSA-2048")
    # Dots, and lines that only look like the end of the message.
    message = letter(text=".\n..\nFrom here\n.\n")
    sealed = encrypt(message, [bob.certificate], signer=person(ADA))
    with OwnServer() as server, Mailer(f"smtp+insecure://127.0.0.1:{server.port}") as mailer:
        mailer.send(sign(message, person(ADA)))
        mailer.send(sealed)
    signed, opened = (taken.content for taken in server.messages)
    status, content = _verified_by(openssl, PreparedMessage(message.envelope, signed))
    assert status == 0
    assert parse(content).text == message.text
    assert verify(signed, [anchor()]).is_valid
    status, content = _opened_by(openssl, "RSA-2048", opened)
    assert status == 0
    found = decrypt(opened, bob, trust_anchors=[anchor()])
    assert found.content == content
    assert found.unwrap(opened).message.text == message.text

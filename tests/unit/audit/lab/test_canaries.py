"""A canary is found in every form in which mail carries words, and nowhere else."""

from __future__ import annotations

import hmac
import random
from base64 import b64encode, encodebytes, urlsafe_b64encode
from collections.abc import Callable
from urllib.parse import quote_from_bytes

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postseal.audit.lab.canaries import CRAM_CHALLENGE, Canaries, make_canaries, occurs, proof_in
from postseal.smtp.sasl.cram_md5 import CramMD5Client
from postseal.smtp.sasl.credentials import Password
from postseal.smtp.sasl.scram_client import ScramClient
from postseal.smtp.sasl.scram_keys import ScramHash

WORD = "qzjxkvwpyhbdfm"
around = st.binary(max_size=70)
letters = st.text("abcdefghijklmnopqrstuvwxyz ", max_size=70).map(str.encode)


def quoted_printable(octets: bytes, width: int = 20) -> bytes:
    escaped = [b"=%02X" % octet for octet in octets]
    lines = [b"".join(escaped[i : i + width]) for i in range(0, len(escaped), width)]
    return b"=\r\n".join(lines)


WIRE_FORMS: dict[str, Callable[[bytes], bytes]] = {
    "as it is": lambda octets: octets,
    "in capitals": bytes.upper,
    "base64": b64encode,
    "base64 in lines": lambda octets: encodebytes(octets).replace(b"\n", b"\r\n"),
    "base64url": urlsafe_b64encode,
    "base64 without padding": lambda octets: b64encode(octets).rstrip(b"="),
    "quoted-printable": quoted_printable,
    "hexadecimal": lambda octets: octets.hex().encode(),
    "HEXADECIMAL": lambda octets: octets.hex().upper().encode(),
    "hexadecimal in lines": lambda octets: octets.hex("\n", 7).encode(),
}


@pytest.mark.parametrize("form", WIRE_FORMS)
@given(before=around, after=around, outside=letters)
def test_found_in_every_form_at_every_offset(
    form: str, before: bytes, after: bytes, outside: bytes
) -> None:
    said = WIRE_FORMS[form](before + WORD.encode() + after)
    assert occurs(WORD, outside + b" " + said + b"\r\n" + outside)


@given(before=letters, after=letters)
def test_found_in_utf_16_and_percent_encoding(before: bytes, after: bytes) -> None:
    text = (before + WORD.encode() + after).decode()
    for encoding in ("utf-16-le", "utf-16-be"):
        assert occurs(WORD, text.encode(encoding))
        assert occurs(WORD, b64encode(text.encode(encoding)))
    assert occurs(WORD, quote_from_bytes(text.encode(), safe="").encode())
    assert occurs(WORD, "".join(f"%{octet:02x}" for octet in text.encode()).encode())


@given(st.lists(st.sampled_from(list(WIRE_FORMS.values())), max_size=1), around)
def test_not_found_where_it_is_not(forms: list[Callable[[bytes], bytes]], octets: bytes) -> None:
    for form in forms:
        octets = form(octets)
    assert not occurs(WORD, octets)
    # All but its last letter is not the word.
    assert not occurs(WORD, octets + b" " + WORD[:-1].encode() + b" " + octets)


def test_each_case_has_canaries_of_its_own() -> None:
    made = [make_canaries(random.Random(seed).choice) for seed in range(50)]
    words = [word for one in made for word in _words(one)]
    assert len(set(words)) == 50 * 6
    assert all(word.isascii() and word.islower() for word in words)


def _words(canaries: Canaries) -> tuple[str, ...]:
    sender, recipient = canaries.sender, canaries.recipient
    return (
        canaries.user,
        canaries.password,
        sender.removesuffix("@lab.example"),
        recipient.removesuffix("@lab.example"),
        canaries.subject,
        canaries.body,
    )


def test_the_response_of_cram_md5_proves_the_password() -> None:
    client = CramMD5Client(Password("user", WORD))
    response = b64encode(client.respond(CRAM_CHALLENGE)) + b"\r\n"
    assert proof_in(b"AUTH CRAM-MD5\r\n" + response, WORD) == "CRAM-MD5"
    assert proof_in(response, "another password") == ""
    # Whoever shows the digest in hexadecimal has done it as well.
    digest = hmac.new(WORD.encode(), CRAM_CHALLENGE, "md5").hexdigest().encode()
    assert proof_in(digest, WORD) == "CRAM-MD5"


def test_the_last_message_of_scram_proves_the_password_and_the_first_does_not() -> None:
    client = ScramClient(Password("user", WORD), hash_=ScramHash.SHA_256, nonce=lambda: "abc")
    first = b64encode(client.initial_response())
    last = b64encode(client.respond(b"r=abcdef,s=c2FsdHNhbHQ=,i=4096"))
    assert proof_in(b"AUTH SCRAM-SHA-256 " + first + b"\r\n", WORD) == ""
    assert proof_in(b"AUTH SCRAM-SHA-256 " + first + b"\r\n" + last + b"\r\n", WORD) == "SCRAM"


@given(around)
def test_other_octets_prove_nothing(octets: bytes) -> None:
    assert proof_in(octets, WORD) == ""
    assert proof_in(b64encode(octets), WORD) == ""

"""The canonical forms, by the examples of RFC 6376 3.4.5 and by what follows from its rules."""

from __future__ import annotations

import hashlib
import re
from base64 import b64encode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postseal.mail.authentication.canonical import BodyHash, Canonicalization, canonical_field

SIMPLE, RELAXED = Canonicalization.SIMPLE, Canonicalization.RELAXED


def digest(body: bytes, form: Canonicalization, *, length: int | None = None) -> bytes:
    hashing = BodyHash(form, length=length)
    hashing.feed(body)
    return hashing.digest()


def sha256(octets: bytes) -> bytes:
    return hashlib.sha256(octets).digest()


def by_the_letter(body: bytes, form: Canonicalization) -> bytes:
    """RFC 6376 3.4.3 and 3.4.4, a sentence at a time."""
    if form is RELAXED:
        body = re.sub(rb"[ \t]+(?=\r\n|\Z)", b"", body)
        body = re.sub(rb"[ \t]+", b" ", body)
    while body.endswith(b"\r\n"):
        body = body[:-2]
    if body or form is SIMPLE:
        body += b"\r\n"
    return body


@pytest.mark.parametrize(
    ("octets", "relaxed"),
    [
        (b"A: X\r\n", b"a:X\r\n"),
        (b"B : Y\t\r\n\tZ  \r\n", b"b:Y Z\r\n"),
        (b"Subject:\r\n", b"subject:\r\n"),
        (b"Subject: \t \r\n", b"subject:\r\n"),
        (b"X: a:b\x0b c\r\n", b"x:a:b\x0b c\r\n"),
        (b"X:\r\n \r\n\ta\r\n", b"x:a\r\n"),
    ],
)
def test_header_fields(octets: bytes, relaxed: bytes) -> None:
    assert canonical_field(octets, RELAXED) == relaxed
    assert canonical_field(octets, SIMPLE) == octets


def test_the_body_of_the_example() -> None:
    body = b" C \r\nD \t E\r\n\r\n\r\n"
    assert digest(body, RELAXED) == sha256(b" C\r\nD E\r\n")
    assert digest(body, SIMPLE) == sha256(b" C \r\nD \t E\r\n")


def test_the_empty_body_has_the_hashes_of_the_rfc() -> None:
    assert b64encode(digest(b"", SIMPLE)) == b"frcCV1k9oG9oKj3dpUqdJg1PxRT2RSN/XKdLCPjaYaY="
    assert b64encode(digest(b"", RELAXED)) == b"47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="


bodies = st.lists(
    st.sampled_from([b"\r\n", b" ", b"\t", b"a", b"\r", b"\n", b"\r\n\r\n", b"  ", b" \r\n"]),
    max_size=14,
).map(b"".join)


@given(body=bodies, form=st.sampled_from(Canonicalization), data=st.data())
def test_any_body_in_any_pieces_is_hashed_by_the_letter(
    body: bytes, form: Canonicalization, data: st.DataObject
) -> None:
    hashing = BodyHash(form)
    rest = body
    while rest:
        cut = data.draw(st.integers(1, len(rest)))
        hashing.feed(rest[:cut])
        rest = rest[cut:]
    wanted = by_the_letter(body, form)
    assert hashing.digest() == sha256(wanted)
    assert hashing.canonical_length == len(wanted)


@pytest.mark.parametrize("length", [0, 1, 5, 13, 14, 99])
def test_a_length_cuts_the_canonical_body(length: int) -> None:
    body = b"one  two \r\nthree\r\n\r\n"
    canonical = by_the_letter(body, RELAXED)
    assert digest(body, RELAXED, length=length) == sha256(canonical[:length])


@pytest.mark.parametrize("body", [b"\r\n" * 200_000 + b"x", b" \r" * 200_000, b" " * 400_000])
@pytest.mark.parametrize("form", Canonicalization)
def test_long_runs_are_hashed_in_one_pass(body: bytes, form: Canonicalization) -> None:
    hashing = BodyHash(form)
    for at in range(0, len(body), 1000):
        hashing.feed(body[at : at + 1000])
    assert hashing.digest() == sha256(by_the_letter(body, form))

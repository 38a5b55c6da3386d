"""What is to be signed says the same in a form that no transport changes."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postseal.mail import Message
from postseal.mail.openpgp.signable import signable
from postseal.mail.reading import parse

MIXED = b"Content-Type: multipart/mixed; boundary=b\r\n\r\n"
REST = b"--b\r\n\r\nb\r\n--b--"
CHANGEABLE = re.compile(rb"[ \t]\r\n|^From ", re.MULTILINE)


@given(st.text(st.sampled_from("aä .\t\n-F"), max_size=60) | st.sampled_from(["From x", "-- \nA"]))
def test_the_text_stays_and_nothing_in_it_can_be_lost(text: str) -> None:
    message = bytes(Message(from_="ada@example.com", to="bob@example.org", text=text, html=text))
    written = signable(message)
    assert not CHANGEABLE.search(written)
    assert [part.text for part in parse(written).walk()][1:] == [
        part.text for part in parse(message).walk()
    ][1:]
    assert signable(written) == written


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        (
            b"Subject: x\r\n\r\na \r\n",
            b"Subject: x\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\na=20\r\n",
        ),
        (
            b"content-transfer-encoding:\r\n 7bit\r\nSubject: x\r\n\r\na \r\n",
            b"Content-Transfer-Encoding: quoted-printable\r\nSubject: x\r\n\r\na=20\r\n",
        ),
        (
            MIXED + b"--b\r\n\r\na \r\n" + REST,
            MIXED + b"--b\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\na=20\r\n" + REST,
        ),
    ],
)
def test_how_a_part_is_written(message: bytes, expected: bytes) -> None:
    assert signable(message) == expected


@pytest.mark.parametrize(
    "message",
    [
        b"",
        b"Subject: x\r\n\r\nFromage\r\n",
        b"Content-Transfer-Encoding: base64\r\n\r\nQUJD \r\n",
        # What is signed already would be broken by it.
        b"Content-Type: multipart/signed; boundary=b\r\n\r\n--b\r\n\r\na \r\n--b\r\n\r\nb\r\n--b--",
        # There is no place for a field.
        b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nno field \r\n--b--\r\n",
        b"Content-Type: message/rfc822\r\n\r\nSubject: x\r\n\r\na \r\n",
    ],
)
def test_what_stays(message: bytes) -> None:
    assert signable(message) == message

"""Words that occur nowhere else, and where they turn up in what a hostile server was told.

Each case has its own, so that whatever is found can come from nowhere but its client.
"""

from __future__ import annotations

import re
from base64 import b64encode
from binascii import Error as Base64Error
from binascii import a2b_base64
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from hashlib import md5
from hmac import HMAC
from typing import Final
from urllib.parse import unquote_to_bytes

__all__ = ["CRAM_CHALLENGE", "Canaries", "make_canaries", "occurs", "proof_in"]

CRAM_CHALLENGE: Final = b"<1717.1164205@lab.example>"
"""What the cases of CRAM-MD5 ask, so that its answer is recognised (RFC 2195)."""

_ALPHABET = "abcdefghijklmnopqrstuvwxyz"
_LENGTH = 14
_BASE64_RUN = re.compile(rb"[A-Za-z0-9+/=_-]{8,}")
_SOFT_BREAK = re.compile(rb"=[ \t]*\r?\n")
_SCRAM_PROOF = re.compile(rb"c=[^,]+,r=[^,]+,(?:[^,]+,)*p=")
_ESCAPED = re.compile(rb"=([0-9A-Fa-f]{2})")


@dataclass(frozen=True, slots=True)
class Canaries:
    """What the client is told to use in one case. The local parts belong to `lab.example`.

    `ehlo` is the client's own name, `size` what it may say of the message's, `header` the value of
    one more header and `filename` the name of an attachment, where it has these.
    """

    user: str
    password: str
    sender: str
    recipient: str
    subject: str
    body: str
    ehlo: str = "client.lab.example"
    size: str = "4194301"
    header: str = "lab"
    filename: str = "lab.txt"


def make_canaries(choose: Callable[[str], str]) -> Canaries:
    """Make new words; `choose` picks one letter of a text at random."""

    def word() -> str:
        return "".join(choose(_ALPHABET) for _ in range(_LENGTH))

    return Canaries(
        user=word(),
        password=word(),
        sender=f"{word()}@lab.example",
        recipient=f"{word()}@lab.example",
        subject=word(),
        body=word(),
        ehlo=f"{word()}.lab.example",
        header=word(),
        filename=f"{word()}.txt",
    )


def occurs(canary: str, octets: bytes) -> bool:
    """Tell whether a canary is in `octets`, in any of the forms in which mail carries words.

    That is as it is, in another case, in base64 at any offset and across lines, quoted-printable,
    percent-encoded, in hexadecimal digits, and in UTF-16.
    """
    needle = canary.encode("ascii").lower()
    return any(needle in form for form in _forms(octets)) or _in_base64_stream(canary, octets)


def _forms(octets: bytes) -> Iterator[bytes]:
    lowered = octets.lower()
    yield lowered
    yield lowered.replace(b"\0", b"")
    yield unquote_to_bytes(lowered)
    unfolded = _SOFT_BREAK.sub(b"", octets)
    yield _ESCAPED.sub(lambda match: bytes.fromhex(match[1].decode("ascii")), unfolded).lower()
    for run in _BASE64_RUN.findall(octets):
        yield from _decoded(run)


def _decoded(run: bytes) -> Iterator[bytes]:
    standard = run.replace(b"-", b"+").replace(b"_", b"/").rstrip(b"=")
    try:
        text = a2b_base64(standard + b"=" * (-len(standard) % 4)).lower()
    except Base64Error:
        return
    yield text
    yield text.replace(b"\0", b"")


def _in_base64_stream(canary: str, octets: bytes) -> bool:
    # Without the line breaks, at each of the three offsets at which a word can begin; the letters
    # at its ends depend on its neighbours and are left out.
    stream = octets.translate(None, b"\r\n \t")
    hexed = canary.encode("ascii").hex().encode("ascii")
    if hexed in stream.lower():
        return True
    for offset in range(3):
        encoded = b64encode(bytes(offset) + canary.encode("ascii"))
        core = encoded[(offset * 8 + 5) // 6 :].rstrip(b"=")[:-1]
        if core in stream:
            return True
    return False


def proof_in(octets: bytes, password: str) -> str:
    """Give the mechanism by which `octets` prove the password without saying it; empty if none.

    That is the response of CRAM-MD5 to `CRAM_CHALLENGE`, or the last message of a client of SCRAM
    (RFC 5802 7), whatever it was challenged with.
    """
    if occurs(HMAC(password.encode("ascii"), CRAM_CHALLENGE, md5).hexdigest(), octets):
        return "CRAM-MD5"
    runs = _BASE64_RUN.findall(octets)
    is_scram = any(_SCRAM_PROOF.match(text) for run in runs for text in _decoded(run))
    return "SCRAM" if is_scram else ""

"""Keys, their records and messages of every shape that signatures have to survive."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import cache
from typing import Final

from postseal.mail.authentication import DKIMSigner, KeyType, SigningIdentity, SigningKey
from postseal.testing import MemoryResolver

DOMAIN: Final = "example.com"
ED25519_SEED: Final = bytes(range(32))
NOW: Final = datetime(2026, 11, 22, 6, 0, tzinfo=UTC)

_HEADER = (
    b"From: Ada Lovelace <ada@example.com>\r\n"
    b"To: Bob <bob@example.org>\r\n"
    b"Subject: Your  invoice \r\n"
    b"Date: Sun, 22 Nov 2026 05:52:19 +0000\r\n"
    b"Message-ID: <1@example.com>\r\n"
)
_BODY = b"\r\nHello  Bob, \t\r\n\r\n\tthe invoice is attached.\r\n"

MESSAGES: Final = {
    "plain": _HEADER + _BODY,
    "folded": _HEADER
    + b"Reply-To: Ada\r\n  <ada@example.com>,\r\n\tCarol <carol@example.com>\r\n"
    + b"References:\r\n <1@example.com>\r\n  <2@example.com>\r\n"
    + _BODY,
    "8-bit": _HEADER.replace(b"Bob", "Jóhn".encode())
    + b"Content-Type: text/plain; charset=utf-8\r\n"
    + "\r\nGrüße,\r\nÆsir \r\n".encode()
    + bytes(range(0x80, 0x100))
    + b"\r\n",
    "empty body": _HEADER + b"\r\n",
    "blank body": _HEADER + b"\r\n\r\n \r\n\t\r\n\r\n",
    "trailing blank lines": _HEADER + _BODY + b"\r\n" * 7,
    "no line end at the end": _HEADER + _BODY + b"the end",
    "repeated headers": b"Received: by c; x\r\nReceived: by b; x\r\nReceived: by a; x\r\n"
    + _HEADER
    + b"List-Id: one\r\nList-Id: two\r\nComments: a\r\nComments: b\r\n"
    + _BODY,
    "odd headers": b"X-Empty:\r\nFROM:ada@example.com\r\nrePLY-to:ada@example.com\r\ncc: \t \r\n"
    + _BODY,
}
"""By what is special about them."""


@cache
def signing_key(kind: KeyType) -> SigningKey:
    """A key, the same each time."""
    if kind is KeyType.ED25519:
        return SigningKey.from_ed25519_seed(ED25519_SEED)
    return SigningKey.generate(kind)


def selector_of(kind: KeyType) -> str:
    """Under which selector the key is published."""
    return f"{kind}1"


def identity(kind: KeyType, *, agent: str | None = None) -> SigningIdentity:
    """Who signs with that key."""
    return SigningIdentity(DOMAIN, selector_of(kind), signing_key(kind), agent)


def records() -> dict[str, str]:
    """What the DNS says of both keys."""
    return {
        f"{selector_of(kind)}._domainkey.{DOMAIN}": signing_key(kind).record() for kind in KeyType
    }


def resolver() -> MemoryResolver:
    """A DNS that has the records."""
    made = MemoryResolver()
    for name, text in records().items():
        made.add(name, text)
    return made


def signer(*kinds: KeyType) -> DKIMSigner:
    """A signer with everything by default, at `NOW`."""
    return DKIMSigner(*map(identity, kinds or (KeyType.RSA,)), clock=lambda: NOW)

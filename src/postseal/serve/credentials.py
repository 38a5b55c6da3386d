"""How the platform proves who somebody is while keeping nothing that could be used to log in.

Three kinds of secret, two kinds of hash, and beside them for SMTP the keys of SCRAM:

* Passwords that people choose can be guessed, so each guess is made expensive: argon2id. What is
  expensive changes with the years, so a login hashes the password anew where the parameters did.
* Secrets that `generate_secret` makes have 160 random bits. Nobody searches that space at any
  speed, so SHA-256 is as safe as a slow hash, and a client may log in for every message without
  costing the server 64 MiB and a core. Only generated secrets may be kept this way. The SCRAM
  record of such a secret is as hard to search, but whoever steals it can play the server to that
  client, unless the client binds the channel (-PLUS) or verifies the certificate, as ours does.
* Session tokens have 256 random bits; the same holds.

Every `verify_*` does the same work for a name that does not exist (`stored` is None) as for a
wrong secret, so the time of an answer does not tell which names exist.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from postseal.defaults import RandomSource, random_octets
from postseal.secrets import Secret
from postseal.smtp.sasl import ScramRecord

__all__ = [
    "MAX_PASSWORD_OCTETS",
    "derive_scram_record",
    "generate_secret",
    "hash_generated_secret",
    "hash_password",
    "new_token",
    "password_needs_rehash",
    "token_hash",
    "verify_generated_secret",
    "verify_password",
]

MAX_PASSWORD_OCTETS = 1024
"""The longest password that is hashed, in octets of UTF-8; no longer one is ever right."""

_SECRET_OCTETS = 20  # 160 bits: 32 symbols of 5 bits
_TOKEN_OCTETS = 32
_SYMBOLS_IN_GROUP = 4
# Crockford's alphabet has no letters that look like a digit or like each other: no i, l, o or u.
_READABLE = bytes.maketrans(
    b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", b"0123456789abcdefghjkmnpqrstvwxyz"
)

_hasher = PasswordHasher()


def generate_secret(random: RandomSource = random_octets) -> Secret:
    """Make a password of 160 random bits that can be read out and typed: eight groups of four."""
    symbols = base64.b32encode(random(_SECRET_OCTETS)).translate(_READABLE).decode("ascii")
    groups = (
        symbols[start : start + _SYMBOLS_IN_GROUP]
        for start in range(0, len(symbols), _SYMBOLS_IN_GROUP)
    )
    return Secret("-".join(groups))


def hash_password(password: Secret) -> str:
    """Hash a password that a person logs in with, by argon2id with its parameters and salt.

    Takes tens of milliseconds and 64 MiB: in asyncio code, call it in a thread. Raises
    `ValueError` for a password longer than `MAX_PASSWORD_OCTETS`.
    """
    octets = _octets(password)
    if len(octets) > MAX_PASSWORD_OCTETS:
        raise ValueError(f"a password has at most {MAX_PASSWORD_OCTETS} octets")
    return _hasher.hash(octets)


def verify_password(stored: str | None, password: Secret) -> bool:
    """Tell whether `password` is the one whose `hash_password` is `stored`.

    None stands for an account that does not exist: the answer is no, after the same work. In
    asyncio code, call it in a thread.
    """
    octets = _octets(password)
    too_long = len(octets) > MAX_PASSWORD_OCTETS
    try:
        _hasher.verify(_HASH_OF_NOBODY if stored is None else stored, b"" if too_long else octets)
    except (VerificationError, InvalidHashError):
        return False
    return stored is not None and not too_long


def password_needs_rehash(stored: str) -> bool:
    """Tell whether `stored`, which a password matched, has other parameters than today's."""
    return _hasher.check_needs_rehash(stored)


def hash_generated_secret(secret: Secret) -> bytes:
    """Hash a secret that `generate_secret` made; never use it for one that a person chose."""
    return hashlib.sha256(_octets(secret)).digest()


def verify_generated_secret(stored: bytes | None, secret: Secret) -> bool:
    """Tell whether `secret` is the one whose `hash_generated_secret` is `stored`.

    None stands for a credential that does not exist: the answer is no, in the same time.
    """
    matches = hmac.compare_digest(
        _DIGEST_OF_NOBODY if stored is None else stored, hash_generated_secret(secret)
    )
    return matches and stored is not None


def derive_scram_record(secret: Secret) -> ScramRecord:
    """Make what SCRAM-SHA-256 checks a generated secret by (RFC 7677).

    A few milliseconds of work: in asyncio code, call it in a thread. More iterations would not
    help a secret that nobody can guess, and cost its clients time at each login. Raises
    `InvalidInput` for what `generate_secret` cannot have made and SASLprep refuses.
    """
    return ScramRecord.derive(secret.reveal())


def new_token(random: RandomSource = random_octets) -> Secret:
    """Make a session token of 256 random bits, in the characters that a cookie may hold."""
    return Secret(base64.urlsafe_b64encode(random(_TOKEN_OCTETS)).rstrip(b"=").decode("ascii"))


def token_hash(token: Secret) -> bytes:
    """Give what the database keeps of a session token, and finds the session by.

    Looking a digest up needs no constant time: who cannot choose its bits learns nothing from
    how long the comparison took.
    """
    return hashlib.sha256(_octets(token)).digest()


def _octets(secret: Secret) -> bytes:
    # A lone surrogate can come from a decoded form or command; it is wrong, not exceptional.
    return secret.reveal().encode("utf-8", "surrogatepass")


_DIGEST_OF_NOBODY = secrets.token_bytes(hashlib.sha256().digest_size)
# Made on import and not when first needed, which would make the first answer a slow one.
_HASH_OF_NOBODY = _hasher.hash(secrets.token_bytes(_SECRET_OCTETS))

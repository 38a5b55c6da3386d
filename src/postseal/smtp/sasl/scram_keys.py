"""The arithmetic of SCRAM (RFC 5802 3): from a password to keys, and from keys to proofs."""

from __future__ import annotations

import hashlib
import hmac
import re
from base64 import b64decode, b64encode
from dataclasses import dataclass, field
from enum import Enum, unique
from typing import Final

from postseal.defaults import RandomSource, random_octets
from postseal.errors import InvalidInput
from postseal.smtp.grammar import is_base64
from postseal.smtp.sasl.saslprep import StringUse, saslprep

__all__ = [
    "MAX_ITERATIONS",
    "MIN_ITERATIONS",
    "ClientKeys",
    "ScramHash",
    "ScramRecord",
    "decoy_record",
]

# RFC 5802 5.1, RFC 7677 4: at least 4096.
MIN_ITERATIONS: Final = 4096
# More than anybody recommends (1.3 million for SHA-1), and still less than a few seconds of work.
MAX_ITERATIONS: Final = 2_000_000

_SALT_OCTETS: Final = 16

# RFC 5803 2, RFC 3112 2: scheme "$" authInfo "$" authValue
_RECORD: Final = re.compile(r"([A-Z0-9-]+)\$([1-9][0-9]{0,9}):([^$:]+)\$([^$:]+):([^$:]+)\Z")


@unique
class ScramHash(Enum):
    """The hash functions with a mechanism; the value is the name that `hashlib` knows."""

    SHA_256 = "sha256"  # RFC 7677
    SHA_1 = "sha1"  # RFC 5802

    @property
    def mechanism(self) -> str:
        """The mechanism's name, without -PLUS."""
        return f"SCRAM-{self.name.replace('_', '-')}"

    def digest(self, data: bytes) -> bytes:
        """H(data)."""
        return hashlib.new(self.value, data).digest()

    def hmac(self, key: bytes, data: bytes) -> bytes:
        """HMAC(key, data)."""
        return hmac.digest(key, data, self.value)


@dataclass(frozen=True, slots=True)
class ClientKeys:
    """What a password becomes for one salt and iteration count; as secret as the password."""

    hash: ScramHash
    client_key: bytes = field(repr=False)
    server_key: bytes = field(repr=False)

    @classmethod
    def derive(cls, hash_: ScramHash, password: str, salt: bytes, iterations: int) -> ClientKeys:
        """Do the work of `iterations` rounds on a password that SASLprep has prepared."""
        salted = hashlib.pbkdf2_hmac(hash_.value, password.encode(), salt, iterations)
        return cls(hash_, hash_.hmac(salted, b"Client Key"), hash_.hmac(salted, b"Server Key"))

    def proof(self, auth_message: bytes) -> bytes:
        """ClientProof."""
        stored_key = self.hash.digest(self.client_key)
        return _xor(self.client_key, self.hash.hmac(stored_key, auth_message))

    def server_signature(self, auth_message: bytes) -> bytes:
        """What the server must answer."""
        return self.hash.hmac(self.server_key, auth_message)


@dataclass(frozen=True, slots=True)
class ScramRecord:
    """What a server keeps of a user's password: enough to check it, too little to log in with.

    Who steals records can guess passwords, and can play the server to their users: keep them as
    password hashes are kept.
    """

    hash: ScramHash
    salt: bytes = field(repr=False)
    iterations: int
    stored_key: bytes = field(repr=False)
    server_key: bytes = field(repr=False)

    @classmethod
    def derive(
        cls,
        password: str,
        *,
        hash_: ScramHash = ScramHash.SHA_256,
        iterations: int = MIN_ITERATIONS,
        salt: bytes | None = None,
        random: RandomSource = random_octets,
    ) -> ScramRecord:
        """Make the record of a password, prepared as a stored string; `salt` is drawn if absent.

        Raises `InvalidInput` for a password that SASLprep refuses, an empty one, an empty salt,
        and for iterations beyond 4096 to 2,000,000, which our own client would not do.
        """
        if not MIN_ITERATIONS <= iterations <= MAX_ITERATIONS:
            del password  # the frames of an error are shown
            raise InvalidInput(
                f"{iterations} iterations are not within {MIN_ITERATIONS} and {MAX_ITERATIONS}"
            )
        if salt is not None and not salt:
            del password
            raise InvalidInput("a SCRAM record needs a salt")
        salt = salt or random(_SALT_OCTETS)
        prepared = saslprep(password, StringUse.STORED)
        del password  # the frames of an error are shown
        if prepared.problem:
            raise InvalidInput(f"the password cannot be used with SCRAM: {prepared.problem}")
        keys = ClientKeys.derive(hash_, prepared.text, salt, iterations)
        return cls(hash_, salt, iterations, hash_.digest(keys.client_key), keys.server_key)

    def to_text(self) -> str:
        """Write it as directories and databases keep it (RFC 5803 2), in one line."""
        parts = (self.salt, self.stored_key, self.server_key)
        salt, stored_key, server_key = (b64encode(part).decode("ascii") for part in parts)
        return f"{self.hash.mechanism}${self.iterations}:{salt}${stored_key}:{server_key}"

    @classmethod
    def from_text(cls, text: str) -> ScramRecord:
        """Read what `to_text` wrote. Raises `InvalidInput`, without the text, for anything else."""
        found = _RECORD.match(text)
        del text  # the frames of an error are shown
        hash_ = next((one for one in ScramHash if found and one.mechanism == found[1]), None)
        parts = found.group(3, 4, 5) if found else ()
        if found is None or hash_ is None or not all(is_base64(one.encode()) for one in parts):
            raise InvalidInput("it is no SCRAM record (RFC 5803)")
        salt, stored_key, server_key = map(b64decode, parts)
        if {len(stored_key), len(server_key)} != {len(hash_.digest(b""))}:
            raise InvalidInput("a SCRAM record's keys are as long as its hash")
        if not MIN_ITERATIONS <= int(found[2]) <= MAX_ITERATIONS:
            raise InvalidInput("a SCRAM record's iterations are not within what is safe")
        return cls(hash_, salt, int(found[2]), stored_key, server_key)

    def proves(self, proof: bytes, auth_message: bytes) -> bool:
        """Tell whether whoever made `proof` knows the password."""
        signature = self.hash.hmac(self.stored_key, auth_message)
        if len(proof) != len(signature):
            return False
        return hmac.compare_digest(self.hash.digest(_xor(proof, signature)), self.stored_key)

    def server_signature(self, auth_message: bytes) -> bytes:
        """ServerSignature: the proof that this record was at hand."""
        return self.hash.hmac(self.server_key, auth_message)


def decoy_record(
    username: str, secret: bytes, *, hash_: ScramHash, iterations: int = MIN_ITERATIONS
) -> ScramRecord:
    """Make up the record of a user who does not exist; no password fits it.

    The same name and `secret` give the same salt each time, as a real user's does, so that asking
    twice does not tell who exists. `secret` is known to nobody else and outlives restarts;
    `iterations` is what the real records have.
    """
    salt, stored_key, server_key = (
        ScramHash.SHA_256.hmac(secret, f"{purpose} {hash_.value} {username}".encode())
        for purpose in ("salt", "stored key", "server key")
    )
    size = len(hash_.digest(b""))
    return ScramRecord(hash_, salt[:_SALT_OCTETS], iterations, stored_key[:size], server_key[:size])


def _xor(one: bytes, other: bytes) -> bytes:
    return bytes(a ^ b for a, b in zip(one, other, strict=True))

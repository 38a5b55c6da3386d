"""CRAM-MD5 (RFC 2195): a keyed MD5 of the server's challenge; for old servers that have no better.

The server proves nothing, and has to keep the password itself or as good as that.
"""

from __future__ import annotations

import hmac
from typing import ClassVar

from postseal.smtp.sasl.credentials import Password
from postseal.smtp.sasl.errors import ChallengeInvalid, CredentialsUnusable
from postseal.smtp.sasl.mechanism import ClientMechanism, Exposure

__all__ = ["CramMD5Client"]


class CramMD5Client(ClientMechanism):
    """CRAM-MD5 from the client's side; it cannot act as somebody else."""

    name = "CRAM-MD5"
    exposure: ClassVar[Exposure] = Exposure.FAST_GUESSES

    def __init__(self, credentials: Password) -> None:
        super().__init__(credentials)
        self._credentials = credentials
        self._is_done = False

    def initial_response(self) -> None:
        if self._credentials.authorization_identity:
            raise CredentialsUnusable("CRAM-MD5 has no authorization identity")

    def respond(self, challenge: bytes) -> bytes:
        if self._is_done:
            return super().respond(challenge)
        self._is_done = True
        if not challenge:
            # Without one the digest is the same each time, and could be replayed.
            raise ChallengeInvalid("the challenge of CRAM-MD5 is empty")
        digest = self._digest(challenge)
        if digest is None:
            raise CredentialsUnusable("MD5 is disabled on this system")
        return f"{self.username} {digest}".encode()

    def _digest(self, challenge: bytes) -> str | None:
        try:
            return hmac.new(self._credentials.password.encode(), challenge, "md5").hexdigest()
        except ValueError:
            # OpenSSL in FIPS mode.
            return None

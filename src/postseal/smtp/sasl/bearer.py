"""Bearer tokens: OAUTHBEARER (RFC 7628) and its forerunner XOAUTH2 (Google, Microsoft).

A server that refuses a token says why in a challenge of JSON before it refuses the exchange; the
client answers with next to nothing, and keeps the explanation for its error.
"""

from __future__ import annotations

import json
from abc import abstractmethod
from base64 import b64encode
from typing import ClassVar, Final

from postseal.smtp.sasl.credentials import BearerToken
from postseal.smtp.sasl.mechanism import ClientMechanism, Exposure
from postseal.smtp.sasl.scram_messages import escape_name

__all__ = ["OAuthBearerClient", "XOAuth2Client"]

_MAX_ERROR: Final = 4096
_MAX_FIELD: Final = 200
# RFC 7628 3.2.2; the others are what Google and Microsoft write.
_ERROR_FIELDS: Final = ("status", "error", "error_description", "schemes", "scope")


class _BearerClient(ClientMechanism):
    exposure: ClassVar[Exposure] = Exposure.SECRET
    advice: ClassVar[str] = "Check the token: its user, its scope, and whether it has expired."
    _acknowledgement: ClassVar[bytes]

    def __init__(self, credentials: BearerToken) -> None:
        super().__init__(credentials)
        self._credentials = credentials
        self._is_refused = False

    @abstractmethod
    def initial_response(self) -> bytes:
        """Give the token with the name of its user."""

    def respond(self, challenge: bytes) -> bytes:
        if self._is_refused:
            return super().respond(challenge)
        self._is_refused = True
        # A server may quote what it does not like.
        response = b64encode(self.initial_response()).decode("ascii")
        self.server_error = _read_error(challenge, (self._credentials.token, response))
        return self._acknowledgement


class OAuthBearerClient(_BearerClient):
    """OAUTHBEARER from the client's side."""

    name = "OAUTHBEARER"
    _acknowledgement = b"\x01"  # RFC 7628 3.2.3

    def initial_response(self) -> bytes:
        given = self._credentials
        # RFC 7628 3.1: gs2-header kvsep *kvpair kvsep
        fields = [f"n,a={escape_name(self.username)},"]
        if given.host:
            fields.append(f"host={given.host}")
        if given.port is not None:
            fields.append(f"port={given.port}")
        return "\x01".join((*fields, f"auth=Bearer {given.token}", "", "")).encode()


class XOAuth2Client(_BearerClient):
    """XOAUTH2 from the client's side."""

    name = "XOAUTH2"
    _acknowledgement = b""

    def initial_response(self) -> bytes:
        token = self._credentials.token
        return f"user={self.username}\x01auth=Bearer {token}\x01\x01".encode()


def _read_error(challenge: bytes, secrets: tuple[str, ...]) -> str:
    try:
        found = json.loads(challenge[:_MAX_ERROR])
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        return f"an error that is no JSON object ({len(challenge)} octets)"
    fields = ((name, found.get(name)) for name in _ERROR_FIELDS)
    text = ", ".join(
        f"{name} {_shown(str(value), secrets)}"
        for name, value in fields
        # Only what is flat: to show what is nested deeply would be work without bound.
        if value and isinstance(value, str | int)
    )
    return text or "an error without a status"


def _shown(text: str, secrets: tuple[str, ...]) -> str:
    for secret in secrets:
        text = text.replace(secret, "***")
    shown = "".join(character if character.isprintable() else "?" for character in text)
    return shown if len(shown) <= _MAX_FIELD else f"{shown[:_MAX_FIELD]}..."

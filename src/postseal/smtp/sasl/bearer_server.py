"""Bearer tokens from the server's side: OAUTHBEARER (RFC 7628) and XOAUTH2.

A token that is refused is refused twice: by a challenge of JSON that says why, which the client
has to answer, and then by the reply.
"""

from __future__ import annotations

import re
from abc import abstractmethod
from typing import ClassVar, Final

from postseal.smtp.sasl.scram_messages import MessageInvalid, unescape_name
from postseal.smtp.sasl.server_mechanism import (
    Challenge,
    Failed,
    FailureCause,
    ServerMechanism,
    ServerStep,
    TokenPresented,
)

__all__ = ["BearerServer", "OAuthBearerServer", "XOAuth2Server"]

# RFC 6750 2.1: b64token
_TOKEN: Final = rb"(?i:bearer) +(?P<token>[A-Za-z0-9._~+/-]+=*)"
# RFC 7628 3.1: client-resp = gs2-header kvsep *kvpair kvsep. "p" would bind a channel, which the
# mechanism cannot.
_OAUTHBEARER: Final = re.compile(
    rb"[ny],(?:a=(?P<user>[^\x00\x01,]{1,255}))?,\x01"
    rb"(?:(?!auth=)[A-Za-z]+=[^\x00\x01]*\x01)*auth=" + _TOKEN + rb"\x01"
    rb"(?:(?!auth=)[A-Za-z]+=[^\x00\x01]*\x01)*\x01\Z"
)
_XOAUTH2: Final = re.compile(
    rb"user=(?P<user>[^\x00\x01]{1,255})\x01auth=" + _TOKEN + rb"\x01\x01\Z"
)


class BearerServer(ServerMechanism):
    """What both have in common."""

    _pattern: ClassVar[re.Pattern[bytes]]
    _refusal: ClassVar[bytes]

    def receive(self, response: bytes | None) -> ServerStep:
        if response is None:
            return Challenge(b"")
        found = self._pattern.match(response)
        try:
            username = self._username((found["user"] or b"").decode()) if found else None
        except (UnicodeDecodeError, MessageInvalid):
            username = None
        if found is None or username is None:
            return Failed(f"the response is not that of {self.name}", FailureCause.MALFORMED)
        return TokenPresented(username, found["token"].decode("ascii"))

    def refuse(self) -> Challenge:
        """Say why, once the platform has refused the token; whatever is answered ends it."""
        return Challenge(self._refusal)

    @abstractmethod
    def _username(self, written: str) -> str:
        """Read the name as it is written."""


class OAuthBearerServer(BearerServer):
    """OAUTHBEARER; the name may be missing, since the token knows it."""

    name = "OAUTHBEARER"
    _pattern = _OAUTHBEARER
    _refusal = b'{"status":"invalid_token","schemes":"bearer"}'  # RFC 7628 3.2.2

    def _username(self, written: str) -> str:
        return unescape_name(written)


class XOAuth2Server(BearerServer):
    """XOAUTH2."""

    name = "XOAUTH2"
    _pattern = _XOAUTH2
    _refusal = b'{"status":"401","schemes":"bearer"}'

    def _username(self, written: str) -> str:
        return written

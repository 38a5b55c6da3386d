"""The four messages of SCRAM (RFC 5802 7) as values: written here, read here, and nowhere else.

Reading is exact: base64 in its one canonical form, attributes in their order, no mandatory
extension that nobody knows. What is read raises `MessageInvalid` and no other error.
"""

from __future__ import annotations

import re
from base64 import b64decode, b64encode
from dataclasses import dataclass, field
from enum import Enum, unique
from typing import Final

from postseal.smtp.grammar import is_base64

__all__ = [
    "TLS_SERVER_END_POINT",
    "BindingFlag",
    "ClientFinal",
    "ClientFirst",
    "MessageInvalid",
    "ServerFinal",
    "ServerFirst",
    "escape_name",
    "unescape_name",
]

# RFC 5929 4; RFC 9266 makes tls-exporter the default for TLS 1.3, which Python's ssl has not.
# The hash of the server's certificate is as good there, where the handshake is bound to it.
TLS_SERVER_END_POINT: Final = "tls-server-end-point"

_MAX_MESSAGE: Final = 4096

_NONCE: Final = r"[\x21-\x2b\x2d-\x7e]+"
_BASE64: Final = r"[A-Za-z0-9+/]+={0,2}"
# extensions = attr-val *("," attr-val), with value = 1*value-char
_EXTENSIONS: Final = r"(?:,[A-Za-z]=[^\x00,]+)*"

_CLIENT_FIRST: Final = re.compile(
    r"(?P<header>(?:(?P<flag>[ny])|p=(?P<type>[A-Za-z0-9.-]+)),(?:a=(?P<identity>[^\x00,]+))?,)"
    rf"(?P<bare>n=(?P<name>[^\x00,]+),r=(?P<nonce>{_NONCE}){_EXTENSIONS})\Z"
)
# The count is read by its first digits; what has more is too high, whatever they are.
_SERVER_FIRST: Final = re.compile(
    rf"r=(?P<nonce>{_NONCE}),s=(?P<salt>{_BASE64}),i=(?P<count>[1-9][0-9]*){_EXTENSIONS}\Z"
)
_CLIENT_FINAL: Final = re.compile(
    rf"(?P<bare>c=(?P<binding>{_BASE64}),r=(?P<nonce>{_NONCE}){_EXTENSIONS}),p=(?P<proof>{_BASE64})\Z"
)
_SERVER_FINAL: Final = re.compile(
    rf"(?:v=(?P<signature>{_BASE64})|e=(?P<error>[\x21-\x2b\x2d-\x7e]+)){_EXTENSIONS}\Z"
)


class MessageInvalid(Exception):
    """Octets are not the message that is due."""


@unique
class BindingFlag(Enum):
    """The first letter of the GS2 header (RFC 5802 6)."""

    UNSUPPORTED = "n"
    NOT_OFFERED = "y"  # the client could bind, and the server did not offer it
    USED = "p"


@dataclass(frozen=True, slots=True)
class ClientFirst:
    """client-first-message; `header` and `bare` are its two parts as they were written."""

    flag: BindingFlag
    binding_type: str
    authorization_identity: str
    username: str
    nonce: str

    header: bytes
    bare: bytes = field(repr=False)

    @classmethod
    def make(
        cls, flag: BindingFlag, username: str, nonce: str, *, authorization_identity: str = ""
    ) -> ClientFirst:
        """Write the message of a client."""
        binding_type = TLS_SERVER_END_POINT if flag is BindingFlag.USED else ""
        word = f"p={binding_type}" if binding_type else flag.value
        acts_as = f"a={escape_name(authorization_identity)}" if authorization_identity else ""
        return cls(
            flag,
            binding_type,
            authorization_identity,
            username,
            nonce,
            header=f"{word},{acts_as},".encode(),
            bare=f"n={escape_name(username)},r={nonce}".encode(),
        )

    @classmethod
    def read(cls, message: bytes) -> ClientFirst:
        """Read the message of a client."""
        found = _match(_CLIENT_FIRST, message, "client-first-message")
        return cls(
            BindingFlag(found["flag"]) if found["flag"] else BindingFlag.USED,
            found["type"] or "",
            unescape_name(found["identity"] or ""),
            unescape_name(found["name"]),
            found["nonce"],
            header=found["header"].encode(),
            bare=found["bare"].encode(),
        )

    def encode(self) -> bytes:
        """Write it for the wire."""
        return self.header + self.bare


@dataclass(frozen=True, slots=True)
class ServerFirst:
    """server-first-message."""

    nonce: str
    salt: bytes
    iterations: int

    @classmethod
    def read(cls, message: bytes) -> ServerFirst:
        """Read the message of a server; an `iterations` of ten digits or more is cut to ten."""
        found = _match(_SERVER_FIRST, message, "server-first-message")
        return cls(found["nonce"], _octets(found["salt"]), int(found["count"][:10]))

    def encode(self) -> bytes:
        """Write it for the wire."""
        return f"r={self.nonce},s={_base64(self.salt)},i={self.iterations}".encode()


@dataclass(frozen=True, slots=True)
class ClientFinal:
    """client-final-message; `bare` is what of it is signed, as it was written."""

    binding: bytes = field(repr=False)
    nonce: str
    proof: bytes = field(repr=False)
    bare: bytes = field(repr=False)

    @staticmethod
    def write_bare(binding: bytes, nonce: str) -> bytes:
        """Write client-final-message-without-proof; `binding` is GS2 header and binding data."""
        return f"c={_base64(binding)},r={nonce}".encode()

    @classmethod
    def read(cls, message: bytes) -> ClientFinal:
        """Read the message of a client."""
        found = _match(_CLIENT_FINAL, message, "client-final-message")
        return cls(
            _octets(found["binding"]),
            found["nonce"],
            _octets(found["proof"]),
            found["bare"].encode(),
        )

    def encode(self) -> bytes:
        """Write it for the wire."""
        return self.bare + f",p={_base64(self.proof)}".encode()


@dataclass(frozen=True, slots=True)
class ServerFinal:
    """server-final-message: the server's signature, or the word for what it does not like."""

    signature: bytes = b""
    error: str = ""

    @classmethod
    def read(cls, message: bytes) -> ServerFinal:
        """Read the message of a server."""
        found = _match(_SERVER_FINAL, message, "server-final-message")
        return cls(_octets(found["signature"] or ""), found["error"] or "")

    def encode(self) -> bytes:
        """Write it for the wire."""
        return f"v={_base64(self.signature)}".encode()


def escape_name(name: str) -> str:
    """Write a name as `saslname`, where "," and "=" are not part of it (RFC 5801 4)."""
    return name.replace("=", "=3D").replace(",", "=2C")


def unescape_name(written: str) -> str:
    """Read a `saslname`. Raises `MessageInvalid` where its escapes are not well formed."""
    if re.search("=(?!2C|3D)", written):
        raise MessageInvalid("a name holds '=' that begins neither =2C nor =3D")
    return written.replace("=2C", ",").replace("=3D", "=")


def _match(pattern: re.Pattern[str], message: bytes, name: str) -> dict[str, str]:
    try:
        found = pattern.match(message.decode()) if len(message) <= _MAX_MESSAGE else None
    except UnicodeDecodeError:
        found = None
    if found is None:
        raise MessageInvalid(f"it is no {name} (RFC 5802 7)")
    return found.groupdict()


def _base64(data: bytes) -> str:
    return b64encode(data).decode("ascii")


def _octets(text: str) -> bytes:
    if not is_base64(text.encode()):
        raise MessageInvalid("a value is not canonical base64")
    return b64decode(text)

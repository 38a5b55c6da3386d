"""What the servers of TLS made by hand have in common: they read a ClientHello, then go on."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Generic, TypeVar

from postseal.audit.lab.certificates import Certificates
from postseal.audit.lab.server_hello import CHANGE_CIPHER_SPEC, NO_COMMON_VERSION
from postseal.tls.client_hello import ClientHello, ClientHelloReader, UnreadableHello

__all__ = ["HandMadeHandshake", "spoilt"]


S = TypeVar("S")


class HandMadeHandshake(ABC, Generic[S]):
    """One connection to a server, from the client's first record on."""

    def __init__(self, server: S, certificates: Certificates) -> None:
        self._server = server
        self._certificates = certificates
        self._reader: ClientHelloReader | None = ClientHelloReader()
        self._transcript = b""

    def answer(self, data: bytes) -> bytes:
        """Answer one record; with nothing where none is due."""
        if self._reader is None:
            return self._answer_next(data)
        if data[0] == CHANGE_CIPHER_SPEC:
            # RFC 8446 D.4: it may stand before a second ClientHello, and says nothing.
            return b""
        try:
            hello = self._reader.feed(data)
        except UnreadableHello:
            return NO_COMMON_VERSION
        if hello is None:
            return b""
        self._reader = None
        return self._answer_hello(hello)

    def _await_hello(self) -> None:
        self._reader = ClientHelloReader()

    @abstractmethod
    def _answer_hello(self, hello: ClientHello) -> bytes: ...

    def _answer_next(self, _: bytes) -> bytes:
        """Answer what comes behind the last ClientHello: with nothing, if that said it all."""
        return b""


def spoilt(signature: bytes) -> bytes:
    """Give a signature that nobody made: another last bit."""
    return signature[:-1] + bytes([signature[-1] ^ 1])

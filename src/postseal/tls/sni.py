"""The context of a server, chosen by the name that the client asks for (RFC 6066 3)."""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from types import MappingProxyType

from postseal.tls.binding import server_end_point

__all__ = ["ServerContext"]


class ServerContext(ssl.SSLContext):
    """A server's context with one certificate, and the contexts for hosts that have others.

    `end_point` is the channel binding of its own certificate: Python's ssl shows that of the peer
    alone, and only the context in use at the end of the handshake tells which one the client saw.
    """

    end_point: bytes = b""
    _by_name: Mapping[str, ServerContext] = MappingProxyType({})

    def learn_end_point(self, chain_pem: str) -> None:
        """Take the first certificate of a chain in PEM for our own."""
        begin = chain_pem.find(ssl.PEM_HEADER)
        end = chain_pem.find(ssl.PEM_FOOTER, begin) + len(ssl.PEM_FOOTER)
        self.end_point = server_end_point(ssl.PEM_cert_to_DER_cert(chain_pem[begin:end]))

    def serve_names(self, by_name: Mapping[str, ServerContext]) -> None:
        """Give way to other contexts for these hosts.

        The names are A-labels in lower case; the first label may be `*` (RFC 9525 6.3).
        """
        self._by_name = MappingProxyType(dict(by_name))

    def for_name(self, name: str | None) -> ServerContext:
        """Give the context for a host in lower case; it is this one where no other is meant.

        An unknown name is no error (RFC 6066 3): many clients name what they looked up, and the
        certificate says itself whose it is.
        """
        if name is None:
            return self
        found = self._by_name.get(name)
        if found is None:
            label, _, domain = name.partition(".")
            found = self._by_name.get(f"*.{domain}") if label else None
        return found or self

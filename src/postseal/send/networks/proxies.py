"""A network that is reached through a proxy: SOCKS5 (RFC 1928) or HTTP CONNECT (RFC 9110 9.3.6).

The proxy carries octets and no more: TLS is with the mail server, and names are the proxy's to look
up, so that nothing of who is written to shows in our own DNS.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum, unique
from typing import Final, Self
from urllib.parse import unquote, urlsplit

from postseal.errors import (
    ConnectError,
    InvalidSetting,
    InvalidURL,
    MailError,
    Phase,
)
from postseal.secrets import Secret
from postseal.send.endpoint import is_loopback
from postseal.send.networks.network import IPAddress, Network, Stream
from postseal.send.networks.proxy_dialogues import ask_http, ask_socks
from postseal.send.networks.sealed import SealedStream
from postseal.send.networks.tunnel import Tunnel
from postseal.send.networks.wrapped_network import WrappedNetwork
from postseal.tls import Channel, Opening, TLSLevel, Trust

__all__ = ["ProxiedNetwork", "Proxy", "ProxyKind"]

# RFC 1929 2: lengths are one octet.
_MAX_CREDENTIAL: Final = 255


@unique
class ProxyKind(Enum):
    """How a proxy is spoken to; the values are the schemes of its URL."""

    SOCKS5 = "socks5"
    HTTP = "http"
    HTTPS = "https"

    @property
    def port(self) -> int:
        """The port where the URL names none."""
        return {ProxyKind.SOCKS5: 1080, ProxyKind.HTTP: 8080, ProxyKind.HTTPS: 443}[self]


@dataclass(frozen=True, slots=True)
class Proxy:
    """A proxy, and what proves to it who we are.

    `https` speaks TLS with the proxy, whose certificate is verified by `trust`. Credentials go to
    such a one, or to one on this machine; to any other they would go in clear.
    """

    kind: ProxyKind
    host: str
    port: int
    username: str | None = None
    password: Secret | None = None
    trust: Trust | None = None

    @classmethod
    def parse(
        cls,
        url: str,
        *,
        password: Secret | str | None = None,
        trust: Trust | None = None,
        dangerous_password_in_clear: bool = False,
    ) -> Self:
        """Read `socks5://[user@]host[:port]`, or the same with `http` or `https`.

        Raises `InvalidURL`, which never repeats a password, and `InvalidSetting` for credentials
        that would go in clear.
        """
        kind, host, port, username = _read(url)
        if isinstance(password, str):
            password = Secret(password)
        if (username is None) != (password is None):
            raise InvalidSetting(
                "a proxy's user goes with a password, and a password with a user",
                hint="Write Proxy.parse('socks5://user@host', password=...).",
            )
        if password is not None:
            if max(map(_octets, (username or "", password.reveal()))) > _MAX_CREDENTIAL:
                raise InvalidSetting("a proxy's user and password have at most 255 octets each")
            if not (kind is ProxyKind.HTTPS or is_loopback(host) or dangerous_password_in_clear):
                raise InvalidSetting(
                    f"the password would go to the proxy {host} in clear",
                    hint="Use an https:// proxy, or one on this machine.",
                )
        return cls(kind, host, port, username, password, trust)

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.kind.value}://{host}:{self.port}"


class ProxiedNetwork(WrappedNetwork):
    """Connects over another network, through a proxy; sockets of this machine need none."""

    def __init__(self, network: Network, proxy: Proxy) -> None:
        super().__init__(network)
        self._proxy = proxy

    async def connect(
        self, host: str, port: int, deadline: float, *, addresses: Sequence[IPAddress] = ()
    ) -> Stream:
        """Ask the proxy for the host, or for each of its `addresses` until one answers."""
        failure: ConnectError | None = None
        for target in addresses or (host,):
            try:
                return await self._connect(str(target), port, deadline)
            except ConnectError as error:
                failure = failure or error
        raise failure or ConnectError(f"{host} has no address", phase=Phase.CONNECT)

    async def _connect(self, target: str, port: int, deadline: float) -> Stream:
        proxy = self._proxy
        try:
            stream = await self._network.connect(proxy.host, proxy.port, deadline)
            try:
                if proxy.kind is ProxyKind.HTTPS:
                    stream = await SealedStream.establish(stream, self._channel(), deadline)
                # Who is behind the proxy is not known, so it must never pass for this machine.
                tunnel = Tunnel(stream, peer_address=_beyond(target))
                ask = ask_socks if proxy.kind is ProxyKind.SOCKS5 else ask_http
                await ask(tunnel, target, port, proxy.username, proxy.password, deadline)
            except BaseException:
                stream.close()
                raise
        except MailError as error:
            failure = error
        else:
            return tunnel
        failure.phase = Phase.CONNECT
        failure.text = f"by the proxy {proxy}: {failure.text}"
        # What was written is in the frames of its traceback, and its causes': credentials, too.
        failure.__cause__ = failure.__context__ = None
        raise failure.with_traceback(None)

    def _channel(self) -> Channel:
        return Channel.client(
            self._proxy.host,
            trust=self._proxy.trust or Trust.system(),
            level=TLSLevel.AUTHENTICATED,
            opening=Opening.IMPLICIT,
        )


def _read(url: str) -> tuple[ProxyKind, str, int, str | None]:
    try:
        parts = urlsplit(url)
        port = parts.port
        kind = ProxyKind(parts.scheme.lower())
    except ValueError:
        # What urlsplit says may hold a piece of a misplaced password.
        raise InvalidURL(
            "the URL of the proxy is not well formed",
            hint="Write socks5://host:1080, http://host:8080 or https://host:443.",
        ) from None
    if parts.password is not None:
        raise InvalidURL(
            "a URL must not hold a password: URLs end up in logs and process lists",
            hint="Give it apart: Proxy.parse(url, password=...).",
        )
    if any(not one.isprintable() or one.isspace() for one in url) or not parts.hostname:
        raise InvalidURL("the URL of the proxy names no host")
    if parts.path not in ("", "/") or parts.query or parts.fragment or port == 0:
        raise InvalidURL("the URL of a proxy ends after its host and port")
    username = unquote(parts.username) if parts.username else None
    return kind, parts.hostname, port or kind.port, username


def _octets(text: str) -> int:
    return len(text.encode())


def _beyond(target: str) -> str:
    try:
        address = ipaddress.ip_address(target)
    except ValueError:
        return ""
    return "" if address.is_loopback else target

"""What is said to a proxy until it connects: SOCKS5 (RFC 1928, 1929) and HTTP's CONNECT."""

from __future__ import annotations

import ipaddress
import re
from base64 import b64encode
from typing import Final

from postseal.errors import ConnectError
from postseal.secrets import Secret
from postseal.send.networks.tunnel import Tunnel

__all__ = ["ask_http", "ask_socks"]

_VERSION: Final = 5
_NO_AUTHENTICATION: Final = 0
_BY_PASSWORD: Final = 2
_CONNECT: Final = 1
_IPV4, _NAME, _IPV6 = 1, 3, 4

# RFC 1928 6
_REFUSALS: Final = {
    1: "a failure of its own",
    2: "its rules do not allow the connection",
    3: "the network cannot be reached",
    4: "the host cannot be reached",
    5: "the server refused the connection",
    6: "the connection took too long",
    7: "it does not know the command CONNECT",
    8: "it does not know this kind of address",
}

_MAX_HEAD: Final = 16 * 1024
_STATUS: Final = re.compile(rb"HTTP/1\.[01] (\d{3})(?: [^\r\n]*)?\r?\n")


async def ask_socks(
    tunnel: Tunnel,
    host: str,
    port: int,
    username: str | None,
    password: Secret | None,
    deadline: float,
) -> None:
    """Have a SOCKS5 proxy connect to the host, whose name it looks up. Raises `ConnectError`."""
    methods = [_NO_AUTHENTICATION] if password is None else [_NO_AUTHENTICATION, _BY_PASSWORD]
    await tunnel.write(bytes([_VERSION, len(methods), *methods]), deadline)
    version, method = await tunnel.take(2, deadline)
    if version != _VERSION:
        raise ConnectError("it does not speak SOCKS5", hint="Is it an http:// proxy?")
    if method == _BY_PASSWORD and username is not None and password is not None:
        await _log_in(tunnel, username.encode(), password.reveal().encode(), deadline)
    elif method != _NO_AUTHENTICATION or method not in methods:
        raise ConnectError(
            "it wants to know who we are" if password is None else "it takes no password",
            hint="Give Proxy.parse(url, password=...)." if password is None else None,
        )
    request = bytes([_VERSION, _CONNECT, 0]) + _address(host) + port.to_bytes(2, "big")
    await tunnel.write(request, deadline)
    version, answer, _, kind = await tunnel.take(4, deadline)
    if version != _VERSION:
        raise ConnectError("its answer is not SOCKS5")
    if answer:
        reason = _REFUSALS.get(answer, f"the code {answer}")
        raise ConnectError(f"port {port} of {host} cannot be reached: {reason}")
    # What it calls its own end is of no use, and has to be read all the same.
    if kind == _NAME:
        (size,) = await tunnel.take(1, deadline)
    else:
        size = {_IPV4: 4, _IPV6: 16}.get(kind, -1)
    if size < 0:
        raise ConnectError("its answer is not SOCKS5")
    await tunnel.take(size + 2, deadline)


async def ask_http(
    tunnel: Tunnel,
    host: str,
    port: int,
    username: str | None,
    password: Secret | None,
    deadline: float,
) -> None:
    """Have an HTTP proxy connect to the host, whose name it looks up. Raises `ConnectError`."""
    target = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    head = f"CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n"
    if username is not None and password is not None:
        # RFC 7617 2: the user cannot hold a colon, which would end it.
        if ":" in username:
            raise ConnectError("a user with a colon cannot be told to an HTTP proxy")
        pair = b64encode(f"{username}:{password.reveal()}".encode()).decode()
        head += f"Proxy-Authorization: Basic {pair}\r\n"
    await tunnel.write(f"{head}\r\n".encode("ascii"), deadline)
    answer = await tunnel.take_until(b"\r\n\r\n", _MAX_HEAD, deadline)
    status = _STATUS.match(answer)
    if status is None:
        raise ConnectError("it does not speak HTTP", hint="Is it a socks5:// proxy?")
    code = int(status[1])
    # RFC 9110 15.5.8; tinyproxy says 401 to what it does not know.
    if code in (401, 407):
        raise ConnectError(
            "it does not take the credentials" if password else "it wants to know who we are",
            hint=None if password else "Give Proxy.parse(url, password=...).",
        )
    if not 200 <= code < 300:
        raise ConnectError(f"it does not connect to port {port} of {host}: it answers {code}")


async def _log_in(tunnel: Tunnel, username: bytes, password: bytes, deadline: float) -> None:
    # RFC 1929 2
    request = bytes([1, len(username)]) + username + bytes([len(password)]) + password
    await tunnel.write(request, deadline)
    _, status = await tunnel.take(2, deadline)
    if status:
        raise ConnectError("it does not take the credentials")


def _address(host: str) -> bytes:
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        name = host.encode("ascii")
        return bytes([_NAME, len(name)]) + name
    return bytes([_IPV4 if address.version == 4 else _IPV6]) + address.packed

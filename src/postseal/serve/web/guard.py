"""What holds for every request and every answer: the host, the origin, the security headers.

A plain ASGI middleware around the whole application, so that an error page or a static file is
guarded as the rest is.
"""

from __future__ import annotations

from collections.abc import Collection
from http import HTTPStatus
from ipaddress import ip_address
from typing import Final
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from postseal.serve.web.problems import refusal

__all__ = ["PAGE_POLICY", "SECURITY_HEADERS", "Guard"]

PAGE_POLICY: Final = (
    "default-src 'none'; style-src 'self'; img-src 'self'; frame-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
"""The content security policy of every answer that does not bring one of its own."""

# `same-origin` and not `no-referrer`: it tells other sites just as little, but with the latter
# browsers send "Origin: null" with our own forms (Fetch, "append a request `Origin` header"),
# and where there is no Sec-Fetch-Site the origin could not be checked.
SECURITY_HEADERS: Final = {
    "Content-Security-Policy": PAGE_POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-DNS-Prefetch-Control": "off",
    "Referrer-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}
"""What every answer carries, unless it brings its own value."""

_WRONG_HOST: Final = (
    "The pages are not served under that name. "
    "Use localhost, an address, or the hostname of the configuration file."
)
_METHODS: Final = frozenset({"GET", "HEAD", "POST"})


class Guard:
    """Refuses what no honest client sends, and puts the security headers on what is answered.

    `hosts` are the names that the pages may be asked for under, besides localhost and any
    address. A page of another site can make a browser connect here by a name of its own (DNS
    rebinding), but never by an address, so addresses need no list.
    """

    def __init__(self, app: ASGIApp, *, hosts: Collection[str]) -> None:
        self._app = app
        self._hosts = frozenset({"localhost", *(host.lower().rstrip(".") for host in hosts)})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        is_head = scope["method"] == "HEAD"

        async def send_guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in SECURITY_HEADERS.items():
                    headers.setdefault(name, value)
            elif is_head:
                message = {**message, "body": b""}
            await send(message)

        refused = self._refuse(scope)
        if refused:
            status, detail = refused
            await refusal(scope["path"], status, detail)(scope, receive, send_guarded)
            return
        # RFC 9110 9.3.2: HEAD is GET without the content, so no route has to know of it.
        inner = {**scope, "method": "GET"} if is_head else scope
        await self._app(inner, receive, send_guarded)

    def _refuse(self, scope: Scope) -> tuple[HTTPStatus, str] | None:
        headers = Headers(scope=scope)
        hosts = headers.getlist("host")
        if len(hosts) != 1 or not self._is_ours(hosts[0]):
            return HTTPStatus.MISDIRECTED_REQUEST, _WRONG_HOST
        if scope["method"] not in _METHODS:
            return HTTPStatus.METHOD_NOT_ALLOWED, "Only GET, HEAD and POST are answered."
        if scope["method"] == "POST" and not _is_same_origin(headers, scope["scheme"], hosts[0]):
            return HTTPStatus.FORBIDDEN, "The form was sent from a page of another site."
        return None

    def _is_ours(self, host: str) -> bool:
        try:
            name = (urlsplit(f"//{host}").hostname or "").rstrip(".")
        except ValueError:
            return False
        return name in self._hosts or _is_address(name)


def _is_address(name: str) -> bool:
    try:
        ip_address(name)
    except ValueError:
        return False
    return True


def _is_same_origin(headers: Headers, scheme: str, host: str) -> bool:
    """Tell whether a form comes from a page of ours, or from no browser at all.

    Browsers say it in one of two fields; a program that sends neither brings nobody's cookies
    but its own.
    """
    if headers.get("sec-fetch-site", "same-origin") != "same-origin":
        return False
    origin = f"{scheme}://{host}"
    return headers.get("origin", origin).lower() == origin.lower()

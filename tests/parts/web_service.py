"""Stand-ins for services of the web: on loopback, or under their own names behind a proxy.

Under their own names they are met as in the world: the client resolves nothing and is told of the
proxy and of the authority by the environment, asks for the tunnel, and verifies the certificate.
"""

from __future__ import annotations

import json
import ssl
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, TypeAlias

import trustme

from tests.parts.ports import LOOPBACK

_PATIENCE = 20


@dataclass(frozen=True, slots=True)
class Asked:
    """A request; names of headers in lower case."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        """The body, read as JSON."""
        return json.loads(self.body)


@dataclass(frozen=True, slots=True)
class Given:
    """A response: its body as it is where it is of bytes, else written as JSON."""

    status: int
    body: object = b""
    headers: Mapping[str, str] = field(default_factory=dict)


Service: TypeAlias = Callable[[Asked], Given]


@dataclass(frozen=True, slots=True)
class WebService:
    """Where a stand-in is."""

    address: str


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = _PATIENCE

    def __init__(self, service: Service, *arguments: Any) -> None:
        self._service = service
        super().__init__(*arguments)

    def _answer(self) -> None:
        length = int(self.headers.get("Content-Length", "0"))
        headers = {name.lower(): value for name, value in self.headers.items()}
        given = self._service(Asked(self.command, self.path, headers, self.rfile.read(length)))
        body = given.body if isinstance(given.body, bytes) else json.dumps(given.body).encode()
        self.send_response(given.status)
        plain = {"Content-Type": "application/json", "Content-Length": str(len(body))}
        for name, value in {**plain, **given.headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_POST = do_PUT = _answer  # noqa: N815  # the names are http.server's

    def log_message(self, format: str, *arguments: Any) -> None:  # noqa: A002
        """Say nothing: who fails says why."""


class _Proxy(_Handler):
    def __init__(
        self, contexts: Mapping[str, ssl.SSLContext], services: Mapping[str, Service], *rest: Any
    ) -> None:
        self._contexts = contexts
        self._services = services
        super().__init__(lambda _: Given(405), *rest)

    def do_CONNECT(self) -> None:
        """Be the server that was asked for."""
        self.close_connection = True
        host, _, port = self.path.partition(":")
        if host not in self._services or port != "443":
            self.send_error(502, f"no way to {self.path}")
            return
        self.send_response(200)
        self.end_headers()
        with self._contexts[host].wrap_socket(self.connection, server_side=True) as sealed:
            _Handler(self._services[host], sealed, self.client_address, self.server)


class _Server(ThreadingHTTPServer):
    def __init__(self, handler: Callable[..., BaseHTTPRequestHandler]) -> None:
        super().__init__((LOOPBACK, 0), handler)
        self.failures: list[BaseException] = []

    def handle_error(self, request: object, client_address: object) -> None:
        """Keep what a stand-in could not do; a client that goes away says why by itself."""
        error = sys.exception()
        if error is not None and not isinstance(error, OSError):
            self.failures.append(error)


@contextmanager
def web_service(service: Service) -> Iterator[WebService]:
    """Run a stand-in in clear on a free port of loopback."""
    with _running(partial(_Handler, service)) as port:
        yield WebService(f"http://{LOOPBACK}:{port}")


@contextmanager
def web_services(folder: Path, services: Mapping[str, Service]) -> Iterator[dict[str, str]]:
    """Run stand-ins by TLS under the names of their hosts; give the environment that finds them."""
    authority = trustme.CA(key_type=trustme.KeyType.ECDSA)
    ca_file = folder / "authority-of-the-web.pem"
    authority.cert_pem.write_to_path(ca_file)
    contexts = {}
    for host in services:
        contexts[host] = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        leaf = authority.issue_cert(host, key_type=trustme.KeyType.ECDSA)
        leaf.configure_cert(contexts[host])
    with _running(partial(_Proxy, contexts, services)) as port:
        proxy = f"http://{LOOPBACK}:{port}"
        yield {
            "HTTPS_PROXY": proxy,
            "https_proxy": proxy,
            "NO_PROXY": "",
            "no_proxy": "",
            "REQUESTS_CA_BUNDLE": str(ca_file),
        }


@contextmanager
def _running(handler: Callable[..., BaseHTTPRequestHandler]) -> Iterator[int]:
    with _Server(handler) as server:
        server.daemon_threads = True
        # Closing waits for all conversations, and a client may keep one open.
        server.block_on_close = False
        thread = threading.Thread(target=partial(server.serve_forever, 0.02))
        thread.start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()
            thread.join(_PATIENCE)
            assert not thread.is_alive()
        if server.failures:
            raise server.failures[0]

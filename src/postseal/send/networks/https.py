"""One HTTPS request over the engine's own streams and trust: no redirect, no cache, a firm end.

Policies come and reports go this way (RFC 8461 3.3, RFC 8460 5.4). HTTP itself is h11's business.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from postseal.errors import MailError, MissingExtra
from postseal.send.networks.network import Network, Stream
from postseal.send.networks.sealed import SealedStream
from postseal.tls import Channel, Opening, TLSLevel, Trust

if TYPE_CHECKING:
    import h11

__all__ = ["HTTPSFailed", "HTTPSRequest", "HTTPSResponse", "exchange"]

_PORT: Final = 443
# What a response may take beyond its body: the head, and the lengths of chunks.
_MAX_OVERHEAD: Final = 256 * 1024
_MAX_HEAD: Final = 16 * 1024


class HTTPSFailed(MailError):
    """A web server did not give an answer that can be used."""

    _may_pass = True


@dataclass(frozen=True, slots=True, kw_only=True)
class HTTPSRequest:
    """What is asked of a web server: `target` begins with a slash (RFC 9112 3.2.1)."""

    host: str
    target: str
    method: str = "GET"
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class HTTPSResponse:
    """What it said. A body that nobody wanted to read is empty here."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes

    def header(self, name: str) -> str | None:
        """Give a header's value, several joined by commas (RFC 9110 5.3); None without any."""
        values = [value for key, value in self.headers if key == name.lower()]
        return ", ".join(values) if values else None


async def exchange(
    network: Network,
    request: HTTPSRequest,
    *,
    trust: Trust | None = None,
    deadline: float,
    max_size: int,
    read_statuses: range = range(200, 300),
) -> HTTPSResponse:
    """Make a request over a new connection, whose peer must be the host by `trust`.

    `deadline` is on the network's clock and for all of it, `max_size` in octets for the body, which
    is read where the status is one of `read_statuses`.
    Raises `HTTPSFailed` for a body that is larger or that a cut may have shortened and for what is
    no HTTP; `TLSError`, `TimedOut`, `ConnectError` and `Disconnected`; and `MissingExtra`.
    """
    try:
        import h11
    except ModuleNotFoundError as error:
        raise MissingExtra(
            f"HTTPS needs the package {error.name}",
            hint="Install it with: pip install 'postseal[mx]'.",
        ) from None
    try:
        stream = await network.connect(request.host, _PORT, deadline)
        try:
            return await _exchange(
                h11.Connection(h11.CLIENT, max_incomplete_event_size=_MAX_HEAD),
                stream,
                request,
                trust=trust or Trust.system(),
                deadline=deadline,
                max_size=max_size,
                read_statuses=read_statuses,
            )
        except h11.RemoteProtocolError as error:
            raise HTTPSFailed(f"the server does not speak HTTP: {error}") from None
        finally:
            stream.close()
    except MailError as error:
        error.at(host=request.host)
        raise


async def _exchange(
    http: h11.Connection,
    stream: Stream,
    request: HTTPSRequest,
    *,
    trust: Trust,
    deadline: float,
    max_size: int,
    read_statuses: range,
) -> HTTPSResponse:
    import h11

    channel = Channel.client(
        request.host, trust=trust, level=TLSLevel.AUTHENTICATED, opening=Opening.IMPLICIT
    )
    sealed = await SealedStream.establish(stream, channel, deadline)
    await sealed.write(_written(http, request), deadline)
    reader = _Reader(http, sealed, deadline, max_size + _MAX_OVERHEAD)
    while not isinstance(head := await reader.event(), h11.Response):
        # RFC 9110 15.2: 1xx responses may come before.
        continue
    body = b""
    if head.status_code in read_statuses:
        while isinstance(event := await reader.event(), h11.Data):
            body += event.data
            if len(body) > max_size:
                raise HTTPSFailed(f"the response has more than {max_size} octets")
    headers = tuple((name.decode(), value.decode("latin-1")) for name, value in head.headers)
    return HTTPSResponse(head.status_code, headers, body)


@dataclass(slots=True)
class _Reader:
    """Reads events from a server that has `left` octets to say all it has to say."""

    http: h11.Connection
    stream: SealedStream
    deadline: float
    left: int

    async def event(self) -> object:
        """Wait for the next part of the response; h11 sees to it that they are in order."""
        import h11

        while (event := self.http.next_event()) is h11.NEED_DATA:
            data = await self.stream.read(self.deadline)
            if not data and self.http.their_state is h11.SEND_RESPONSE:
                raise HTTPSFailed("the server closed the connection before it had answered")
            self.left -= len(data)
            if self.left < 0:
                raise HTTPSFailed("the response goes on and on")
            self.http.receive_data(data)
        return event


def _written(http: h11.Connection, request: HTTPSRequest) -> bytes:
    import h11

    headers = [
        ("Host", request.host),
        ("User-Agent", "postseal"),
        ("Accept-Encoding", "identity"),
        ("Connection", "close"),
        *request.headers,
    ]
    if request.body:
        headers.append(("Content-Length", str(len(request.body))))
    head = h11.Request(method=request.method, target=request.target, headers=headers)
    pieces = [http.send(head)]
    if request.body:
        pieces.append(http.send(h11.Data(data=request.body)))
    pieces.append(http.send(h11.EndOfMessage()))
    return b"".join(piece for piece in pieces if piece)

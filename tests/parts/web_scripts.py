"""What web servers say, as scripts for `HostileServer`: well, badly and never."""

from __future__ import annotations

import ssl
from collections.abc import Iterable

from tests.parts.hostile_server import Script, Talk

_DRIP = 0.02


def response(
    body: bytes,
    *headers: str,
    status: str = "200 OK",
    content_type: str | None = "text/plain",
    length: int | None = -1,
) -> bytes:
    """Write a response; a `length` of -1 is the true one, None is none."""
    lines = [f"HTTP/1.1 {status}", *headers]
    if content_type is not None:
        lines.append(f"Content-Type: {content_type}")
    if length is not None:
        lines.append(f"Content-Length: {len(body) if length < 0 else length}")
    return "".join(f"{line}\r\n" for line in [*lines, ""]).encode() + body


def chunked(pieces: Iterable[bytes]) -> bytes:
    """Write a body in chunks (RFC 9112 7.1)."""
    return b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in [*pieces, b""])


def answering(context: ssl.SSLContext, *answers: bytes) -> Script:
    """Answer the first request in so many segments, then say that this was all."""

    def script(talk: Talk) -> None:
        _hear_request(talk, context)
        for answer in answers:
            talk.send(answer)
        talk.finish()
        talk.end()

    return script


def cutting(context: ssl.SSLContext, answer: bytes) -> Script:
    """Answer, and end without close_notify, as somebody on the path can do."""

    def script(talk: Talk) -> None:
        _hear_request(talk, context)
        talk.send(answer)
        talk.end()

    return script


def dripping(context: ssl.SSLContext, answer: bytes) -> Script:
    """Answer octet by octet, with a pause before each."""

    def script(talk: Talk) -> None:
        _hear_request(talk, context)
        for octet in answer:
            talk.over.wait(_DRIP)
            talk.send(bytes([octet]))

    return script


def flooding(context: ssl.SSLContext, answer: bytes, more: bytes) -> Script:
    """Answer, and go on for ever."""

    def script(talk: Talk) -> None:
        _hear_request(talk, context)
        talk.send(answer)
        while not talk.over.is_set():
            talk.send(more)

    return script


def _hear_request(talk: Talk, context: ssl.SSLContext) -> None:
    talk.seal(context)
    while talk.hear():
        pass

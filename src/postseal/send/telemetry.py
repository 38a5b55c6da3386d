"""Traces for OpenTelemetry: each step of sending as a span, made of the events that say it is over.

A span begins where its step began, and its parent is the span that the caller is in. The names of
attributes are OpenTelemetry's own where it has one (`server.address`, `tls.protocol.version`,
`error.type`) and begin with `smtp.` where it has none. No address and no text is among them.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Final, TypeAlias

from postseal.errors import MissingExtra
from postseal.send.events import (
    Authenticated,
    ConnectionFailed,
    ConnectionOpened,
    HandshakeDone,
    MessageRefused,
    MessageSent,
    SendEvent,
)
from postseal.tls.levels import TLSOutcome

if TYPE_CHECKING:
    from opentelemetry.trace import TracerProvider

__all__ = ["Tracing"]

_SCOPE: Final = "postseal.send"
_Attributes: TypeAlias = dict[str, str | int | bool]


class Tracing:
    """An `Observer` that makes spans; by default with the tracer that the application set up.

    `clock` gives nanoseconds since the epoch. Raises `MissingExtra` without OpenTelemetry.
    """

    def __init__(
        self,
        tracer_provider: TracerProvider | None = None,
        *,
        clock: Callable[[], int] = time.time_ns,
    ) -> None:
        try:
            from opentelemetry import trace
        except ImportError:
            raise MissingExtra(
                "traces need the package opentelemetry-api",
                hint="pip install 'postseal[telemetry]'",
            ) from None
        self._tracer = trace.get_tracer(_SCOPE, tracer_provider=tracer_provider)
        self._client = trace.SpanKind.CLIENT
        self._failure = trace.Status(trace.StatusCode.ERROR)
        self._clock = clock

    def __call__(self, event: SendEvent) -> None:
        described = _described(event)
        if described is None:
            return
        name, attributes = described
        end = self._clock()
        span = self._tracer.start_span(
            name,
            kind=self._client,
            attributes=attributes,
            start_time=end - round(event.seconds * 1e9),
        )
        if isinstance(event, ConnectionFailed | MessageRefused):
            span.set_status(self._failure)
        span.end(end_time=end)


def _described(event: SendEvent) -> tuple[str, _Attributes] | None:
    attributes: _Attributes = {"server.address": event.host}
    match event:
        case ConnectionOpened():
            attributes["server.port"] = event.port
            if event.peer_address:
                attributes["network.peer.address"] = event.peer_address
            return "smtp connect", attributes
        case HandshakeDone():
            return "smtp tls handshake", attributes | _tls(event.tls)
        case Authenticated():
            attributes["smtp.auth.mechanism"] = event.mechanism
            return "smtp authenticate", attributes
        case ConnectionFailed():
            return "smtp connect", attributes | _failure(event)
        case MessageSent():
            attributes["smtp.response.status_code"] = event.code
            attributes["smtp.recipients.accepted"] = event.accepted
            attributes["smtp.recipients.refused"] = event.refused
            return "smtp send", attributes | _tls(event.tls)
        case MessageRefused():
            if event.enhanced_code:
                attributes["smtp.response.enhanced_code"] = event.enhanced_code
            return "smtp send", attributes | _failure(event)
    # The time that a connection was open is no step of anything.
    return None


def _tls(tls: TLSOutcome) -> _Attributes:
    attributes: _Attributes = {"smtp.tls.level": tls.level.word}
    if tls.version is not None:
        # OpenSSL's "TLSv1.3" is OpenTelemetry's "tls" and "1.3".
        attributes["tls.protocol.name"] = "tls"
        attributes["tls.protocol.version"] = tls.version.removeprefix("TLSv")
        attributes["tls.resumed"] = tls.is_resumed
    if tls.cipher is not None:
        attributes["tls.cipher"] = tls.cipher
    if tls.proof is not None:
        attributes["smtp.tls.proof"] = str(tls.proof)
    return attributes


def _failure(event: ConnectionFailed | MessageRefused) -> _Attributes:
    attributes: _Attributes = {"error.type": event.kind.__name__}
    if event.phase is not None:
        attributes["smtp.phase"] = str(event.phase)
    if event.code is not None:
        attributes["smtp.response.status_code"] = event.code
    return attributes

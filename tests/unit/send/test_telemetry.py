"""Spans: one for each step, of the right length, without an address in them."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

import pytest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode

from postseal import AsyncMailer, Mailer
from postseal.errors import MailError, MissingExtra
from postseal.send.events import HandshakeDone, MessageSent
from postseal.send.telemetry import Tracing
from postseal.testing import MemoryNetwork
from postseal.tls import PeerProof, TLSLevel, TLSOutcome
from tests.parts.worlds import World, in_each_world
from tests.unit.send.dialogues import CONTENT, ENVELOPE, PIPELINING
from tests.unit.send.test_observing import OFFER, PASSWORD, QUIT, RESPONSE, TAKEN, URL

SECOND = 1_000_000_000


@pytest.fixture
def exporter() -> InMemorySpanExporter:
    return InMemorySpanExporter()


@pytest.fixture
def provider(exporter: InMemorySpanExporter) -> Iterator[TracerProvider]:
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    yield provider
    provider.shutdown()


def attributes(span: ReadableSpan) -> dict[str, Any]:
    return dict(span.attributes or {})


@in_each_world
def test_a_message_is_two_spans(
    world: World, provider: TracerProvider, exporter: InMemorySpanExporter
) -> None:
    slow = TAKEN.replace("S: 354", "S: <wait 2>\nS: 354")
    network = MemoryNetwork(PIPELINING + slow + QUIT)
    world.mail(
        URL,
        lambda mailer: mailer.send_raw(ENVELOPE, CONTENT),
        network=network,
        observer=Tracing(provider),
    )
    connect, send = exporter.get_finished_spans()
    assert (connect.name, send.name) == ("smtp connect", "smtp send")
    assert connect.kind is send.kind is SpanKind.CLIENT
    assert attributes(connect) == {
        "server.address": "mail.example.org",
        "server.port": 25,
        "network.peer.address": "192.0.2.25",
    }
    assert attributes(send) == {
        "server.address": "mail.example.org",
        "smtp.response.status_code": 250,
        "smtp.recipients.accepted": 1,
        "smtp.recipients.refused": 1,
        "smtp.tls.level": "none",
    }
    assert send.end_time is not None
    assert send.start_time is not None
    assert send.end_time - send.start_time == 2 * SECOND
    assert send.status.status_code is StatusCode.UNSET
    assert send.instrumentation_scope is not None
    assert send.instrumentation_scope.name == "postseal.send"


def test_the_callers_span_is_the_parent(
    provider: TracerProvider, exporter: InMemorySpanExporter
) -> None:
    network = MemoryNetwork(PIPELINING + TAKEN + QUIT)
    with (
        Mailer(URL, network=network, observer=Tracing(provider)) as mailer,
        provider.get_tracer("test").start_as_current_span("request") as request,
    ):
        mailer.send_raw(ENVELOPE, CONTENT)
    *inner, outer = exporter.get_finished_spans()
    assert outer.name == "request"
    assert [span.parent for span in inner] == [request.get_span_context()] * 2


async def test_so_it_is_among_tasks(
    provider: TracerProvider, exporter: InMemorySpanExporter
) -> None:
    network = MemoryNetwork(PIPELINING + TAKEN + QUIT)
    async with AsyncMailer(URL, network=network, observer=Tracing(provider)) as mailer:
        with provider.get_tracer("test").start_as_current_span("request") as request:
            await mailer.send_raw(ENVELOPE, CONTENT)
    *inner, _ = exporter.get_finished_spans()
    assert [span.parent for span in inner] == [request.get_span_context()] * 2


def test_a_login_and_what_fails(provider: TracerProvider, exporter: InMemorySpanExporter) -> None:
    login = OFFER.format("PLAIN") + f"C: AUTH PLAIN {RESPONSE}\n"
    network = MemoryNetwork(
        login + f"S: 535 5.7.8 {PASSWORD}\n",
        login + "S: 235 ok\n" + QUIT,
        peer_address="127.0.0.1",
    )
    mailer = Mailer(
        "smtp+insecure://ada@localhost",
        password=PASSWORD,
        network=network,
        observer=Tracing(provider),
    )
    with mailer:
        with pytest.raises(MailError):
            mailer.send_raw(ENVELOPE, CONTENT)
        mailer.verify()
    spans = exporter.get_finished_spans()
    assert [span.name for span in spans] == [
        "smtp connect",
        "smtp connect",
        "smtp send",
        "smtp connect",
        "smtp authenticate",
    ]
    for failed in spans[1:3]:
        assert failed.status.status_code is StatusCode.ERROR
        assert attributes(failed)["error.type"] == "AuthError"
        assert attributes(failed)["smtp.phase"] == "auth"
        assert attributes(failed)["smtp.response.status_code"] == 535
    assert attributes(spans[-1]) == {
        "server.address": "localhost",
        "smtp.auth.mechanism": "PLAIN",
    }
    everything = "".join(span.to_json() for span in spans)
    assert PASSWORD not in everything
    assert "@" not in everything


def test_what_TLS_was_is_told(provider: TracerProvider, exporter: InMemorySpanExporter) -> None:
    tls = TLSOutcome(
        TLSLevel.AUTHENTICATED,
        version="TLSv1.3",
        cipher="TLS_AES_256_GCM_SHA384",
        proof=PeerProof.DANE,
        is_resumed=True,
    )
    tracing = Tracing(provider, clock=lambda: 100 * SECOND)
    tracing(HandshakeDone(host="mx.example.org", tls=tls, seconds=0.25))
    tracing(
        MessageSent(host="mx.example.org", accepted=1, refused=0, code=250, tls=tls, seconds=1.5)
    )
    handshake, send = exporter.get_finished_spans()
    assert (handshake.start_time, handshake.end_time) == (99.75 * SECOND, 100 * SECOND)
    expected = {
        "server.address": "mx.example.org",
        "smtp.tls.level": "authenticated",
        "smtp.tls.proof": "DANE",
        "tls.protocol.name": "tls",
        "tls.protocol.version": "1.3",
        "tls.cipher": "TLS_AES_256_GCM_SHA384",
        "tls.resumed": True,
    }
    assert attributes(handshake) == expected
    assert attributes(send).items() >= expected.items()


def test_without_OpenTelemetry_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "opentelemetry", None)
    with pytest.raises(MissingExtra, match=r"postseal\[telemetry\]"):
        Tracing()

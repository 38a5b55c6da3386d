"""Messages and attempts to store, and a clock that is moved by hand."""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from dataclasses import dataclass

from postseal.serve.storage import (
    Attempt,
    DeliveryState,
    NewMessage,
    Reception,
    Store,
    Summary,
)

RECEPTION = Reception(
    listener="submission",
    client_address="127.0.0.1",
    client_name="client.example",
    protocol="ESMTPSA",
    tls_version="TLSv1.3",
    tls_cipher="TLS_AES_256_GCM_SHA384",
    authenticated_as="ada",
)


@dataclass
class Clock:
    now: float = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


def new_message(
    message_id: str | None = None,
    *,
    content: Iterable[bytes] = (b"Subject: hello\r\n\r\nhello\r\n",),
    size: int | None = None,
    recipients: Iterable[str] = ("bob@example.org",),
    reverse_path: str = "ada@example.com",
    received_at: float = 1_800_000_000.0,
    summary: Summary | None = None,
    state: DeliveryState = DeliveryState.QUEUED,
) -> NewMessage:
    return NewMessage(
        id=message_id or secrets.token_hex(13),
        received_at=received_at,
        reverse_path=reverse_path,
        recipients=tuple((address, address.rpartition("@")[2]) for address in recipients),
        size=sum(len(data) for data in content) if size is None else size,
        reception=RECEPTION,
        summary=summary or Summary(subject="hello", header_from="Ada <ada@example.com>"),
        chunks=content,
        state=state,
    )


def attempt(
    outcome: DeliveryState = DeliveryState.SENT, *, host: str = "mx.example.org", text: str = ""
) -> Attempt:
    return Attempt(
        started_at=1_800_000_001.0,
        finished_at=1_800_000_002.5,
        outcome=outcome,
        host=host,
        port=25,
        peer_address="192.0.2.25",
        phase="body",
        code=250 if outcome is DeliveryState.SENT else 451,
        enhanced_code="2.0.0" if outcome is DeliveryState.SENT else "4.7.1",
        text=text,
        tls_level="authenticated",
        tls_version="TLSv1.3",
        tls_cipher="TLS_AES_256_GCM_SHA384",
        peer_certificate="ab" * 32,
        authenticated_by="certificate",
        policy="configuration: delivery.mx_tls",
    )


async def read_content(store: Store, message_id: str) -> bytes:
    return b"".join([data async for data in store.content(message_id)])

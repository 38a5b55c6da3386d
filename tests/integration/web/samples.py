"""Messages to look at: one of every state and of every kind of hop."""

from __future__ import annotations

import base64
from dataclasses import replace

from postseal.serve.storage import (
    Attempt,
    DeliveryState,
    NewMessage,
    Outcome,
    Reception,
    Store,
    Summary,
)

NOW = 1_772_373_600.25  # 2026-03-01 14:00:00.25 UTC
FINGERPRINT = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"

INVOICE_PDF = b"%PDF-1.7 " + bytes(range(256)) * 8
INVOICE = (
    (
        "Received: from client.example (client.example [192.0.2.7])\r\n"
        "\tby mail.example with ESMTPSA (TLSv1.3); Sun, 1 Mar 2026 14:00:00 +0000\r\n"
        "From: Ada Lovelace <ada@example.com>\r\n"
        "To: =?utf-8?q?Bj=C3=B6rn?= <bjorn@example.org>\r\n"
        "Subject: =?utf-8?b?WW91ciBpbnZvaWNlIGZvciBGZWJydWFyeSDwn6e+?=\r\n"
        "Date: Sun, 01 Mar 2026 14:00:00 +0000\r\n"
        "Message-ID: <20260301.invoice@example.com>\r\n"
        "MIME-Version: 1.0\r\n"
        'Content-Type: multipart/mixed; boundary="outer"\r\n'
        "\r\n"
        "--outer\r\n"
        'Content-Type: multipart/alternative; boundary="inner"\r\n'
        "\r\n"
        "--inner\r\n"
        "Content-Type: text/plain; charset=utf-8\r\n"
        "Content-Transfer-Encoding: quoted-printable\r\n"
        "\r\n"
        "Hello Bj=C3=B6rn,\r\n\r\nthe invoice for February is attached.\r\n\r\n"
        "Kind regards\r\nAda\r\n"
        "--inner\r\n"
        "Content-Type: text/html; charset=utf-8\r\n"
        "Content-Transfer-Encoding: 8bit\r\n"
        "\r\n"
        "<style>body { font: 16px Georgia, serif; margin: 2em } b { color: #8f2433 }</style>\r\n"
        "<p>Hello Björn,</p><p>the <b>invoice for February</b> is attached.</p>"
        '<p><img src="https://tracker.example/open.gif" alt="[remote picture]"></p>\r\n'
        "<p>Kind regards<br>Ada</p><script>document.body.textContent = 'script ran'</script>\r\n"
        "--inner--\r\n"
        "--outer\r\n"
        "Content-Type: application/pdf\r\n"
        "Content-Disposition: attachment; filename*=utf-8''Invoice%20%E2%82%AC%201200.pdf\r\n"
        "Content-Transfer-Encoding: base64\r\n"
        "\r\n"
    ).encode()
    + base64.encodebytes(INVOICE_PDF).replace(b"\n", b"\r\n")
    + b"--outer--\r\n"
)

SEALED = Reception(
    listener="submission",
    client_address="192.0.2.7",
    client_name="client.example",
    protocol="ESMTPSA",
    tls_version="TLSv1.3",
    tls_cipher="TLS_AES_256_GCM_SHA384",
    authenticated_as="invoices",
)
IN_CLEAR = Reception(
    listener="mx", client_address="198.51.100.9", client_name="old.example", protocol="ESMTP"
)


def message_id(number: int) -> str:
    return f"{number:026d}"


def plain(subject: str, body: str = "Hello.\r\n") -> bytes:
    return f"From: ada@example.com\r\nSubject: {subject}\r\n\r\n{body}".encode()


def new_message(number: int, content: bytes, **changes: object) -> NewMessage:
    message = NewMessage(
        id=message_id(number),
        received_at=NOW + number,
        reverse_path="bounces@example.com",
        recipients=(("bjorn@example.org", "example.org"),),
        size=len(content),
        reception=SEALED,
        summary=Summary(
            subject=f"Message {number}",
            header_from="Ada Lovelace <ada@example.com>",
            header_to="Björn <bjorn@example.org>",
            header_message_id=f"<{number}@example.com>",
        ),
        chunks=(content,),
    )
    return replace(message, **changes)  # type: ignore[arg-type]


def titled(subject: str) -> Summary:
    return Summary(subject=subject, header_from="ada@example.com", header_to="bjorn@example.org")


def attempt(outcome: DeliveryState, **changes: object) -> Attempt:
    good = Attempt(
        started_at=NOW + 100,
        finished_at=NOW + 100.84,
        outcome=outcome,
        host="mx1.example.org",
        port=25,
        peer_address="203.0.113.25",
        code=250,
        enhanced_code="2.0.0",
        text="Ok: queued as 4F2B81C0",
        tls_level="authenticated",
        tls_version="TLSv1.3",
        tls_cipher="TLS_AES_256_GCM_SHA384",
        peer_certificate=FINGERPRINT,
        authenticated_by="PKIX",
        policy="authenticated (configuration)",
        explanation=(
            "mx1.example.org is a mail exchanger of example.org; its MX records are authentic.",
            "configuration requires authenticated: set by delivery.mx_tls.",
            "To change that: Change delivery.mx_tls.",
        ),
    )
    return replace(good, **changes)  # type: ignore[arg-type]


STRIPPED = attempt(
    DeliveryState.DEFERRED,
    phase="starttls",
    code=None,
    enhanced_code="",
    text="the server does not offer STARTTLS and the policy requires TLS",
    tls_level="none",
    tls_version=None,
    tls_cipher=None,
    peer_certificate="",
    authenticated_by="",
)
REFUSED = attempt(
    DeliveryState.FAILED,
    phase="rcpt",
    code=550,
    enhanced_code="5.1.1",
    text="no such user here",
    tls_level="encrypted",
    authenticated_by="",
)
SENT_IN_CLEAR = attempt(
    DeliveryState.SENT,
    tls_level="none",
    tls_version=None,
    tls_cipher=None,
    peer_certificate="",
    authenticated_by="",
    policy="opportunistic (default)",
)


async def settle(store: Store, number: int, state: DeliveryState, one: Attempt) -> None:
    """Give the only delivery of a message an attempt and its outcome."""
    detail = await store.get_message(message_id(number))
    assert detail is not None
    wanted = {delivery.id for delivery in detail.deliveries}
    leases = await store.lease(owner="sample", until=NOW + 10_000, limit=1000)
    await store.settle(
        [
            Outcome(
                delivery_id=lease.delivery_id,
                state=state,
                attempt=one,
                next_attempt_at=NOW + 3600 if state is DeliveryState.DEFERRED else None,
                reason=one.text,
            )
            for lease in leases
            if lease.delivery_id in wanted
        ],
        owner="sample",
    )
    await store.release(owner="sample")


async def fill(store: Store) -> None:
    """Store one message of each kind."""
    await store.accept(new_message(1, INVOICE, summary=titled("Your invoice for February 🧾")))
    await store.accept(new_message(2, plain("Stripped"), summary=titled("TLS was taken away")))
    await store.accept(new_message(3, plain("Nobody"), summary=titled("To nobody")))
    await store.accept(
        new_message(4, plain("Clear"), summary=titled("In clear all the way"), reception=IN_CLEAR)
    )
    await settle(store, 1, DeliveryState.SENT, attempt(DeliveryState.SENT))
    await settle(store, 2, DeliveryState.DEFERRED, STRIPPED)
    await settle(store, 3, DeliveryState.FAILED, REFUSED)
    await settle(store, 4, DeliveryState.SENT, SENT_IN_CLEAR)
    await store.accept(
        new_message(
            5,
            plain("Held"),
            summary=titled("Kept in the sandbox"),
            state=DeliveryState.HELD,
            reason="sandbox: kept here, not delivered",
        )
    )
    await store.accept(new_message(6, plain("Queued"), summary=titled("Waiting"), reverse_path=""))

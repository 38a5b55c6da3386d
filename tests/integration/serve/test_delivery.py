"""From the queue to the next hop: what is sent, deferred or failed, and the reason shown."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from pathlib import Path

import pytest

from postseal.serve.storage import StorageError, Store
from tests.integration.serve.delivering import NEVER, SOON, live, settled, submit
from tests.parts.certificates import ServerCertificate, issue_certificate
from tests.parts.eventually import eventually
from tests.parts.house import House, keep_house
from tests.parts.ports import ReservedPort
from tests.parts.queue_view import DeliveryRow, read_deliveries
from tests.parts.raw_client import RawClient
from tests.parts.receiver import ReceivedMessage, Receiver


async def test_mail_leaves_sealed_and_arrives_as_it_came(
    tmp_path: Path, certificate: ServerCertificate
) -> None:
    async with (
        Receiver(certificate) as receiver,
        keep_house(
            tmp_path,
            delivery=live(f"smtp://127.0.0.1:{receiver.port}", certificate.ca_file),
        ) as house,
    ):
        message = await submit(house, text="Grüße.\n.\n..\n" * 30_000)
        (row,) = await settled(house, "sent")
    (received,) = receiver.messages
    assert received.is_sealed
    assert received.sender == "ada@example.com"
    assert received.recipients == ("bob@example.org",)
    composed = b"".join(message.chunks())
    assert received.content.endswith(composed)
    trace = received.content.removesuffix(composed)
    assert trace.startswith(b"Received: from [127.0.0.1] ([127.0.0.1])\r\n\tby localhost (Post")
    assert trace.count(b"Received:") == 1
    (attempt,) = row.attempts
    assert (attempt.outcome, attempt.tls_level) == ("sent", "authenticated")
    assert attempt.tls_version == "TLSv1.3"
    assert attempt.authenticated_by.startswith("certificate for 127.0.0.1, authorities in ")


@pytest.mark.parametrize(
    ("names", "trusts_it", "reason"),
    [(["other.example"], True, "wrong name"), (["127.0.0.1"], False, "unknown issuer")],
)
async def test_a_wrong_certificate_defers_and_no_body_leaves(
    tmp_path: Path, names: list[str], trusts_it: bool, reason: str
) -> None:
    shown = issue_certificate(tmp_path / "shown", *names)
    trusted = shown if trusts_it else issue_certificate(tmp_path / "trusted", *names)
    async with (
        Receiver(shown) as receiver,
        keep_house(
            tmp_path,
            delivery=live(f"smtp://127.0.0.1:{receiver.port}", trusted.ca_file, **NEVER),
        ) as house,
    ):
        await submit(house)
        (row,) = await settled(house, "deferred")
        assert row.reason.startswith(
            f"127.0.0.1 at handshake: the certificate was not accepted: {reason}"
        )
        assert row.attempts[0].tls_version is None
        assert receiver.messages == []


async def test_a_server_without_starttls_defers_and_no_body_leaves(
    tmp_path: Path, certificate: ServerCertificate
) -> None:
    async with (
        Receiver() as receiver,
        keep_house(
            tmp_path,
            delivery=live(f"smtp://127.0.0.1:{receiver.port}", certificate.ca_file, **NEVER),
        ) as house,
    ):
        await submit(house)
        (row,) = await settled(house, "deferred")
        assert row.reason.startswith(
            "127.0.0.1 at starttls: the server does not offer STARTTLS, and TLS is required."
        )
        assert receiver.messages == []


async def test_a_refused_connection_defers_and_the_retry_delivers(
    tmp_path: Path, certificate: ServerCertificate
) -> None:
    with ReservedPort() as port:
        delivery = live(f"smtp://127.0.0.1:{port.number}", certificate.ca_file, **SOON)
        async with keep_house(tmp_path, delivery=delivery) as house:
            await submit(house)

            def was_deferred() -> DeliveryRow | None:
                (row,) = read_deliveries(house.data_directory)
                return row if row.attempts else None

            row = await eventually(was_deferred, what="a first attempt")
            assert row.attempts[0].outcome == "deferred"
            assert f"port {port.number} of 127.0.0.1 cannot be reached" in row.reason
            # The server comes up, and nobody has to ask for the retry.
            async with Receiver(certificate, port=port.number) as receiver:
                (row,) = await settled(house, "sent")
            assert len(receiver.messages) == 1
            assert [one.outcome for one in row.attempts][-1] == "sent"


async def test_each_recipient_has_an_outcome_of_its_own_in_one_transaction(
    tmp_path: Path, certificate: ServerCertificate
) -> None:
    replies = {
        "later@example.org": "450 4.2.1 greylisted",
        "gone@example.org": "550 5.1.1 no such mailbox",
    }
    async with (
        Receiver(
            certificate, on_recipient=lambda address: replies.get(address, "250 2.1.5 OK")
        ) as receiver,
        keep_house(
            tmp_path,
            delivery=live(f"smtp://127.0.0.1:{receiver.port}", certificate.ca_file, **NEVER),
        ) as house,
    ):
        await submit(house, "here@example.org", "later@example.org", "gone@example.org")
        rows = await settled(house, "sent", "deferred", "failed")
        reasons = {row.recipient: (row.state, row.reason) for row in rows}
        assert reasons == {
            "here@example.org": ("sent", "taken"),
            "later@example.org": ("deferred", "127.0.0.1 at rcpt: greylisted"),
            "gone@example.org": ("failed", "127.0.0.1 at rcpt: no such mailbox"),
        }
        assert [one.recipients for one in receiver.messages] == [("here@example.org",)]
        assert receiver.connections == 1


@pytest.mark.parametrize(
    ("reply", "state", "phase"),
    [
        ("451 4.3.0 try later", "deferred", "body"),
        ("554 5.6.0 not wanted", "failed", "body"),
    ],
)
async def test_the_reply_to_the_body_decides(
    tmp_path: Path, certificate: ServerCertificate, reply: str, state: str, phase: str
) -> None:
    async def refuse(_: ReceivedMessage) -> str:
        return reply

    async with (
        Receiver(certificate, on_message=refuse) as receiver,
        keep_house(
            tmp_path,
            delivery=live(f"smtp://127.0.0.1:{receiver.port}", certificate.ca_file, **NEVER),
        ) as house,
    ):
        await submit(house)
        (row,) = await settled(house, state)
        assert row.reason == f"127.0.0.1 at {phase}: {reply[10:]}"


async def test_greylisted_mail_is_sent_by_a_retry(
    tmp_path: Path, certificate: ServerCertificate
) -> None:
    replies = iter(["450 4.7.1 greylisted", "450 4.7.1 greylisted"])
    async with (
        Receiver(certificate, on_recipient=lambda _: next(replies, "250 OK")) as receiver,
        keep_house(
            tmp_path,
            delivery=live(f"smtp://127.0.0.1:{receiver.port}", certificate.ca_file, **SOON),
        ) as house,
    ):
        await submit(house)
        (row,) = await settled(house, "sent")
        assert [one.outcome for one in row.attempts] == ["deferred", "deferred", "sent"]
        assert len(receiver.messages) == 1


async def test_mail_is_given_up_at_the_end_of_its_lifetime(
    tmp_path: Path, certificate: ServerCertificate
) -> None:
    async with (
        Receiver(certificate, on_recipient=lambda _: "450 4.2.1 full") as receiver,
        keep_house(
            tmp_path,
            delivery=live(
                f"smtp://127.0.0.1:{receiver.port}", certificate.ca_file, lifetime="300ms", **SOON
            ),
        ) as house,
    ):
        await submit(house)
        (row,) = await settled(house, "failed")
        attempts = len(row.attempts)
        assert attempts >= 2
        assert row.reason == (
            f"given up after {attempts} attempts; the last: 127.0.0.1 at rcpt: full"
        )
        assert {one.outcome for one in row.attempts} == {"deferred"}


async def test_what_the_next_hop_cannot_carry_fails_before_anything_is_sent(
    tmp_path: Path, certificate: ServerCertificate
) -> None:
    async with (
        Receiver(certificate, size_limit=1000) as receiver,
        keep_house(
            tmp_path,
            delivery=live(f"smtp://127.0.0.1:{receiver.port}", certificate.ca_file),
        ) as house,
    ):
        await submit(house, text="x" * 2000)
        (row,) = await settled(house, "failed")
        assert "octets, the server takes 1000" in row.reason
        assert receiver.messages == []


async def test_an_insecure_route_over_loopback_says_that_it_has_no_seal(tmp_path: Path) -> None:
    async with (
        Receiver() as receiver,
        keep_house(tmp_path, delivery=live(f"smtp+insecure://127.0.0.1:{receiver.port}")) as house,
    ):
        await submit(house)
        (row,) = await settled(house, "sent")
        assert row.attempts[0].tls_level == "none"
        assert row.attempts[0].authenticated_by == ""


async def test_a_stored_message_that_cannot_be_read_is_kept(
    tmp_path: Path, certificate: ServerCertificate, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The disk's fault must not become the message's: it waits, and half of it is not sent.
    async with (
        Receiver(certificate) as receiver,
        keep_house(
            tmp_path,
            delivery=live(f"smtp://127.0.0.1:{receiver.port}", certificate.ca_file, **NEVER),
        ) as house,
    ):

        async def broken(_: Store, _message_id: str) -> AsyncIterator[bytes]:
            yield b"Subject: half\r\n"
            raise StorageError("disk I/O error")

        monkeypatch.setattr(Store, "content", broken)
        await submit(house)
        (row,) = await settled(house, "deferred")
        assert "disk I/O error" in row.reason
        assert receiver.messages == []


async def test_the_null_reverse_path_stays_null(
    tmp_path: Path, certificate: ServerCertificate
) -> None:
    # RFC 5321 4.5.5: a bounce must not be bounced.
    async with (
        Receiver(certificate) as receiver,
        keep_house(
            tmp_path,
            delivery=live(f"smtp://127.0.0.1:{receiver.port}", certificate.ca_file),
        ) as house,
    ):
        async with await RawClient.connect(house.port("mx")) as client:
            await client.hear()
            await client.ask("EHLO client.test")
            await client.ask("MAIL FROM:<>")
            assert (await client.ask("RCPT TO:<bob@EXAMPLE.org>")).startswith("250 ")
            await client.ask("DATA")
            assert (await client.ask("Subject: bounce\r\n\r\n.")).startswith("250 ")
        await settled(house, "sent")
        assert receiver.messages[0].sender == "<>"  # as aiosmtpd writes it


async def test_the_sandbox_delivers_nothing(tmp_path: Path, certificate: ServerCertificate) -> None:
    async with Receiver(certificate) as receiver:
        delivery = live(f"smtp://127.0.0.1:{receiver.port}", certificate.ca_file, mode="sandbox")
        async with keep_house(tmp_path, delivery=delivery) as house:
            await submit(house, "bob@example.org", "eve@elsewhere.example")
            rows = read_deliveries(house.data_directory)
            assert [row.state for row in rows] == ["held", "held"]
            assert {row.reason for row in rows} == {
                "kept in the sandbox: delivery.mode is not live"
            }
        assert receiver.connections == 0
        # Going live later does not send what was held.
        async with keep_house(
            tmp_path, delivery=live(f"smtp://127.0.0.1:{receiver.port}", certificate.ca_file)
        ) as house:
            await submit(house, "bob@example.org")
            await settled(house, "held", "held", "sent")
        assert len(receiver.messages) == 1


# -- who may hand in mail for whom ----------------------------------------------------------------


async def _recipient_replies(house: House, *recipients: str) -> list[str]:
    async with await RawClient.connect(house.port("mx")) as client:
        await client.hear()
        offered = await client.ask("EHLO client.test")
        assert "STARTTLS" in offered
        assert "AUTH" not in offered
        await client.ask("MAIL FROM:<a@example.com>")
        return [await client.ask(f"RCPT TO:<{one}>") for one in recipients]


async def test_mx_takes_mail_for_the_domains_with_a_route_and_for_no_others(
    tmp_path: Path,
) -> None:
    routes: Mapping[str, object] = {
        "example.org": "smtp+insecure://127.0.0.1:1",
        "bücher.example": "smtp+insecure://127.0.0.1:1",
        "*": "smtp+insecure://127.0.0.1:1",
    }
    delivery = {"mode": "live", "routes": routes}
    async with keep_house(tmp_path, delivery=delivery) as house:
        replies = await _recipient_replies(
            house,
            "bob@example.org",
            "bob@EXAMPLE.ORG",
            "bob@xn--bcher-kva.example",
            "bob@sub.example.org",
            "bob@elsewhere.example",
            "bob%elsewhere.example@[127.0.0.1]",
        )
        assert [reply[:3] for reply in replies] == ["250", "250", "250", "550", "550", "550"]
        assert replies[4] == "550 5.7.1 we do not take mail for this domain"


async def test_mx_in_the_sandbox_takes_mail_for_all(tmp_path: Path) -> None:
    async with keep_house(tmp_path) as house:
        replies = await _recipient_replies(house, "bob@example.org", "bob@elsewhere.example")
        assert [reply[:3] for reply in replies] == ["250", "250"]


async def test_mx_never_takes_a_password_not_even_under_tls(tmp_path: Path) -> None:
    async with keep_house(tmp_path) as house, await RawClient.connect(house.port("mx")) as client:
        await client.hear()
        await client.ask("EHLO client.test")
        assert (await client.ask("AUTH PLAIN AGFkYQBzZWNyZXQ=")).startswith("502 ")
        await client.ask("STARTTLS")
        await client.start_tls(house.ca_file)
        assert "AUTH" not in await client.ask("EHLO client.test")
        assert (await client.ask("AUTH PLAIN AGFkYQBzZWNyZXQ=")).startswith("502 ")


async def test_many_messages_share_few_connections(
    tmp_path: Path, certificate: ServerCertificate
) -> None:
    async with (
        Receiver(certificate) as receiver,
        keep_house(
            tmp_path,
            delivery=live(f"smtp://127.0.0.1:{receiver.port}", certificate.ca_file, concurrency=2),
        ) as house,
    ):
        await asyncio.gather(*(submit(house) for _ in range(12)))
        await settled(house, *["sent"] * 12)
        assert len(receiver.messages) == 12
        assert receiver.connections <= 2

"""REQUIRETLS from the submission to the next server: kept, or the delivery fails (RFC 8689)."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from contextlib import closing
from ipaddress import IPv4Address
from pathlib import Path

from postseal import AsyncMailer, Message
from postseal.dns import MX
from postseal.send import DeliveryOptions
from postseal.testing import MemoryResolver
from tests.integration.serve.delivering import NEVER
from tests.parts.certificates import ServerCertificate, issue_certificate
from tests.parts.eventually import eventually
from tests.parts.house import House, keep_house
from tests.parts.ports import ReservedPort
from tests.parts.queue_view import DeliveryRow, read_deliveries
from tests.parts.raw_client import RawClient
from tests.parts.receiver import Receiver

LISTENERS = {name: {"port": 0, "requiretls": True} for name in ("submission", "submissions", "mx")}
HOST = "mx.example.org"


def _dns(*, authentic: bool, address: str = "127.0.0.1") -> MemoryResolver:
    resolver = MemoryResolver(authentic=authentic)
    resolver.add("example.org", MX(10, HOST))
    resolver.add(HOST, IPv4Address(address))
    return resolver


def _delivery(port: int, ca_file: Path) -> Mapping[str, object]:
    return {
        "mode": "live",
        "mx_port": port,
        "dangerous_mx_on_this_machine": True,
        "policies": {"example.org": {"ca_file": str(ca_file)}},
        **NEVER,
    }


async def _send(house: House, *, sender: str = "ada@example.com") -> DeliveryRow:
    options = DeliveryOptions(requires_tls=True)
    message = Message(from_=sender, to=["bob@example.org"], subject="Sealed", text="Hello")
    async with AsyncMailer(house.url, password=house.password, ca_file=house.ca_file) as mailer:
        await mailer.send(message, options=options)

    def attempted() -> DeliveryRow | None:
        (row,) = read_deliveries(house.data_directory)
        return row if row.attempts else None

    return await eventually(attempted, what="an attempt")


def _tags(house: House) -> list[str]:
    database = house.data_directory / "postseal.db"
    with closing(sqlite3.connect(f"{database.as_uri()}?mode=ro", uri=True)) as reader:
        return [tag for (tag,) in reader.execute("SELECT tls_requirement FROM messages")]


async def test_it_goes_from_server_to_server(tmp_path: Path) -> None:
    async with keep_house(tmp_path / "receiving", listeners=LISTENERS, hostname=HOST) as receiving:
        delivery = _delivery(receiving.port("mx"), receiving.ca_file)
        async with keep_house(
            tmp_path / "sending",
            resolver=_dns(authentic=True),
            listeners=LISTENERS,
            delivery=delivery,
        ) as sending:
            row = await _send(sending)
            assert row.state == "sent", row.reason
            assert row.attempts[0].authenticated_by.startswith(f"certificate for {HOST}")
            assert "REQUIRETLS requires authenticated" in row.attempts[0].explanation
            assert _tags(sending) == _tags(receiving) == ["REQUIRETLS"]


async def test_a_server_that_does_not_offer_it_gets_nothing(tmp_path: Path) -> None:
    certificate = issue_certificate(tmp_path, HOST)
    async with Receiver(certificate) as receiver:
        row = await _fate(tmp_path, receiver.port, certificate, authentic=True)
        assert (row.state, row.attempts[0].enhanced_code) == ("failed", "5.7.30")
        assert "REQUIRETLS support required" in row.reason
        assert receiver.messages == []


async def test_a_server_without_tls_gets_nothing(tmp_path: Path) -> None:
    certificate = issue_certificate(tmp_path, HOST)
    async with Receiver() as receiver:
        row = await _fate(tmp_path, receiver.port, certificate, authentic=True)
        assert (row.state, row.attempts[0].enhanced_code) == ("failed", "5.7.10")
        assert receiver.messages == []


async def test_a_server_that_anybody_may_have_named_is_not_even_asked(tmp_path: Path) -> None:
    certificate = issue_certificate(tmp_path, HOST)
    async with Receiver(certificate) as receiver:
        row = await _fate(tmp_path, receiver.port, certificate, authentic=False)
        assert (row.state, row.attempts[0].enhanced_code) == ("failed", "5.7.10")
        assert receiver.connections == 0


async def test_a_server_that_is_not_there_may_come_back(tmp_path: Path) -> None:
    certificate = issue_certificate(tmp_path, HOST)
    with ReservedPort() as port:
        row = await _fate(tmp_path, port.number, certificate, authentic=True)
        assert row.state == "deferred"


async def _fate(
    directory: Path, port: int, certificate: ServerCertificate, *, authentic: bool
) -> DeliveryRow:
    async with keep_house(
        directory,
        resolver=_dns(authentic=authentic),
        listeners=LISTENERS,
        delivery=_delivery(port, certificate.ca_file),
    ) as house:
        return await _send(house)


async def test_it_is_offered_where_it_is_set_and_under_tls_alone(tmp_path: Path) -> None:
    async with keep_house(tmp_path / "set", listeners=LISTENERS) as house:
        assert await _offers(house) == (False, True)
    async with keep_house(tmp_path / "default") as house:
        assert await _offers(house) == (False, False)


async def _offers(house: House) -> tuple[bool, bool]:
    async with await RawClient.connect(house.port("mx")) as client:
        await client.hear()
        in_clear = await client.ask("EHLO client.test")
        await client.ask("STARTTLS")
        await client.start_tls(house.ca_file)
        return "REQUIRETLS" in in_clear, "REQUIRETLS" in await client.ask("EHLO client.test")

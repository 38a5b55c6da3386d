"""Delivery by MX records: the next server when one cannot be reached, and how sealed it was.

All servers are on one port of different loopback addresses, as the servers of the world are on 25.
"""

from __future__ import annotations

from collections.abc import Mapping
from ipaddress import IPv4Address
from pathlib import Path

import pytest

from postseal.dns import MX, NameDoesNotExist, ResolverFailure
from postseal.errors import MailError, Phase
from postseal.testing import MemoryResolver
from tests.integration.serve.delivering import NEVER, settled, submit
from tests.parts.certificates import ServerCertificate, issue_certificate
from tests.parts.house import keep_house
from tests.parts.queue_view import AttemptRow
from tests.parts.receiver import Receiver


def _knowing(*records: MX) -> MemoryResolver:
    """example.org has these exchangers: `mx1.example.org` is 127.0.0.1, `mx2` 127.0.0.2..."""
    resolver = MemoryResolver(authentic=False)
    resolver.add("example.org", *records)
    for number in (1, 2, 3):
        resolver.add(f"mx{number}.example.org", IPv4Address(f"127.0.0.{number}"))
    return resolver


def _by_mx(port: int, **settings: object) -> Mapping[str, object]:
    here = {"dangerous_mx_on_this_machine": True}
    return {"mode": "live", "mx_port": port, **here, **NEVER, **settings}


async def test_the_second_exchanger_takes_what_the_first_cannot(
    tmp_path: Path, certificate: ServerCertificate
) -> None:
    resolver = _knowing(
        MX(10, "mx2.example.org"), MX(20, "mx1.example.org"), MX(30, "mx3.example.org")
    )
    async with (
        Receiver(certificate) as receiver,
        keep_house(tmp_path, resolver=resolver, delivery=_by_mx(receiver.port)) as house,
    ):
        await submit(house)
        (row,) = await settled(house, "sent")
        assert len(receiver.messages) == 1
        assert len(row.attempts) == 1


async def test_opportunistic_tls_is_used_and_recorded_as_unauthenticated(tmp_path: Path) -> None:
    # Anybody's certificate will do: the name in the MX record was not authenticated either.
    certificate = issue_certificate(tmp_path / "mx", "unrelated.example")
    async with (
        Receiver(certificate) as receiver,
        keep_house(
            tmp_path,
            resolver=_knowing(MX(10, "mx1.example.org")),
            delivery=_by_mx(receiver.port),
        ) as house,
    ):
        await submit(house)
        (row,) = await settled(house, "sent")
        assert receiver.messages[0].is_sealed
        assert row.attempts == (
            AttemptRow(
                outcome="sent",
                phase="",
                text="taken",
                tls_level="encrypted",
                tls_version="TLSv1.3",
                tls_cipher=row.attempts[0].tls_cipher,
                authenticated_by="",
            ),
        )


async def test_opportunistic_mail_to_a_server_without_tls_is_recorded_as_in_clear(
    tmp_path: Path,
) -> None:
    async with (
        Receiver() as receiver,
        keep_house(
            tmp_path,
            resolver=_knowing(MX(10, "mx1.example.org")),
            delivery=_by_mx(receiver.port),
        ) as house,
    ):
        await submit(house)
        (row,) = await settled(house, "sent")
        assert (row.attempts[0].tls_level, row.attempts[0].tls_version) == ("none", None)


@pytest.mark.parametrize("mx_tls", ["encrypted", "authenticated"])
async def test_where_tls_is_demanded_an_exchanger_without_it_gets_nothing(
    tmp_path: Path, mx_tls: str
) -> None:
    async with (
        Receiver() as receiver,
        keep_house(
            tmp_path,
            resolver=_knowing(MX(10, "mx1.example.org")),
            delivery=_by_mx(receiver.port, mx_tls=mx_tls),
        ) as house,
    ):
        await submit(house)
        (row,) = await settled(house, "deferred")
        assert "the server does not offer STARTTLS" in row.reason
        assert receiver.messages == []


async def test_an_exchanger_with_an_unverified_name_gets_nothing_where_that_is_demanded(
    tmp_path: Path, certificate: ServerCertificate
) -> None:
    # The first cannot prove who it is; the second can, and is asked too.
    async with (
        Receiver(certificate, host="127.0.0.2") as receiver,
        keep_house(
            tmp_path,
            resolver=_knowing(MX(10, "mx2.example.org")),
            delivery=_by_mx(receiver.port, mx_tls="authenticated"),
        ) as house,
    ):
        await submit(house)
        (row,) = await settled(house, "deferred")
        assert "the certificate was not accepted" in row.reason
        assert receiver.messages == []


async def test_a_refusal_is_final_although_there_is_another_exchanger(
    tmp_path: Path, certificate: ServerCertificate
) -> None:
    async with (
        Receiver(certificate, on_recipient=lambda _: "550 5.1.1 unknown") as first,
        Receiver(certificate, host="127.0.0.2", port=first.port) as second,
        keep_house(
            tmp_path,
            resolver=_knowing(MX(10, "mx1.example.org"), MX(20, "mx2.example.org")),
            delivery=_by_mx(first.port),
        ) as house,
    ):
        await submit(house)
        (row,) = await settled(house, "failed")
        assert row.reason == "mx1.example.org at rcpt: unknown"
        assert second.connections == 0


@pytest.mark.parametrize(
    ("answer", "state", "reason"),
    [
        (
            (MX(0, ""),),
            "failed",
            "example.org at resolve: the domain example.org takes no mail (null MX).",
        ),
        (
            NameDoesNotExist("the domain example.org does not exist", phase=Phase.RESOLVE),
            "failed",
            "example.org at resolve: the domain example.org does not exist.",
        ),
        (
            ResolverFailure("no answer for the MX records of example.org", phase=Phase.RESOLVE),
            "deferred",
            "example.org at resolve: no answer for the MX records of example.org.",
        ),
        (
            (MX(10, "localhost"), MX(20, "mx2.example.org")),
            "failed",
            "example.org at resolve: the mail for example.org would come back to us.",
        ),
    ],
    ids=["null MX", "no such domain", "resolver failure", "loop"],
)
async def test_what_the_dns_says_decides(
    tmp_path: Path, answer: tuple[MX, ...] | MailError, state: str, reason: str
) -> None:
    resolver = MemoryResolver()
    if isinstance(answer, MailError):
        resolver.fail("example.org", answer)
    else:
        resolver.add("example.org", *answer)
    delivery = {"mode": "live", **NEVER}
    async with keep_house(tmp_path, resolver=resolver, delivery=delivery) as house:
        await submit(house)
        (row,) = await settled(house, state)
        assert row.reason == reason

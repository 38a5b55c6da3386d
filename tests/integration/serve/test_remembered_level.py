"""A domain that had TLS and has it no more: told, or waited for, also after a restart."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from ipaddress import IPv4Address
from pathlib import Path

import pytest

from postseal.dns import MX
from postseal.testing import MemoryResolver
from tests.integration.serve.delivering import NEVER, settled, submit
from tests.parts.certificates import ServerCertificate
from tests.parts.house import House, keep_house
from tests.parts.ports import ReservedPort
from tests.parts.receiver import Receiver


def _house(directory: Path, port: int, fall: str) -> AbstractAsyncContextManager[House]:
    resolver = MemoryResolver(authentic=False)
    resolver.add("example.org", MX(10, "mx.example.org"))
    resolver.add("mx.example.org", IPv4Address("127.0.0.1"))
    delivery: Mapping[str, object] = {
        "mode": "live",
        "mx_port": port,
        "dangerous_mx_on_this_machine": True,
        "remembered_level": fall,
        **NEVER,
    }
    return keep_house(directory, resolver=resolver, delivery=delivery)


@pytest.mark.parametrize(
    ("fall", "state", "told"),
    [("ignore", "sent", False), ("report", "sent", True), ("defer", "deferred", True)],
)
async def test_a_fall_is_what_the_setting_makes_of_it(
    tmp_path: Path, certificate: ServerCertificate, fall: str, state: str, told: bool
) -> None:
    with ReservedPort() as port:
        async with (
            Receiver(certificate, port=port.number),
            _house(tmp_path, port.number, fall) as house,
        ):
            await submit(house)
            await settled(house, "sent")
        async with (
            Receiver(port=port.number) as stripped,
            _house(tmp_path, port.number, fall) as house,
        ):
            await submit(house)
            _, row = await settled(house, *sorted(["sent", state]))
            assert row.state == state
            (attempt,) = row.attempts
            assert ("example.org was last seen at it 0 days ago" in attempt.explanation) is told
            assert len(stripped.messages) == (state == "sent")
            # What fell short is not remembered in the place of what was had.
            await submit(house)
            *_, row = await settled(house, *sorted(["sent", state, state]))
            assert ("was last seen at it" in row.attempts[0].explanation) is told

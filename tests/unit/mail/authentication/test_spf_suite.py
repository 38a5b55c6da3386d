"""The openspf suite for RFC 7208 (release 2014.04); its licence is beside it.

`spf_suite/rfc7208.json` is its YAML as JSON.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from ipaddress import ip_address
from pathlib import Path
from typing import TypedDict

import pytest

from postseal.mail.authentication import check_spf
from tests.parts.spf_zone import Entry, SuiteResolver

SUITE = Path(__file__).with_name("spf_suite") / "rfc7208.json"


class Case(TypedDict, total=False):
    helo: str
    host: str
    mailfrom: str
    result: str | list[str]
    explanation: str
    comment: str


class Scenario(TypedDict):
    description: str
    tests: dict[str, Case]
    zonedata: dict[str, list[Entry]]


def cases() -> Iterator[object]:
    scenarios: list[Scenario] = json.loads(SUITE.read_text(encoding="ascii"))
    for scenario in scenarios:
        for name, case in scenario["tests"].items():
            yield pytest.param(scenario["zonedata"], case, id=f"{scenario['description']}-{name}")


@pytest.mark.parametrize(("zone", "case"), list(cases()))
async def test_the_result_is_what_the_suite_says(zone: dict[str, list[Entry]], case: Case) -> None:
    resolver = SuiteResolver(zone)
    result = await check_spf(
        ip_address(case["host"]),
        resolver,
        sender=case["mailfrom"],
        helo=case["helo"],
        reverse=resolver,
        receiver="receiver.example",
    )
    allowed = case["result"]
    assert result.word in ([allowed] if isinstance(allowed, str) else allowed), result
    if "explanation" in case:
        # RFC 7208 7.4 writes the nibbles of IPv6 in lower case, the suite in upper case.
        explanation = result.explanation or "DEFAULT"
        assert explanation.lower() == case["explanation"].lower()

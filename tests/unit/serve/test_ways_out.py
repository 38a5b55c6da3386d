"""What the log says on start about whose word on DNSSEC is taken."""

from __future__ import annotations

import pytest
from structlog.testing import capture_logs

from postseal.dns import ResolverFailure, stub
from postseal.serve.settings import Settings
from postseal.serve.ways_out import make_resolver


def _said(**dns: object) -> list[str]:
    with capture_logs() as logs:
        make_resolver(Settings.load(overrides={"dns": dns}).dns)
    return [log["event"] for log in logs]


def test_dane_without_a_validating_resolver_is_off_and_that_is_said() -> None:
    (said,) = _said(name_servers=["192.0.2.53", "2001:db8::53"])
    assert said.startswith("DANE is off")


@pytest.mark.parametrize(
    "dns",
    [
        {"name_servers": ["192.0.2.53", "127.0.0.1"]},
        {"name_servers": ["[::1]:5353"]},
        {"name_servers": ["192.0.2.53"], "dangerous_trust_ad_beyond_loopback": True},
    ],
)
def test_a_trusted_name_server_is_no_news(dns: dict[str, object]) -> None:
    assert _said(**dns) == []


def test_a_machine_without_name_servers_is_told_of(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown() -> None:
        raise ResolverFailure("there is no /etc/resolv.conf")

    monkeypatch.setattr(stub, "system_name_servers", unknown)
    (said,) = _said()
    assert said.startswith("no name server is known")

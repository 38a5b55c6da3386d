"""What the log says on start: whose word on DNSSEC is taken, and whether reports go by mail."""

from __future__ import annotations

from pathlib import Path

import pytest
from structlog.testing import capture_logs

from postseal.dns import ResolverFailure, stub
from postseal.mail.authentication import KeyType, SigningKey
from postseal.serve.settings import Settings
from postseal.serve.ways_out import make_resolver, report_signer


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


def test_reports_without_a_key_stay_here_and_the_settings_are_named() -> None:
    reports = {"enabled": True, "contact": "tls@example.com"}
    with capture_logs() as logs:
        assert report_signer(Settings.load(overrides={"tls_reports": reports}).tls_reports) is None
    (log,) = logs
    assert log["event"].startswith("TLS reports do not go by mail")
    assert "tls_reports.dkim_key" in log["hint"]


def test_the_record_of_the_key_for_reports_is_told(tmp_path: Path) -> None:
    path = tmp_path / "tlsrpt.pem"
    key = SigningKey.generate(KeyType.ED25519)
    path.write_bytes(key.to_pem())
    path.chmod(0o600)
    reports = {
        "enabled": True,
        "contact": "tls@example.com",
        "dkim_selector": "r",
        "dkim_key": str(path),
    }
    with capture_logs() as logs:
        signer = report_signer(Settings.load(overrides={"tls_reports": reports}).tls_reports)
    assert signer is not None
    (log,) = logs
    assert log["name"] == "r._domainkey.example.com"
    assert log["record"] == key.record(service="tlsrpt")

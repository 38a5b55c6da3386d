"""The `dns` table: whom the platform asks, and what is refused."""

from __future__ import annotations

import pytest

from postseal.dns.name_servers import NameServer
from postseal.errors import InvalidSetting
from postseal.serve.settings import Settings


def load(**dns: object) -> Settings:
    return Settings.load(overrides={"dns": dns})


def test_without_a_table_the_system_is_asked_and_nobody_afar_is_believed() -> None:
    settings = Settings().dns
    assert settings.name_servers == ()
    assert settings.timeout == 20
    assert not settings.dangerous_trust_ad_beyond_loopback


def test_name_servers_are_read_in_their_order() -> None:
    settings = load(name_servers=["127.0.0.1", "[::1]:5353"], timeout="5s").dns
    assert settings.name_servers == (NameServer.parse("127.0.0.1"), NameServer.parse("[::1]:5353"))
    assert settings.timeout == 5


@pytest.mark.parametrize(
    ("dns", "complaint"),
    [
        ({"name_servers": "127.0.0.1"}, "must be a list"),
        ({"name_servers": ["localhost"]}, "'localhost' is no name server"),
        ({"name_servers": ["192.0.2.1:99999"]}, "ports are from 1 to 65535"),
        ({"name_servers": [53]}, "is no name server"),
        ({"name_servers": ["127.0.0.1"] * 17}, "at most 16"),
        ({"timeout": 0}, "dns.timeout"),
        ({"timeout": "1h"}, "dns.timeout"),
        ({"dangerous_trust_ad_beyond_loopback": "yes"}, "dangerous_trust_ad_beyond_loopback"),
        ({"trust": True}, "unknown key"),
    ],
)
def test_anything_else_is_refused(dns: dict[str, object], complaint: str) -> None:
    with pytest.raises(InvalidSetting, match=complaint):
        load(**dns)

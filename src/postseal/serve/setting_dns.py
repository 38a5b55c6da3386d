"""The settings of the `dns` table: which name servers are asked, and whose DNSSEC is believed."""

from __future__ import annotations

from typing import Annotated, Final

from pydantic import BeforeValidator, Field

from postseal.dns.name_servers import NameServer
from postseal.errors import InvalidSetting
from postseal.serve.setting_types import Duration, Table

__all__ = ["DNSSettings", "NameServers"]

_MAX_NAME_SERVERS: Final = 16


def _read_name_servers(value: object) -> tuple[NameServer, ...]:
    if not isinstance(value, list | tuple) or len(value) > _MAX_NAME_SERVERS:
        raise InvalidSetting(
            "it must be a list of IP addresses, with ports where they are not 53, such as "
            f'["127.0.0.1", "[::1]:5353"], of at most {_MAX_NAME_SERVERS}'
        )
    return tuple(
        one
        if isinstance(one, NameServer)
        else NameServer.parse(one if isinstance(one, str) else "")
        for one in value
    )


NameServers = Annotated[
    tuple[NameServer, ...], Field(strict=False), BeforeValidator(_read_name_servers)
]
"""Recursive name servers, as a list of addresses with or without a port."""


class DNSSettings(Table):
    """Where answers from the DNS come from."""

    name_servers: NameServers = Field(
        default=(),
        description=(
            "The recursive name servers to ask, in this order; those of the system if none is "
            "named."
        ),
    )
    timeout: Duration = Field(
        default=20.0, ge=1, le=300, description="How long one question may take, in all tries."
    )
    dangerous_trust_ad_beyond_loopback: bool = Field(
        default=False,
        description=(
            "Believe name servers that are not on loopback when they say that DNSSEC validated an "
            "answer, though whoever is on the path to them could say so as well."
        ),
    )

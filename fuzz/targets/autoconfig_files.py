"""Any octets are refused as InvalidInput or are settings that say the same once they are written
and read again.
"""

from __future__ import annotations

from dataclasses import replace

from postseal.errors import InvalidInput
from postseal.send.autoconfig.account import Service
from postseal.send.autoconfig.mozilla import read_client_config, write_client_config

__all__ = ["run"]


def run(data: bytes) -> None:
    """Check the invariant."""
    try:
        read = read_client_config(data)
    except InvalidInput as error:
        assert str(error).isprintable()
        return
    in_order = sorted(read.servers, key=lambda one: one.service is Service.SUBMISSION)
    assert read_client_config(write_client_config(read)) == replace(read, servers=tuple(in_order))

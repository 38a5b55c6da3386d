"""Which transport a URL names, where it names no server; each is imported when it is used."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Final, cast

from postseal.errors import InvalidURL

if TYPE_CHECKING:
    from collections.abc import Callable

    from postseal.send.networks.network import Network
    from postseal.send.transport import Transport

__all__ = ["LOCAL_SCHEMES", "local_transport"]

_MODULES: Final = {
    "sendmail": "postseal.send.transports.sendmail",
    "file": "postseal.send.transports.directory",
    "console": "postseal.send.transports.console",
    "memory": "postseal.send.transports.memory",
}

LOCAL_SCHEMES: Final = frozenset(_MODULES)
"""The schemes that `local_transport` knows, in lower case."""


def local_transport(url: str, network: Network) -> Transport:
    """Make the transport that a URL with one of `LOCAL_SCHEMES` names.

    None of them carries a credential. Raises `InvalidURL`, and `InvalidSetting` for a program or
    a directory that cannot be used.
    """
    scheme = url.partition(":")[0].lower()
    module = _MODULES.get(scheme)
    if module is None or ":" not in url:
        raise InvalidURL(
            f"{scheme[:40]!a} is no transport of this machine",
            hint=f"It can be {', '.join(f'{one}:' for one in _MODULES)}.",
        )
    make = cast("Callable[[str, Network], Transport]", import_module(module).transport_of)
    return make(url, network)

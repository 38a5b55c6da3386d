"""The certificates of a server in files, which are read again when they change."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Final

from postseal.errors import InvalidInput, InvalidSetting
from postseal.tls.client_hello import is_server_name
from postseal.tls.contexts import server_context
from postseal.tls.names import reference_identifier
from postseal.tls.profiles import INTERMEDIATE, Profile
from postseal.tls.sni import ServerContext

__all__ = ["CertificateFiles", "ServerCertificates"]

# The keys that tickets are encrypted with live as long as their context, and whoever gets them can
# read the TLS 1.2 sessions of that time (RFC 5077 5.5).
_TICKET_KEYS_LIFETIME: Final = 24 * 3600.0


@dataclass(frozen=True, slots=True)
class CertificateFiles:
    """A certificate chain and its key, in PEM; both may be in one file."""

    chain_file: Path
    key_file: Path


class ServerCertificates:
    """The context for a listener's next connection, made anew when a file changed.

    `default` is for clients that name no host, or one that is not in `by_name`; names there may
    begin with one label of `*`. Connections that are open keep the context they were made with.
    `clock` gives seconds that only grow; after a day the context is made anew in any case.

    Raises `InvalidSetting` when files cannot be used or a name is none.
    """

    def __init__(
        self,
        default: CertificateFiles,
        by_name: Mapping[str, CertificateFiles] = MappingProxyType({}),
        *,
        profile: Profile = INTERMEDIATE,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._default = default
        self._by_name = {_host(name): files for name, files in by_name.items()}
        self._profile = profile
        self._clock = clock
        self._state = self._look()
        self._made_at = clock()
        self._context = self._make()

    @property
    def context(self) -> ServerContext:
        """The context of the moment."""
        return self._context

    def refresh(self) -> bool:
        """Read the files if one of them changed; tell whether there is a new context.

        Blocks on the disk. Raises `InvalidSetting` for as long as they cannot be used, such as a
        certificate whose key has not been written yet; the context is then the old one.
        """
        state, now = self._look(), self._clock()
        if state == self._state and now - self._made_at < _TICKET_KEYS_LIFETIME:
            return False
        context = self._make()
        if self._look() != state:
            # They are being written: what was read may be of both. The next call will tell.
            return False
        self._context, self._state, self._made_at = context, state, now
        return True

    def _make(self) -> ServerContext:
        context = self._read(self._default)
        context.serve_names({name: self._read(files) for name, files in self._by_name.items()})
        return context

    def _read(self, files: CertificateFiles) -> ServerContext:
        return server_context(files.chain_file, files.key_file, profile=self._profile)

    def _look(self) -> tuple[object, ...]:
        every = (self._default, *self._by_name.values())
        return tuple(_state(path) for one in every for path in (one.chain_file, one.key_file))


def _state(path: Path) -> object:
    try:
        status = path.stat()
    except OSError as error:
        return error.errno
    # The time of the last change tells what a restored modification time would hide.
    return status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns


def _host(name: str) -> str:
    wildcard, host = ("*.", name[2:]) if name.startswith("*.") else ("", name)
    try:
        host = reference_identifier(host)
    except InvalidInput as error:
        raise InvalidSetting(f"a certificate cannot be for {name!a}: {error.text}") from None
    if not is_server_name(host):
        raise InvalidSetting(
            f"a certificate cannot be for {name!a}: hosts are not called so",
            hint="Write a host's name, with * for the whole of its first label at most.",
        )
    return wildcard + host

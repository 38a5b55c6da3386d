"""Names of hosts looked up by the operating system, in threads that nobody has to wait for.

getaddrinfo(3) knows no deadline and cannot be stopped. The thread of an executor that is stuck in
it would be waited for at the end of the event loop, and of the interpreter.
"""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Final, NamedTuple, TypeAlias

from postseal.errors import ConnectError, Phase, TimedOut
from postseal.send.networks.network import IPAddress

if TYPE_CHECKING:
    from concurrent.futures import Future

__all__ = ["LookUp", "Lookups", "Place", "ask_system"]

# Of the whole process. Where more are under way, the system does not answer any more.
_MAX_THREADS: Final = 256


class Place(NamedTuple):
    """Where a socket of some family can be connected to."""

    family: int
    kind: int
    protocol: int
    address: tuple[str | int | bytes, ...]

    @property
    def host(self) -> str:
        """The IP address in text; that of a link has the link's scope behind it (RFC 4007 11)."""
        host, scope = self.address[0], self.address[3:]
        return f"{host!s}%{scope[0]!s}" if any(scope) else str(host)

    @property
    def port(self) -> int:
        """The port at the address."""
        return int(self.address[1])


LookUp: TypeAlias = Callable[[str, int], Sequence[Place]]
"""Gives the places of a host's port, best first; may block for ever, and raises `OSError`."""


def ask_system(host: str, port: int) -> tuple[Place, ...]:
    """Give what getaddrinfo(3) knows, in the order of RFC 6724."""
    return _places(host, port)


class Lookups:
    """What `look_up` says of names; whoever asks for one that is under way waits with the first."""

    def __init__(self, look_up: LookUp = ask_system) -> None:
        self._look_up = look_up
        self._flights: dict[tuple[str, int], _Flight] = {}

    async def find(
        self,
        host: str,
        port: int,
        addresses: Sequence[IPAddress],
        wait: Callable[[Future[Sequence[Place]]], Awaitable[Sequence[Place]]],
    ) -> Sequence[Place]:
        """Give the places of a host's port: nobody is asked for an IP address, or `addresses`.

        `wait` gives what a future is set to, or raises `TimeoutError` at the deadline. Raises
        `ConnectError` for a name that cannot be resolved, and `TimedOut`.
        """
        if addresses:
            # Nobody sorted them by RFC 6724; RFC 8305 5 begins with IPv6.
            ordered = sorted(addresses, key=lambda address: -address.version)
            return tuple(place for one in ordered for place in _read(str(one), port))
        with contextlib.suppress(OSError, UnicodeError):
            return _read(host, port)
        try:
            return await wait(self._begin(host, port))
        except TimeoutError:
            raise TimedOut(
                f"looking up the name {host!a} took too long",
                phase=Phase.RESOLVE,
                hint="Do the name servers of /etc/resolv.conf answer? getent(1) asks as this does.",
            ) from None
        except (OSError, UnicodeError) as error:
            raise ConnectError(
                f"the name {host!a} cannot be resolved: {error}", phase=Phase.RESOLVE
            ) from error
        finally:
            # Whoever asks next asks anew: one that is stuck may stay so after the others recover.
            self._flights.pop((host, port), None)

    def _begin(self, host: str, port: int) -> Future[Sequence[Place]]:
        flight = self._flights.get((host, port))
        # After a fork, the threads of the parent are not alive here.
        if flight is None or not flight.is_alive():
            if sum(isinstance(one, _Flight) for one in threading.enumerate()) >= _MAX_THREADS:
                raise OSError(f"{_MAX_THREADS} other look-ups are under way")
            flight = _Flight(self._look_up, host, port)
            try:
                flight.start()
            except RuntimeError as error:
                raise OSError(str(error)) from error
            self._flights[host, port] = flight
        return flight.found


class _Flight(threading.Thread):
    """A look-up under way; `found` is what comes of it."""

    def __init__(self, look_up: LookUp, host: str, port: int) -> None:
        # It brings more than most programs' whole first message needs.
        from concurrent.futures import Future

        super().__init__(name="postseal-lookup", daemon=True)
        self.found: Future[Sequence[Place]] = Future()
        # From here on, nobody who stops waiting cancels it for the others.
        self.found.set_running_or_notify_cancel()
        self._ask = partial(look_up, host, port)

    def run(self) -> None:
        """Ask, and tell all who wait."""
        try:
            self.found.set_result(self._ask())
        except BaseException as error:  # noqa: BLE001  # all of them are for those who wait
            self.found.set_exception(error)


def _read(address: str, port: int) -> tuple[Place, ...]:
    return _places(address, port, flags=socket.AI_NUMERICHOST)


def _places(host: str, port: int, *, flags: int = 0) -> tuple[Place, ...]:
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=flags)
    return tuple(
        Place(family, kind, protocol, address) for family, kind, protocol, _, address in found
    )

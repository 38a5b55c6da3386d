"""What the routes share: the store, the clock, and the bounds on expensive work."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from anyio import CapacityLimiter
from starlette.requests import Request

from postseal.defaults import RandomSource, random_octets
from postseal.serve.setting_types import DeliveryMode
from postseal.serve.storage import Store
from postseal.serve.web.throttle import Throttle

__all__ = ["Services", "services_of"]


def _two_at_once() -> CapacityLimiter:
    return CapacityLimiter(2)


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """The platform as the routes see it.

    `hashing` and `rendering` bound how many threads hash passwords (64 MiB each) and take mail
    apart; who comes later waits.
    """

    store: Store
    mode: DeliveryMode
    clock: Callable[[], float]
    account_throttle: Throttle
    client_throttle: Throttle
    dangerous_plain_http_beyond_loopback: bool = False
    random: RandomSource = random_octets
    hashing: CapacityLimiter = field(default_factory=_two_at_once)
    rendering: CapacityLimiter = field(default_factory=_two_at_once)


def services_of(request: Request) -> Services:
    """Give the services of the application that serves `request`."""
    found = request.app.state.services
    if not isinstance(found, Services):
        raise TypeError("create_app makes the application with its services")
    return found

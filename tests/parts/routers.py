"""Routers as the platform makes them, with memories that end with the test."""

from __future__ import annotations

from collections.abc import Callable, MutableSequence

from postseal.dns import MX, Resolver
from postseal.send.mx.mta_sts import PolicyFinder
from postseal.send.mx.policy_cache import PolicyCache
from postseal.send.networks.network import Network
from postseal.serve.experience import Experience
from postseal.serve.routing import Router
from postseal.serve.settings import Settings
from postseal.testing import MemoryNetwork
from postseal.tls.remembered import RememberingRule
from tests.parts.levels import Levels


def make_experience() -> Experience:
    """A memory that knows nothing yet, and counts nothing."""
    return Experience(Levels(), RememberingRule())


def _as_they_are(_: MutableSequence[MX]) -> None:
    return


def make_router(
    settings: Settings,
    resolver: Resolver,
    *,
    network: Network | None = None,
    policies: PolicyCache | None = None,
    experience: Experience | None = None,
    clock: Callable[[], float] = lambda: 1_800_000_000.0,
    shuffle: Callable[[MutableSequence[MX]], None] = _as_they_are,
) -> Router:
    """Make a router; equal exchangers stay in their order unless told otherwise."""
    finder = PolicyFinder(network or MemoryNetwork(), resolver, cache=policies, clock=clock)
    return Router(settings, resolver, finder, experience or make_experience(), shuffle=shuffle)

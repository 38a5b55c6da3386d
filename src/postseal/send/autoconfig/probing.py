"""One server tried, up to where credentials would be given: what it speaks, shows and offers.

Where it fails, a second look tells why: the other way to begin TLS, or what it offers in clear.
Nothing is said in clear but EHLO and QUIT.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Final

from postseal.errors import (
    CertificateRejected,
    ConnectError,
    HandshakeFailed,
    MailError,
    Phase,
    StartTLSStripped,
    TimedOut,
)
from postseal.send.autoconfig.candidates import Candidate
from postseal.send.networks.network import Network
from postseal.send.session.connection import Connection
from postseal.send.session.connection_options import ConnectionOptions
from postseal.smtp.sasl.choice import choose_mechanisms
from postseal.smtp.sasl.credentials import Password
from postseal.smtp.sasl.errors import NoCommonMechanism
from postseal.tls.channel import Opening
from postseal.tls.levels import TLSLevel, TLSOutcome

__all__ = ["Probe", "log_in", "probe"]

# Firewalls that inspect SMTP write X over keywords that they do not let pass, as long as they were.
_MASK: Final = re.compile(r"X{4,}[A-Z]?\Z")
_GOODBYE: Final = 2.0
_OTHER: Final = {Opening.IMPLICIT: Opening.STARTTLS, Opening.STARTTLS: Opening.IMPLICIT}


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    """What became of one candidate: a `problem`, or TLS with the server that was meant.

    `mechanisms` is all that AUTH offers, and `mechanism` what a password would go by. `masked` are
    EHLO keywords that were written over in clear. `other` is the same port by the other opening,
    where that got further.
    """

    candidate: Candidate
    problem: MailError | None = None
    peer_address: str = ""
    tls: TLSOutcome | None = None
    mechanisms: tuple[str, ...] = ()
    mechanism: str | None = None
    masked: tuple[str, ...] = ()
    other: Probe | None = None

    @property
    def is_usable(self) -> bool:
        """Whether one can log in here, by a password or by a token."""
        return self.problem is None and bool(self.mechanisms)


async def probe(
    network: Network, candidate: Candidate, options: ConnectionOptions, *, timeout: float
) -> Probe:
    """Try a server without any credentials; each connection takes `timeout` seconds at most.

    `options` has none. What fails is in the result.
    """
    tried = await _try(network, candidate, options, timeout)
    problem = tried.problem
    if problem is None:
        return tried
    if isinstance(problem, StartTLSStripped):
        return replace(tried, masked=await _masked(network, candidate, options, timeout))
    if _may_be_the_other(problem, candidate.opening):
        turned = replace(candidate, opening=_OTHER[candidate.opening])
        other = await _try(network, turned, options, timeout)
        if _got_further(other):
            return replace(tried, other=other)
    return tried


async def log_in(
    network: Network, candidate: Candidate, options: ConnectionOptions, *, timeout: float
) -> None:
    """Log in with the credentials of `options`, and leave. Raises what `Connection.open` does."""
    deadline = network.now() + timeout
    connection = await Connection.open(network, candidate.endpoint, options, deadline=deadline)
    await _leave(network, connection)


async def _try(
    network: Network, candidate: Candidate, options: ConnectionOptions, timeout: float
) -> Probe:
    deadline = network.now() + timeout
    try:
        connection = await Connection.open(network, candidate.endpoint, options, deadline=deadline)
    except MailError as problem:
        return Probe(candidate=candidate, problem=problem)
    mechanisms = connection.extensions.mechanisms
    found = Probe(
        candidate=candidate,
        peer_address=connection.peer_address,
        tls=connection.tls,
        mechanisms=tuple(sorted(mechanisms)),
        mechanism=_for_a_password(mechanisms, connection.channel_binding),
    )
    await _leave(network, connection)
    return found


async def _masked(
    network: Network, candidate: Candidate, options: ConnectionOptions, timeout: float
) -> tuple[str, ...]:
    """Look at what is offered in clear; `()` where that cannot be had a second time."""
    deadline = network.now() + timeout
    in_clear = replace(candidate.endpoint, level=TLSLevel.NONE)
    try:
        connection = await Connection.open(network, in_clear, options, deadline=deadline)
    except MailError:
        return ()
    keywords = connection.extensions.parameters
    await _leave(network, connection)
    return tuple(keyword for keyword in keywords if _MASK.match(keyword))


async def _leave(network: Network, connection: Connection) -> None:
    # What was to be known is known; an answer is not worth waiting long for.
    await connection.quit(deadline=network.now() + _GOODBYE)


def _may_be_the_other(problem: MailError, opening: Opening) -> bool:
    if opening is Opening.STARTTLS:
        # Whoever waits for a ClientHello says nothing, or does not understand being silent.
        return problem.phase is Phase.GREETING and not isinstance(problem, ConnectError)
    return isinstance(problem, HandshakeFailed) or (
        isinstance(problem, TimedOut) and problem.phase is Phase.HANDSHAKE
    )


def _got_further(other: Probe) -> bool:
    """Tell whether the peer spoke the language of the other opening, whatever came of it."""
    problem = other.problem
    if problem is None or isinstance(problem, CertificateRejected):
        return True
    if other.candidate.opening is Opening.STARTTLS:
        return problem.phase not in (Phase.RESOLVE, Phase.CONNECT, Phase.GREETING) or (
            problem.code is not None
        )
    return problem.phase not in (Phase.RESOLVE, Phase.CONNECT, Phase.HANDSHAKE)


def _for_a_password(offered: Iterable[str], channel_binding: bytes) -> str | None:
    anybody = Password("user", "password")
    try:
        chosen = choose_mechanisms(anybody, frozenset(offered), channel_binding=channel_binding)
    except NoCommonMechanism:
        return None
    return chosen[0].name

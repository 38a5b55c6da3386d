"""How connections are made, apart from where to: trust, policy, names, patience, credentials."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from postseal.send.timeouts import Timeouts
from postseal.tls.levels import ANY_PROOF, PeerProof, PolicySource
from postseal.tls.profiles import INTERMEDIATE, Profile
from postseal.tls.trust import Trust

if TYPE_CHECKING:
    from postseal.secrets import Secret
    from postseal.secrets.source import SecretSource
    from postseal.send.events import Observer
    from postseal.send.networks.network import IPAddress
    from postseal.send.session.authentication import Login, TokenSource
    from postseal.smtp.xclient import ClientAttributes
    from postseal.tls.dane import DanePeer

__all__ = ["ConnectionOptions"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionOptions:
    """How connections are made, apart from where to.

    `tls_name` is the name that the server's certificate must hold, when it is not the endpoint's
    host. `local_name` is said with EHLO; None says the connection's own address. `password` and
    `token` exclude each other; `mechanisms`, where given, are the only ones by which to
    authenticate, and EXTERNAL among them needs neither. `xclient` is on whose behalf the
    connection is made, for proxies and tests: the server must trust us with it. `dane` is who the
    server must be in place of all that `trust` and `tls_name` say; the dates of its certificates
    are judged by `clock`, in seconds since the epoch. `addresses`, where given, are those to
    connect to; the endpoint's host is then no more than the server's name. With
    `beyond_this_machine` the server has to be another machine than this one. `policy_source` and
    `proofs` are those of the policy that the endpoint's level comes from. `observer` is told what
    happens on the connection.
    """

    trust: Trust = field(default_factory=Trust.system)
    profile: Profile = INTERMEDIATE
    policy_source: PolicySource = PolicySource.CALLER
    proofs: frozenset[PeerProof] = ANY_PROOF
    tls_name: str | None = None
    dane: DanePeer | None = None
    clock: Callable[[], float] = time.time
    local_name: str | None = None
    addresses: frozenset[IPAddress] = frozenset()
    beyond_this_machine: bool = False
    timeouts: Timeouts = field(default_factory=Timeouts)
    password: Secret | SecretSource | None = None
    token: TokenSource | None = None
    mechanisms: frozenset[str] | None = None
    xclient: ClientAttributes | None = None
    observer: Observer | None = None

    @property
    def login(self) -> Login | None:
        """What the client proves itself with; None where it does not."""
        from postseal.send.session.authentication import Login

        return Login.of(self.password, self.token, self.mechanisms)

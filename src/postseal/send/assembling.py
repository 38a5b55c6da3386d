"""From what a mailer is told to the transport it uses: a server, several, or another way.

What speaks to servers is imported for them alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, TypeAlias

from postseal.errors import AuthError, InvalidSetting, Phase
from postseal.send.pool_options import PoolOptions
from postseal.send.session.connection_options import ConnectionOptions
from postseal.send.timeouts import Timeouts
from postseal.send.transport import Transport
from postseal.send.transports.schemes import LOCAL_SCHEMES, local_transport
from postseal.tls.levels import TLSLevel
from postseal.tls.trust import Trust

if TYPE_CHECKING:
    from postseal.send.endpoint import Endpoint
    from postseal.send.failover import Failover
    from postseal.send.mx.direct import Direct, DirectTransport
    from postseal.send.networks.network import Network
    from postseal.send.smtp_transport import SMTPTransport

__all__ = ["Assembly", "Target", "server_in"]

Target: TypeAlias = "str | Sequence[str] | Failover | Direct | Transport"
"""Where mail goes: a URL, several for `Failover`, a value that stands for one, or a transport."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Assembly:
    """What transports are made with. `connection` is for those that connect to servers."""

    network: Network
    connection: ConnectionOptions = field(default_factory=ConnectionOptions)
    limits: PoolOptions = field(default_factory=PoolOptions)
    per_connection: float | None = None
    is_blocking: bool

    def transport(self, target: Target) -> Transport:
        """Make the transport. Raises `InvalidURL`, `InvalidSetting` and `AuthError`."""
        if isinstance(target, str):
            return self._of_url(target)
        if isinstance(target, Transport):
            self._check_unused("the transport")
            return target
        from postseal.send.endpoint import Endpoint
        from postseal.send.failover import Failover, FailoverTransport

        if not isinstance(target, Failover | Sequence):
            return self._direct(target)
        group = target if isinstance(target, Failover) else Failover(target)
        endpoints = [Endpoint.parse(url) for url in group.urls]
        levels = {endpoint.level for endpoint in endpoints}
        if len(levels) > 1 and not group.dangerous_mixed_levels:
            raise InvalidSetting(
                "the servers have different TLS levels, and whoever can stop the traffic to one "
                "chooses which of them is used",
                hint="Write all URLs with the same scheme, or allow it: "
                "Failover([...], dangerous_mixed_levels=True).",
            )
        servers = [self._server(endpoint) for endpoint in endpoints]
        if len(servers) == 1:
            return servers[0]
        return FailoverTransport(self.network, servers, cool_down=group.cool_down)

    def _of_url(self, url: str) -> Transport:
        if (endpoint := server_in(url)) is not None:
            return self._server(endpoint)
        scheme = _scheme(url)
        if scheme in LOCAL_SCHEMES:
            self._check_unused(f"{scheme}:")
            return local_transport(url, self.network)
        from postseal.send.mx.direct import Direct

        return self._direct(Direct.parse(url))

    def _direct(self, direct: Direct) -> DirectTransport:
        from postseal.send.mx.direct import DirectTransport

        return DirectTransport(
            direct,
            self.network,
            self.connection,
            limits=self.limits,
            is_blocking=self.is_blocking,
        )

    def _server(self, endpoint: Endpoint) -> SMTPTransport:
        from postseal.send.pool import Pool
        from postseal.send.smtp_transport import SMTPTransport
        from postseal.tls.contexts import client_context

        options = self.connection
        _check_trust(endpoint, options.trust)
        _check_login(endpoint, options)
        if endpoint.level > TLSLevel.NONE:
            # Kept for the connections; a file that cannot be used is no matter of the network.
            client_context(options.trust, endpoint.level, options.profile)
        pool = Pool(self.network, endpoint, options, limits=self.limits)
        return SMTPTransport(self.network, pool, per_connection=self.per_connection)

    def _check_unused(self, what: str) -> None:
        # Who gives a password thinks that it protects something.
        if replace(self.connection, timeouts=Timeouts(), observer=None) != ConnectionOptions():
            raise InvalidSetting(
                f"passwords, TLS options and names have no effect with {what}",
                hint="Leave them out: nothing is connected to.",
            )


def server_in(url: str) -> Endpoint | None:
    """Give the server that a URL names, None where it names another way; raises `InvalidURL`."""
    if _scheme(url) in {*LOCAL_SCHEMES, "mx"}:
        return None
    from postseal.send.endpoint import Endpoint

    return Endpoint.parse(url)


def _scheme(url: str) -> str:
    return url.partition(":")[0].lower()


def _check_trust(endpoint: Endpoint, trust: Trust) -> None:
    # Who the client is can be shown to anybody.
    asked = replace(trust, client_certificate=None)
    if endpoint.level < TLSLevel.AUTHENTICATED and asked != Trust.system():
        what = "a CA file" if asked.ca_path else "a pin" if asked.pins else "trust"
        raise InvalidSetting(
            f"{what} has no effect where the peer is not verified",
            hint="Use smtp:// or smtps://.",
        )


def _check_login(endpoint: Endpoint, options: ConnectionOptions) -> None:
    login = options.login
    if login is None:
        if endpoint.username:
            raise AuthError(
                f"the URL names the user {endpoint.username!a}, but there is no password",
                host=endpoint.host,
                phase=Phase.AUTH,
                hint="Give the argument password= or token=, or leave the user out.",
            )
        return
    if endpoint.level is TLSLevel.OPPORTUNISTIC:
        raise AuthError(
            "smtp+opportunistic:// never carries credentials: whoever is on the path could "
            "read them",
            host=endpoint.host,
            phase=Phase.AUTH,
            hint="Use smtp:// or smtps://.",
        )
    login.check_user(endpoint.username)
    if (
        login.is_by_certificate
        and endpoint.level > TLSLevel.NONE
        and options.trust.client_certificate is None
    ):
        raise InvalidSetting(
            "EXTERNAL logs in by the client's certificate, and there is none",
            hint="Give one: trust=Trust.system().with_client_certificate(chain, key).",
        )

"""What a mailer is told when it is made: the same options for threads and for tasks."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable
from typing import TYPE_CHECKING, ClassVar, TypedDict

from postseal.errors import InvalidSetting
from postseal.secrets.opaque import Secret
from postseal.send.assembling import Assembly
from postseal.send.core import Core, Handling
from postseal.send.hooks import Hooks
from postseal.send.pool_options import PoolOptions
from postseal.send.rates import Rate
from postseal.send.retrying import RetryPolicy
from postseal.send.session.connection_options import ConnectionOptions
from postseal.send.timeouts import Timeouts
from postseal.tls.profiles import INTERMEDIATE, Profile
from postseal.tls.trust import Trust

if TYPE_CHECKING:
    from pathlib import Path

    from postseal.mail.authentication.dkim_signing import DKIMSigner
    from postseal.mail.conversion.policy import Conversion
    from postseal.secrets.source import SecretSource
    from postseal.send.assembling import Target
    from postseal.send.events import Observer
    from postseal.send.networks.network import IPAddress, Network
    from postseal.send.networks.proxies import Proxy
    from postseal.send.outgoing import Framing
    from postseal.send.session.authentication import TokenSource
    from postseal.smtp.delivery_options import DeliveryOptions

__all__ = ["MailerBase", "Needs"]


class Needs(TypedDict, total=False):
    """What octets that are a message already ask of the server; see `Outgoing`."""

    size: int | None
    is_8bit: bool
    is_internationalized: bool
    is_binary: bool
    framing: Framing
    conversion: Conversion
    options: DeliveryOptions | None


class MailerBase(ABC):
    """The options of `Mailer` and `AsyncMailer`.

    `url` says where mail goes and how sealed (see `Endpoint`): `smtp://` and `smtps://` verify the
    server against the system's authorities, those in `ca_file` alone, or as `trust` says; `profile`
    names the versions and suites of TLS that are spoken. Several URLs, or a `Failover`, are servers
    that stand in for each other; `mx:` goes to the recipients' own servers; `sendmail:`,
    `file:///dir`, `console:` and `memory:` are ways without a server, and any `Transport` is one.

    With a user in the URL goes a `password`, or a `token` (`oauth_tokens`, or a callable that is
    called for each connection); either leaves only for a server that was verified, or over
    loopback. `mechanisms` narrows the
    SASL mechanisms down to some names; with EXTERNAL among them the client's certificate is what it
    logs in by. `local_name` is said with EHLO, by default the connection's address;
    `local_address` is the address of this machine's that connections come from. `proxy` is what to
    connect through, as a URL (`socks5://host:port`, `http://host:port`) or, with credentials, as a
    `Proxy`. TLS is with the mail server, whatever is in between.

    `timeouts` limits each step and the whole, `pool` the connections, `rate` how fast messages
    leave, and `retry` says when one is tried again, by default never. With `dkim` every message is
    signed: the octets that are sent, in 7 bits wherever they can be, so that no relay breaks the
    signature. `hooks` see each message before it goes and its outcome after, and `observer` is told
    what can be counted (see `postseal.send.events`). `network` takes the
    place of the system's, for example that of `postseal.testing`.

    Raises `InvalidURL`, `InvalidSetting` and `AuthError` when made, and for everything on the way
    the errors of `postseal.errors`, each with host, phase and hint.
    """

    _is_blocking: ClassVar[bool]

    def __init__(
        self,
        url: Target,
        *,
        password: Secret | SecretSource | str | None = None,
        token: TokenSource | None = None,
        mechanisms: Iterable[str] | None = None,
        ca_file: str | Path | None = None,
        trust: Trust | None = None,
        profile: Profile = INTERMEDIATE,
        local_name: str | None = None,
        local_address: str | IPAddress | None = None,
        proxy: str | Proxy | None = None,
        timeouts: Timeouts | None = None,
        pool: PoolOptions | None = None,
        rate: Rate | None = None,
        retry: RetryPolicy | None = None,
        dkim: DKIMSigner | None = None,
        hooks: Hooks | None = None,
        observer: Observer | None = None,
        network: Network | None = None,
    ) -> None:
        rate, hooks, timeouts = rate or Rate(), hooks or Hooks(), timeouts or Timeouts()
        if self._is_blocking:
            hooks.check_blocking()
        if network is not None and local_address is not None:
            raise InvalidSetting("local_address is for the system's network, and another is given")
        network = network or self._system_network(_address(local_address))
        if proxy is not None:
            from postseal.send.networks.proxies import ProxiedNetwork, Proxy

            proxy = Proxy.parse(proxy) if isinstance(proxy, str) else proxy
            network = ProxiedNetwork(network, proxy)
        connection = ConnectionOptions(
            trust=_trust(ca_file, trust),
            profile=profile,
            local_name=local_name,
            timeouts=timeouts,
            password=Secret(password)
            if isinstance(password, str) and password
            else password or None,
            token=token,
            mechanisms=None if mechanisms is None else frozenset(map(str.upper, mechanisms)),
            observer=observer,
        )
        pool = pool or PoolOptions()
        assembly = Assembly(
            network=network,
            connection=connection,
            limits=pool,
            per_connection=rate.per_connection,
            is_blocking=self._is_blocking,
        )
        handling = Handling(
            total=timeouts.total,
            retry=retry or RetryPolicy.none(),
            rate=rate,
            hooks=hooks,
            observer=observer,
            dkim=dkim,
        )
        self._network = network
        self._keeps_ready = pool.min_idle > 0
        self._core = Core(network, assembly.transport(url), handling, is_blocking=self._is_blocking)

    @staticmethod
    @abstractmethod
    def _system_network(local_address: IPAddress | None) -> Network: ...


def _trust(ca_file: str | Path | None, trust: Trust | None) -> Trust:
    if ca_file is None:
        return trust or Trust.system()
    if trust is not None:
        raise InvalidSetting(
            "ca_file= and trust= both say whom to trust",
            hint="Leave ca_file out, and give trust=Trust.only(...) alone.",
        )
    return Trust.only(ca_file)


def _address(given: str | IPAddress | None) -> IPAddress | None:
    if given is None or not isinstance(given, str):
        return given
    from ipaddress import ip_address

    try:
        return ip_address(given)
    except ValueError:
        raise InvalidSetting(
            f"local_address is an IP address of this machine, and {given!a} is none"
        ) from None

"""The platform: store, listeners, worker and pages, started and stopped together."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import secrets
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import structlog

from postseal.dns import Resolver
from postseal.errors import ConnectError
from postseal.send.networks.aio import AsyncioNetwork
from postseal.send.networks.network import Network
from postseal.serve.certificates import ListenerCertificates
from postseal.serve.data_directory import DataDirectory, DataDirectoryLock, write_atomically
from postseal.serve.first_run import Announcement, prepare
from postseal.serve.intake import Intake
from postseal.serve.listener import Listener, ListenerRules
from postseal.serve.setting_types import DeliveryMode, Mechanism
from postseal.serve.settings import ListenerSettings, Settings
from postseal.serve.storage import Store
from postseal.serve.ways_out import WaysOut, make_resolver
from postseal.serve.web import WebServer, create_app, serve_web
from postseal.smtp.line_endings import LineEndings
from postseal.smtp.protocol import Extension
from postseal.smtp.rules import DEFAULT_EXTENSIONS, Offer, ServerRules
from postseal.smtp.sasl import ServerOffer, ServerSASL
from postseal.tls import Opening, Trust

__all__ = ["ListenAddress", "Platform", "serving"]

_KEY_OCTETS: Final = 32

_log = structlog.get_logger("postseal.serve")


@dataclass(frozen=True, slots=True)
class ListenAddress:
    """Where one of the platform's ports is."""

    address: str
    port: int


@dataclass(frozen=True, slots=True)
class Platform:
    """A platform that is up: where it listens, and the authority its clients must trust."""

    listeners: Mapping[str, ListenAddress]
    authority: Path | None
    mode: DeliveryMode


@asynccontextmanager
async def serving(
    settings: Settings,
    *,
    announce: Callable[[Announcement], None],
    resolver: Resolver | None = None,
    network: Network | None = None,
    web_trust: Trust | None = None,
) -> AsyncIterator[Platform]:
    """Run the platform for as long as the context lasts.

    `announce` shows the passwords of a first run. `resolver`, `network` and `web_trust`, which is
    for the web servers of policies and reports, are the system's unless given. Raises
    `DataDirectoryError`, `StorageError`, `InvalidSetting` for a certificate that cannot be used,
    and `ConnectError` for an address that cannot be listened on. Leaving takes no more mail,
    finishes what is being stored, and gives leases back.
    """
    async with contextlib.AsyncExitStack() as stack:
        # A part that dies takes the platform down: half a platform would look like a whole one.
        parts = await stack.enter_async_context(_supervision())
        lock = stack.enter_context(DataDirectoryLock.acquire(settings.data_directory))
        directory = lock.directory
        store = await Store.open(directory.database)
        stack.push_async_callback(store.close)
        prepared = await prepare(settings, store, announce=announce)
        # Who held leases on this directory is dead: we have its lock.
        await store.release_all()
        certificates = ListenerCertificates(settings, prepared.identity)
        stack.push_async_callback(_cancel, parts.create_task(certificates.keep_current()))
        intake = Intake(settings, store)
        if settings.delivery.mode is DeliveryMode.LIVE:
            ways_out = WaysOut(
                settings,
                store,
                intake,
                resolver=resolver or make_resolver(settings.dns),
                network=network or AsyncioNetwork(),
                web_trust=web_trust,
            )
            for part in ways_out.parts():
                stack.push_async_callback(_cancel, parts.create_task(part))
        addresses: dict[str, ListenAddress] = {}
        offer = await _server_offer(settings, store)
        for rules, where in _listeners(settings, certificates, offer):
            listener = Listener(rules, intake, settings.data_directory)
            await _open(listener, where)
            stack.push_async_callback(listener.close)
            addresses[rules.name] = ListenAddress(listener.address, listener.port)
        if settings.web.enabled:
            web = await _open_web(settings, store)
            parts.create_task(web.wait_closed())
            stack.push_async_callback(web.close)
            addresses["web"] = ListenAddress(web.host, web.port)
        platform = Platform(addresses, prepared.identity.authority, settings.delivery.mode)
        stack.callback(directory.runtime.unlink, missing_ok=True)
        _write_runtime(directory, platform)
        yield platform


async def _server_offer(settings: Settings, store: Store) -> ServerOffer:
    mechanisms = settings.authentication.mechanisms
    others = mechanisms - {Mechanism.SCRAM_SHA_256}
    # Its owner would be refused, or told apart from users who do not exist. Where SCRAM alone is
    # wanted, nothing weaker is put in its place.
    if others and others != mechanisms and await store.lacks_scram_records():
        _log.warning(
            "SCRAM-SHA-256 is not offered: a credential was made before it was known",
            hint="The next login by PLAIN completes the credential; then restart.",
        )
        mechanisms = others
    return ServerOffer(
        frozenset(ServerSASL(one.value) for one in mechanisms),
        decoy_secret=await store.ensure_key("scram-decoys", secrets.token_bytes(_KEY_OCTETS)),
    )


def _listeners(
    settings: Settings, certificates: ListenerCertificates, offer: ServerOffer
) -> list[tuple[ListenerRules, ListenerSettings]]:
    limits, listeners = settings.limits, settings.listeners

    def listener(
        name: str, where: ListenerSettings, opening: Opening, starttls: Offer, auth: Offer
    ) -> tuple[ListenerRules, ListenerSettings]:
        rules = ListenerRules(
            name=name,
            opening=opening,
            session=ServerRules(
                hostname=settings.hostname,
                starttls=starttls,
                authentication=auth,
                max_message_size=limits.max_message_size,
                max_recipients=limits.max_recipients,
                max_recipient_domains=limits.max_recipient_domains,
                max_messages=limits.max_messages,
                max_failed_authentications=settings.authentication.max_failures,
                extensions=DEFAULT_EXTENSIONS
                | {Extension.LIMITS}
                | ({Extension.REQUIRETLS} if where.requiretls else set()),
                line_endings=LineEndings(where.line_endings.value),
                xclient_from=where.xclient_from,
                sasl=offer,
            ),
            context=certificates.context,
            max_connections=limits.max_connections,
            proxies=where.proxy_protocol_from,
        )
        return rules, where

    every = (
        listener(
            "submission", listeners.submission, Opening.STARTTLS, Offer.REQUIRED, Offer.REQUIRED
        ),
        listener(
            "submissions",
            listeners.submissions,
            Opening.IMPLICIT,
            Offer.UNAVAILABLE,
            Offer.REQUIRED,
        ),
        # RFC 3207 4: a publicly referenced server must not require TLS.
        listener("mx", listeners.mx, Opening.STARTTLS, Offer.OFFERED, Offer.UNAVAILABLE),
    )
    return [(rules, where) for rules, where in every if where.enabled]


async def _open(listener: Listener, where: ListenerSettings) -> None:
    try:
        await listener.open(where.address, where.port)
    except OSError as error:
        name = listener.rules.name
        raise ConnectError(
            f"cannot listen on {where.address} port {where.port}: {error.strerror}",
            hint=f"Change `listeners.{name}`, or stop what listens there.",
        ) from error


async def _open_web(settings: Settings, store: Store) -> WebServer:
    app = create_app(
        store,
        mode=settings.delivery.mode,
        hosts=(settings.hostname,),
        dangerous_plain_http_beyond_loopback=settings.web.dangerous_plain_http_beyond_loopback,
    )
    return await serve_web(app, host=settings.web.address, port=settings.web.port)


def _write_runtime(directory: DataDirectory, platform: Platform) -> None:
    """Tell other programs of this machine where we listen, now that we do."""
    runtime = {
        "pid": os.getpid(),
        "listeners": {
            name: {"address": one.address, "port": one.port}
            for name, one in platform.listeners.items()
        },
        "authority": str(platform.authority) if platform.authority else None,
    }
    write_atomically(directory.runtime, json.dumps(runtime, indent=1).encode() + b"\n", mode=0o600)


@asynccontextmanager
async def _supervision() -> AsyncIterator[asyncio.TaskGroup]:
    """A task group that raises what went wrong as it is, not as a group of one."""
    try:
        async with asyncio.TaskGroup() as parts:
            yield parts
    except BaseExceptionGroup as group:
        error: BaseException = group
        while isinstance(error, BaseExceptionGroup):
            error = error.exceptions[0]
        raise error from None


async def _cancel(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)

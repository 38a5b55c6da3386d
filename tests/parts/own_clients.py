"""This project's own senders as clients of the attack lab, inside the test."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict

from postseal import AsyncMailer, Attachment, Mailer, Message
from postseal.audit.lab.clients import ClientRun, Settings
from postseal.audit.lab.commands import CommandClient
from postseal.errors import MailError
from postseal.send.networks.aio import AsyncioNetwork
from postseal.send.timeouts import Timeouts
from tests.parts.house import House
from tests.parts.queue_view import DeliveryRow, read_deliveries
from tests.parts.routed_network import RoutedNetwork

__all__ = ["IMPATIENT", "OwnMailer", "OwnPlatform", "new_platform", "own_command"]

IMPATIENT = Timeouts(
    connect=3, greeting=3, handshake=3, command=3, body_block=3, end_of_data=3, total=9
)
# A machine that is busy with other tests is no hang.
_LENIENCE = 20.0
_POLL = 0.1
_DONE = frozenset({"sent", "failed", "held"})


class _Options(TypedDict, total=False):
    local_name: str
    timeouts: Timeouts
    password: str
    ca_file: Path


@dataclass(frozen=True, slots=True)
class OwnMailer:
    """`Mailer` or `AsyncMailer` with one form of URL; credentials only where the form is verified.

    A hostile input is a `ValueError` of the message, or an error of the sending.
    """

    scheme: str
    is_blocking: bool

    @property
    def name(self) -> str:
        return f"{'Mailer' if self.is_blocking else 'AsyncMailer'} {self.scheme}://"

    async def run(self, settings: Settings, *, patience: float) -> ClientRun:
        return await _timed(lambda: self._send(settings), patience)

    async def _send(self, settings: Settings) -> None:
        canaries, verified = settings.canaries, self.scheme != "smtp+opportunistic"
        where = f"{settings.host}:{settings.port}"
        url = f"{self.scheme}://{canaries.user}@{where}" if verified else f"{self.scheme}://{where}"
        options: _Options = {"local_name": canaries.ehlo, "timeouts": IMPATIENT}
        if verified:
            options |= {"password": canaries.password, "ca_file": settings.ca_file}
        message = _message(settings)
        if self.is_blocking:

            def send() -> None:
                with Mailer(url, **options) as blocking:
                    blocking.send(message)

            # The loop's own threads are few, and some cases keep one waiting.
            thread = ThreadPoolExecutor(max_workers=1)
            try:
                await asyncio.get_running_loop().run_in_executor(thread, send)
            finally:
                thread.shutdown(wait=False)
            return
        async with AsyncMailer(url, **options) as mailer:
            await mailer.send(message)


@dataclass(slots=True)
class OwnPlatform:
    """The platform's worker, which delivers to one route of `house` after another.

    `network` is the one that the platform was started with.
    """

    scheme: str
    network: RoutedNetwork
    house: House | None = None
    _runs: int = 0

    @property
    def name(self) -> str:
        return f"postseal serve, {self.scheme}://"

    def routes(self, count: int, ca_file: Path) -> dict[str, object]:
        """The `[delivery]` routes for so many runs."""
        return {
            self._domain(number): {
                "url": f"{self.scheme}://{self._host(number)}",
                "ca_file": str(ca_file),
                "tls_name": "localhost",
            }
            for number in range(count)
        }

    async def run(self, settings: Settings, *, patience: float) -> ClientRun:
        number, self._runs = self._runs, self._runs + 1
        self.network.routes = {**self.network.routes, self._host(number): settings.port}
        return await _timed(lambda: self._deliver(settings, self._domain(number)), patience)

    async def _deliver(self, settings: Settings, domain: str) -> None:
        assert self.house is not None
        local_part = settings.canaries.recipient.rpartition("@")[0]
        recipient = f"{local_part}@{domain}"
        message = _message(settings, recipient)
        async with AsyncMailer(
            self.house.url, password=self.house.password, ca_file=self.house.ca_file
        ) as mailer:
            await mailer.send(message)
        row = await self._settled(recipient)
        if row.state != "sent":
            attempts = "; ".join(one.text for one in row.attempts)
            raise _NotSent(f"{row.state}: {row.reason} {attempts}")

    async def _settled(self, recipient: str) -> DeliveryRow:
        assert self.house is not None
        while True:
            for row in read_deliveries(self.house.data_directory):
                is_tried = bool(row.attempts) or row.state in _DONE
                if row.recipient == recipient and is_tried and not row.is_leased:
                    return row
            await asyncio.sleep(_POLL)

    @staticmethod
    def _domain(number: int) -> str:
        return f"domain-{number}.example"

    @staticmethod
    def _host(number: int) -> str:
        return f"relay-{number}.example"


class _NotSent(Exception):
    """The message is still in the queue, or has come back."""


async def _timed(send: Callable[[], Awaitable[None]], patience: float) -> ClientRun:
    loop = asyncio.get_running_loop()
    began = loop.time()
    status: int | None = 0
    output = ""
    try:
        async with asyncio.timeout(patience + _LENIENCE):
            await send()
    except (MailError, ValueError, _NotSent) as error:
        # Among them `TimedOut`, which is a TimeoutError as well.
        status, output = 1, str(error)
    except TimeoutError:
        status = None
    return ClientRun(exit_code=status, seconds=loop.time() - began, output=output)


def _message(settings: Settings, recipient: str | None = None) -> Message:
    canaries = settings.canaries
    return Message(
        from_=canaries.sender,
        to=recipient or canaries.recipient,
        subject=canaries.subject,
        text=canaries.body,
        headers={"X-Lab": canaries.header},
        attachments=[Attachment.from_bytes(b"attached\n", filename=canaries.filename)],
    )


def own_command() -> CommandClient:
    """`postseal send`, which takes the password from the environment alone."""
    return CommandClient(
        arguments=(
            *("sh", "-c", 'POSTSEAL_PASSWORD="$POSTSEAL_LAB_PASSWORD" exec "$@"', "sh"),
            *(str(Path(sys.executable).with_name("postseal")), "send"),
            *("smtp://{user}@{host}:{port}", "--ca-file", "{ca_file}"),
            *("--from", "{from}", "--to", "{to}", "--subject", "{subject}", "--text", "{body}"),
        )
    )


def new_platform(scheme: str) -> OwnPlatform:
    """A platform that is yet to be started, with a network of its own."""
    return OwnPlatform(scheme, RoutedNetwork(AsyncioNetwork(), {}))

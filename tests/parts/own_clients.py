"""This project's own senders as clients of the attack lab, inside the test."""

from __future__ import annotations

import asyncio
import re
import sys
from base64 import b64encode
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TypedDict

from postseal import AsyncMailer, Attachment, Mailer, Message
from postseal.audit.lab.canaries import Canaries
from postseal.audit.lab.clients import ClientRun, Settings
from postseal.audit.lab.commands import CommandClient
from postseal.audit.lab.hostile_inputs import InputNotTaken
from postseal.errors import MailError
from postseal.send.networks.aio import AsyncioNetwork
from postseal.send.timeouts import Timeouts
from tests.parts.forked_command import ForkedCommand
from tests.parts.house import House
from tests.parts.queue_view import DeliveryRow, read_deliveries
from tests.parts.raw_client import RawClient
from tests.parts.routed_network import RoutedNetwork

__all__ = [
    "IMPATIENT",
    "OwnCommand",
    "OwnMailer",
    "OwnPlatform",
    "new_platform",
    "own_command",
    "submit_as_it_is",
]

IMPATIENT = Timeouts(
    connect=3, greeting=3, handshake=3, command=3, body_block=3, end_of_data=3, total=9
)
# The command knows the whole alone.
_COMMAND_SECONDS = 6
# A machine that is busy with other tests is no hang.
_LENIENCE = 20.0
_POLL = 0.1
_ATTACHED = b"attached\n"
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
        message = _message(canaries)
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

    `network` is the one that the platform was started with; `submit` hands it a message.
    """

    scheme: str
    network: RoutedNetwork
    submit: Callable[[House, Canaries], Awaitable[None]]
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
        return await _timed(
            lambda: self._deliver(settings.canaries, self._domain(number)), patience
        )

    async def _deliver(self, canaries: Canaries, domain: str) -> None:
        assert self.house is not None
        recipient = canaries.recipient.replace("@lab.example", f"@{domain}")
        await self.submit(self.house, replace(canaries, recipient=recipient))
        row = await self._settled(domain)
        if row.state != "sent":
            attempts = "; ".join(one.text for one in row.attempts)
            raise _NotSent(f"{row.state}: {row.reason} {attempts}")

    async def _settled(self, domain: str) -> DeliveryRow:
        assert self.house is not None
        while True:
            for row in read_deliveries(self.house.data_directory):
                is_tried = bool(row.attempts) or row.state in _DONE
                if row.recipient.endswith(f"@{domain}") and is_tried and not row.is_leased:
                    return row
            await asyncio.sleep(_POLL)

    @staticmethod
    def _domain(number: int) -> str:
        return f"domain-{number}.example"

    @staticmethod
    def _host(number: int) -> str:
        return f"relay-{number}.example"


class _NotSent(Exception):
    """The message was refused, is still in the queue, or has come back."""


async def submit_by_mailer(house: House, canaries: Canaries) -> None:
    """Submit a message as this project does."""
    async with AsyncMailer(house.url, password=house.password, ca_file=house.ca_file) as mailer:
        await mailer.send(_message(canaries))


async def submit_as_it_is(house: House, canaries: Canaries) -> None:
    """Submit what may be no message, as a client does that looks at nothing but dots."""
    login = f"\0{house.username}\0{house.password}".encode()
    body = re.sub(r"(?:^|(?<=\r\n))\.", "..", canaries.body)
    header = (
        f"From: <{canaries.sender}>",
        f"To: <{canaries.recipient}>",
        f"Subject: {canaries.subject}",
        f"X-Lab: {canaries.header}",
        f'Content-Disposition: attachment; filename="{canaries.filename}"',
    )
    text = "\r\n".join((*header, "", body, "."))
    utf8 = "" if text.isascii() else " SMTPUTF8"
    port = house.port("submissions")
    async with await RawClient.connect(port, ca_file=house.ca_file) as client:
        await client.hear()
        for said in (
            "EHLO client.example",
            f"AUTH PLAIN {b64encode(login).decode()}",
            f"MAIL FROM:<{canaries.sender}>{utf8}",
            f"RCPT TO:<{canaries.recipient}>",
            "DATA",
            text,
        ):
            reply = await client.ask(said)
            if reply[0] not in "23":
                raise _NotSent(reply)


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


def _message(canaries: Canaries) -> Message:
    return Message(
        from_=canaries.sender,
        to=canaries.recipient,
        subject=canaries.subject,
        text=canaries.body,
        headers={"X-Lab": canaries.header},
        attachments=[Attachment.from_bytes(_ATTACHED, filename=canaries.filename)],
    )


@dataclass(frozen=True, slots=True)
class OwnCommand:
    """`postseal send` with one form of URL; credentials only where the form is verified."""

    scheme: str
    command: ForkedCommand

    @property
    def name(self) -> str:
        return f"postseal send {self.scheme}://"

    async def run(self, settings: Settings, *, patience: float) -> ClientRun:
        canaries = settings.canaries
        words = {
            "user": canaries.user,
            "host": settings.host,
            "port": str(settings.port),
            "ca_file": str(settings.ca_file),
            "from": canaries.sender,
            "to": canaries.recipient,
            "subject": canaries.subject,
            "body": canaries.body,
        }
        if any("\0" in word for word in words.values()):
            raise InputNotTaken("a command line holds no NUL")
        arguments = [argument.format_map(words) for argument in _sending(self.scheme)]
        environment = {"POSTSEAL_PASSWORD": canaries.password}
        loop = asyncio.get_running_loop()
        began = loop.time()
        with TemporaryDirectory() as directory:
            arguments += ["--attach", _file(directory, canaries.filename)]
            try:
                async with asyncio.timeout(patience + _LENIENCE):
                    run = await self.command.run(*arguments, environment=environment)
            except TimeoutError:
                return ClientRun(exit_code=None, seconds=loop.time() - began)
        return ClientRun(
            exit_code=run.status,
            seconds=loop.time() - began,
            output=run.output,
            crashed=run.status < 0 or "Traceback" in run.output,
        )


def _file(directory: str, name: str) -> str:
    path = Path(directory, name)
    path.write_bytes(_ATTACHED)
    return str(path)


def own_command(scheme: str) -> CommandClient:
    """`postseal send` as a process, which takes the password from the environment alone."""
    return CommandClient(
        arguments=(
            *("sh", "-c", 'POSTSEAL_PASSWORD="$POSTSEAL_LAB_PASSWORD" exec "$@"', "sh"),
            str(Path(sys.executable).with_name("postseal")),
            *_sending(scheme),
        )
    )


def _sending(scheme: str) -> tuple[str, ...]:
    where = "{host}:{port}"
    server = (
        (f"{scheme}://{where}",)
        if scheme == "smtp+opportunistic"
        else (f"{scheme}://{{user}}@{where}", "--ca-file", "{ca_file}")
    )
    envelope = ("--from", "{from}", "--to", "{to}")
    content = ("--subject", "{subject}", "--text", "{body}")
    return ("send", *server, *envelope, *content, "--timeout", str(_COMMAND_SECONDS))


def new_platform(
    scheme: str, submit: Callable[[House, Canaries], Awaitable[None]] = submit_by_mailer
) -> OwnPlatform:
    """A platform that is yet to be started, with a network of its own."""
    return OwnPlatform(scheme, RoutedNetwork(AsyncioNetwork(), {}), submit)

"""A password that rotates while messages flow: no message is lost, and nobody restarts anything.

As it is done: the server takes the new password beside the old one, the new one is put where it is
kept, and then the server takes the old one no more.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from postseal import AsyncMailer, Mailer, Message
from postseal.errors import AuthError, SecretNotFound
from postseal.secrets import Access, Outcome, SealedStore, Secret, SecretSource
from postseal.secrets.sealed_format import generate_key
from postseal.send.pool_options import PoolOptions
from tests.parts.canaries import Canary, find_canaries
from tests.parts.certificates import ServerCertificate, issue_certificate
from tests.parts.delivering_peers import aiosmtpd_with_auth
from tests.parts.ports import LOOPBACK
from tests.parts.receiver import ReceivedMessage

ROUNDS = 3
MESSAGES_EACH = 8


class House:
    """The file that keeps the password, and the server that wants it."""

    def __init__(self, directory: Path) -> None:
        self.file = directory / "password"
        self.taken = {"password-0"}
        self.port = 0
        self.messages: list[ReceivedMessage] = []
        self.accesses: list[Access] = []
        self.keep("password-0")
        self.source = SecretSource(f"file:{self.file}", lifetime=3600, log=self.accesses.append)

    def keep(self, password: str) -> None:
        new = self.file.with_suffix(".new")
        new.touch(mode=0o600)
        new.write_text(f"{password}\n")
        new.replace(self.file)

    def rotate(self, number: int) -> None:
        self.taken.add(f"password-{number}")
        self.keep(f"password-{number}")
        self.taken.discard(f"password-{number - 1}")

    @property
    def url(self) -> str:
        return f"smtp://ada@{LOOPBACK}:{self.port}"

    def arrived(self) -> list[str]:
        return sorted(
            line
            for message in self.messages
            for line in message.content.decode().splitlines()
            if line.startswith("Subject:")
        )


@pytest.fixture
def certificate(tmp_path: Path) -> ServerCertificate:
    """What the server shows."""
    return issue_certificate(tmp_path / "certificate", LOOPBACK)


@pytest.fixture
async def house(tmp_path: Path, certificate: ServerCertificate) -> AsyncIterator[House]:
    """Both, running."""
    house = House(tmp_path)
    async with aiosmtpd_with_auth(certificate, house.taken, implicit_tls=False) as (port, messages):
        house.port, house.messages = port, messages
        yield house


def message(number: int) -> Message:
    return Message(
        from_="ada@example.com", to=["bob@example.org"], subject=f"{number:03}", text="Hello."
    )


async def test_from_many_tasks_over_one_pool(
    house: House, certificate: ServerCertificate, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    # One message a connection, so that every message is a login.
    pool = PoolOptions(max_connections=4, max_messages=1)
    numbers = iter(range(1000))
    async with AsyncMailer(
        house.url, password=house.source, ca_file=certificate.ca_file, pool=pool
    ) as mailer:

        async def send() -> None:
            await mailer.send(message(next(numbers)))

        for number in range(1, ROUNDS + 1):
            async with asyncio.TaskGroup() as tasks:
                for _ in range(MESSAGES_EACH):
                    tasks.create_task(send())
                # Some are logged in already, some are on their way, some have not begun.
                await asyncio.sleep(0)
                house.rotate(number)
        await send()
    expected = ROUNDS * MESSAGES_EACH + 1
    assert house.arrived() == [f"Subject: {number:03}" for number in range(expected)]
    passwords = [Canary("password", f"password-{n}".encode()) for n in range(ROUNDS + 1)]
    # The server's own log is no matter of ours; it shows what it hears.
    ours = "\n".join(one.getMessage() for one in caplog.records if one.name[:8] == "postseal")
    assert not find_canaries(ours.encode(), passwords)
    outcomes = [access.outcome for access in house.accesses]
    assert outcomes.count(Outcome.FETCHED) == 1
    assert outcomes.count(Outcome.REPLACED) <= ROUNDS
    assert Outcome.REPLACED in outcomes


async def test_from_threads_that_share_a_source(
    house: House, certificate: ServerCertificate
) -> None:
    def send(number: int) -> None:
        with Mailer(house.url, password=house.source, ca_file=certificate.ca_file) as mailer:
            mailer.send(message(number))

    for rotation in range(1, ROUNDS + 1):
        house.rotate(rotation)
        await asyncio.gather(*(asyncio.to_thread(send, 10 * rotation + n) for n in range(3)))
    assert len(house.arrived()) == ROUNDS * 3


async def test_many_messages_over_connections_that_outlive_the_password(
    house: House, certificate: ServerCertificate
) -> None:
    async with AsyncMailer(
        house.url,
        password=house.source,
        ca_file=certificate.ca_file,
        pool=PoolOptions(max_connections=2, max_messages=5),
    ) as mailer:
        taken = 0
        async for sent in mailer.send_many(message(number) for number in range(30)):
            sent.result()
            taken += 1
            if taken == 10:
                house.rotate(1)
    assert taken == len(house.arrived()) == 30


async def test_a_password_that_is_simply_wrong_is_said_to_be(
    house: House, certificate: ServerCertificate
) -> None:
    house.keep("something-else")
    async with AsyncMailer(house.url, password=house.source, ca_file=certificate.ca_file) as mailer:
        with pytest.raises(AuthError) as caught:
            await mailer.send(message(1))
    assert caught.value.code == 535
    assert "something-else" not in str(caught.value)
    assert [access.outcome for access in house.accesses] == [Outcome.FETCHED, Outcome.UNCHANGED]


async def test_a_password_that_is_gone_is_said_to_be(
    house: House, certificate: ServerCertificate
) -> None:
    house.file.unlink()
    async with AsyncMailer(house.url, password=house.source, ca_file=certificate.ca_file) as mailer:
        with pytest.raises(SecretNotFound, match="there is no file"):
            await mailer.send(message(1))


async def test_from_a_sealed_file(
    house: House, certificate: ServerCertificate, tmp_path: Path
) -> None:
    key = generate_key()
    key_file = tmp_path / "key"
    key_file.touch(mode=0o600)
    key_file.write_text(key.reveal())
    store = SealedStore(tmp_path / "secrets")
    store.put("mail", Secret("password-0"), key, now=datetime.now(UTC))
    source = SecretSource(f"sealed:{store.path}?key=file:{key_file}#mail")
    pool = PoolOptions(max_messages=1)
    async with AsyncMailer(
        house.url, password=source, ca_file=certificate.ca_file, pool=pool
    ) as mailer:
        await mailer.send(message(1))
        house.taken.add("password-1")
        store.put("mail", Secret("password-1"), key, now=datetime.now(UTC))
        house.taken.discard("password-0")
        await mailer.send(message(2))
    assert house.arrived() == ["Subject: 001", "Subject: 002"]
    assert source.get().version == "2"

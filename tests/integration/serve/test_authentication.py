"""Logging in to the platform: by the best mechanism both know, whatever the credential's age."""

from __future__ import annotations

import sqlite3
from base64 import b64decode, b64encode
from contextlib import closing
from pathlib import Path

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import create_engine
from structlog.testing import capture_logs

from postseal import AsyncMailer, Message
from postseal.errors import AuthError
from postseal.secrets import Secret
from postseal.serve.credentials import hash_generated_secret
from postseal.serve.data_directory import DataDirectory, make_private_directory
from postseal.serve.storage import StorageError, Store
from postseal.serve.storage.migrate import MIGRATIONS
from postseal.smtp.sasl import ChannelEnds, ServerMechanism, ServerOffer
from tests.integration.serve.listening import auth_plain
from tests.parts.house import House, keep_house
from tests.parts.raw_client import RawClient

MESSAGE = Message(from_="ada@example.com", to="bob@example.org", subject="Hello", text="Hello")
OLD_SECRET = "0123-4567-89ab-cdef-ghjk-mnpq-rstv-wxyz"
FIRST = b64encode(b"n,,n=postseal,r=CLIENT").decode()
FIRST_OF_NOBODY = b64encode(b"n,,n=nobody,r=CLIENT").decode()


@pytest.fixture
def begun(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The mechanisms by which clients began to authenticate, in their order."""
    names: list[str] = []
    begin = ServerOffer.begin

    def noting(self: ServerOffer, name: str, channel: ChannelEnds) -> ServerMechanism | None:
        names.append(name)
        return begin(self, name, channel)

    monkeypatch.setattr(ServerOffer, "begin", noting)
    return names


async def send(house: House, listener: str = "submission", *, password: str = "") -> None:
    scheme = "smtps" if listener == "submissions" else "smtp"
    url = f"{scheme}://{house.username}@127.0.0.1:{house.port(listener)}"
    password = password or house.password
    async with AsyncMailer(url, password=password, ca_file=house.ca_file) as mailer:
        await mailer.send(MESSAGE)


async def sealed(house: House) -> RawClient:
    port = house.port("submissions")
    client = await RawClient.connect(port, ca_file=house.ca_file)
    await client.hear()
    return client


async def auth_line(house: House) -> str:
    async with await sealed(house) as client:
        lines = (await client.ask("EHLO client.test")).splitlines()
    [line] = [line[4:] for line in lines if line[4:].startswith("AUTH ")]
    return line


@pytest.mark.parametrize("listener", ["submission", "submissions"])
async def test_our_mailer_binds_its_login_to_the_channel(
    tmp_path: Path, begun: list[str], listener: str
) -> None:
    async with keep_house(tmp_path) as house:
        await send(house, listener)
        assert begun == ["SCRAM-SHA-256-PLUS"]
        with capture_logs() as logs, pytest.raises(AuthError, match="credentials"):
            await send(house, listener, password="wrong")
    # A failure of SCRAM is no reason to send the password itself.
    assert begun == ["SCRAM-SHA-256-PLUS"] * 2
    [failure] = [log for log in logs if log["event"] == "authentication failed"]
    assert (failure["client"], failure["username"], failure["mechanism"], failure["log_level"]) == (
        "127.0.0.1",
        house.username,
        "SCRAM-SHA-256-PLUS",
        "warning",
    )


async def test_which_mechanisms_there_are_is_the_operators_choice(tmp_path: Path) -> None:
    async with keep_house(tmp_path) as house:
        assert await auth_line(house) == "AUTH SCRAM-SHA-256-PLUS SCRAM-SHA-256 PLAIN"
    only_old = {"mechanisms": ["LOGIN"], "max_failures": 2}
    async with keep_house(tmp_path, authentication=only_old) as house:
        assert await auth_line(house) == "AUTH LOGIN"
        async with await sealed(house) as client:
            await client.ask("EHLO client.test")
            assert (await client.ask(auth_plain())).startswith("504 ")
            for last in (False, True):
                assert (await client.ask("AUTH LOGIN YQ==")).startswith("334 ")
                assert (await client.ask("YQ==")).startswith("535 ")
                if last:
                    assert (await client.hear()) == "421 4.7.0 too many failed authentications"


def old_database(directory: Path) -> None:
    """Make the database of a version that knew no SCRAM, with one credential in it."""
    data = DataDirectory(directory / "data")
    make_private_directory(data.database.parent)
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    engine = create_engine(f"sqlite:///{data.database}")
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0001")
    engine.dispose()
    with closing(sqlite3.connect(data.database)) as file, file:
        file.execute(
            "INSERT INTO credentials (username, secret_hash, created_at) VALUES (?, ?, 1)",
            ("app", hash_generated_secret(Secret(OLD_SECRET))),
        )
        file.execute(
            "INSERT INTO accounts (name, password_hash, created_at) VALUES ('admin', '', 1)"
        )
    (directory / "credential.txt").write_text(f"app {OLD_SECRET}")


async def test_a_credential_from_before_SCRAM_goes_on_and_is_completed(
    tmp_path: Path, begun: list[str]
) -> None:
    old_database(tmp_path)
    with capture_logs() as logs:
        async with keep_house(tmp_path) as house:
            # To offer SCRAM would be to refuse its owner, or to tell who exists.
            assert await auth_line(house) == "AUTH PLAIN"
            await send(house)
            await send(house)
        async with keep_house(tmp_path) as house:
            await send(house)
    assert begun == ["PLAIN", "PLAIN", "SCRAM-SHA-256-PLUS"]
    events = [log["event"] for log in logs if "SCRAM" in log["event"]]
    assert events == ["SCRAM-SHA-256 is not offered: a credential was made before it was known"]


async def test_where_SCRAM_alone_is_wanted_nothing_weaker_takes_its_place(tmp_path: Path) -> None:
    old_database(tmp_path)
    only_scram = {"mechanisms": ["SCRAM-SHA-256"]}
    async with keep_house(tmp_path, authentication=only_scram) as house:
        assert await auth_line(house) == "AUTH SCRAM-SHA-256-PLUS SCRAM-SHA-256"
        with pytest.raises(AuthError):
            await send(house)


async def test_a_wrong_password_completes_nothing(tmp_path: Path) -> None:
    old_database(tmp_path)
    async with keep_house(tmp_path) as house:
        with pytest.raises(AuthError):
            await send(house, password="wrong")
    async with keep_house(tmp_path) as house:
        assert await auth_line(house) == "AUTH PLAIN"


async def test_a_record_that_cannot_be_stored_does_not_hinder_the_login(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(*_: object) -> None:
        raise StorageError("database or disk is full")

    old_database(tmp_path)
    monkeypatch.setattr(Store, "add_scram_record", fail)
    with capture_logs() as logs:
        async with keep_house(tmp_path) as house, await sealed(house) as client:
            await client.ask("EHLO client.test")
            assert (await client.ask(auth_plain("app", OLD_SECRET))).startswith("235 ")
    [warning] = [log for log in logs if log["event"] == "no SCRAM record was made"]
    assert warning["username"] == "app"
    assert OLD_SECRET not in str(logs)


async def test_unknown_users_look_the_same_after_a_restart(tmp_path: Path) -> None:
    # RFC 5802 9: a salt that changed would tell that there is nobody behind it.
    challenges = []
    for _ in range(2):
        async with keep_house(tmp_path) as house, await sealed(house) as client:
            await client.ask("EHLO client.test")
            challenge = await client.ask(f"AUTH SCRAM-SHA-256 {FIRST_OF_NOBODY}")
            assert challenge.startswith("334 ")
            challenges.append(challenge)
    nonces, salts = zip(
        *(b64decode(challenge[4:]).split(b",", 1) for challenge in challenges), strict=True
    )
    assert nonces[0] != nonces[1]
    assert salts[0] == salts[1]


async def test_a_damaged_record_is_an_error_of_the_server(tmp_path: Path) -> None:
    async with keep_house(tmp_path) as house:
        pass
    database = DataDirectory(house.data_directory).database
    with closing(sqlite3.connect(database)) as connection, connection:
        connection.execute("UPDATE credentials SET scram_record = 'SCRAM-SHA-256$x'")
    async with keep_house(tmp_path) as house, await sealed(house) as client:
        await client.ask("EHLO client.test")
        for line in (auth_plain(house.username, house.password), f"AUTH SCRAM-SHA-256 {FIRST}"):
            assert await client.ask(line) == "454 4.7.0 Temporary authentication failure"

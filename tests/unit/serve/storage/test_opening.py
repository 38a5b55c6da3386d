"""Opening makes, upgrades or refuses the file, and leaves nothing half done."""

from __future__ import annotations

import asyncio
import re
import sqlite3
from pathlib import Path

import pytest
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine, text
from sqlalchemy.exc import OperationalError

from postseal.serve.storage import SchemaTooNew, StorageError, Store, database
from postseal.serve.storage.database import Database, Purpose
from postseal.serve.storage.migrate import MIGRATIONS, known_revisions
from postseal.serve.storage.schema import metadata
from tests.unit.serve.storage.samples import new_message, read_content


def definitions(path: Path) -> dict[str, list[str]]:
    """What a file defines, by name: the parts of each statement, whatever their order."""
    connection = sqlite3.connect(path)
    rows = connection.execute("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL")
    found = {name: sorted(re.split(r"[\s,()]+", sql)) for name, sql in rows}
    connection.close()
    return found


async def test_the_migrations_make_what_the_code_expects(store: Store, path: Path) -> None:
    # Word for word: constraints, defaults, foreign keys and partial indexes included.
    expected = path.with_name("expected.sqlite")
    engine = create_engine(f"sqlite:///{expected}")
    metadata.create_all(engine)
    engine.dispose()
    migrated = definitions(path)
    del migrated["alembic_version"]
    assert migrated == definitions(expected)


def test_the_names_of_the_files_are_the_revisions() -> None:
    script = ScriptDirectory(str(MIGRATIONS))
    chain = [each.revision for each in script.walk_revisions()]
    assert chain[::-1] == known_revisions()
    assert script.get_current_head() == known_revisions()[-1]


async def test_what_was_stored_is_there_after_reopening(path: Path) -> None:
    first = await Store.open(path)
    await first.accept(new_message("m"))
    await first.close()
    second = await Store.open(path)
    assert await read_content(second, "m") == b"Subject: hello\r\n\r\nhello\r\n"
    await second.close()


async def test_a_closed_store_leaves_one_file(path: Path) -> None:
    store = await Store.open(path)
    await store.accept(new_message())
    assert await store.next_due()
    await store.close()
    assert [each.name for each in path.parent.iterdir()] == [path.name]


async def test_several_may_open_an_empty_file_at_once(path: Path) -> None:
    stores = await asyncio.gather(*(Store.open(path) for _ in range(5)))
    await asyncio.gather(*(store.accept(new_message()) for store in stores))
    assert len(await stores[0].list_messages()) == 5
    for store in stores:
        await store.close()


async def test_a_schema_from_the_future_is_refused(path: Path) -> None:
    store = await Store.open(path)
    await store.close()
    connection = sqlite3.connect(path)
    connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.commit()
    before = connection.execute("SELECT sql FROM sqlite_master").fetchall()
    with pytest.raises(SchemaTooNew, match="9999"):
        await Store.open(path)
    assert connection.execute("SELECT sql FROM sqlite_master").fetchall() == before
    connection.close()


def test_what_is_no_database_is_refused_and_untouched(path: Path) -> None:
    content = b"Dear diary, " * 1000
    path.write_bytes(content)
    with pytest.raises(StorageError, match="not a database"):
        asyncio.run(Store.open(path))
    assert path.read_bytes() == content


async def test_a_missing_directory_is_named(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="must exist and be writable"):
        await Store.open(tmp_path / "missing" / "mail.sqlite")


async def test_a_foreign_database_is_refused_and_untouched(path: Path) -> None:
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE messages (id TEXT)")
    connection.commit()
    connection.close()
    with pytest.raises(StorageError, match="already exists"):
        await Store.open(path)
    # The migration is one transaction: the tables made before the clash are gone again.
    assert list(definitions(path)) == ["messages"]


async def test_a_path_may_hold_signs_that_mean_something_elsewhere(tmp_path: Path) -> None:
    odd = tmp_path / "a?b#c%20d e" / "mail;x.sqlite"
    odd.parent.mkdir()
    store = await Store.open(odd)
    await store.close()
    assert odd.is_file()


@pytest.mark.parametrize("purpose", Purpose)
async def test_every_connection_waits_for_the_disk(path: Path, purpose: Purpose) -> None:
    opened = Database(path, purpose)
    in_force = await opened.transact(
        lambda connection: {
            name: connection.scalar(text(f"PRAGMA {name}"))
            for name in ("synchronous", "journal_mode", "foreign_keys", "busy_timeout")
        }
    )
    await opened.close()
    assert in_force == {
        "synchronous": 2,
        "journal_mode": "wal",
        "foreign_keys": 1,
        "busy_timeout": 10_000,
    }


async def test_a_setting_that_does_not_take_is_an_error(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # OFF is taken for 0 and not for 7: what SQLite says is believed, not what it was told.
    monkeypatch.setattr(database, "_PRAGMAS", (("synchronous", 7),))
    with pytest.raises(StorageError, match="does not take PRAGMA synchronous"):
        await Store.open(path)


async def test_an_old_library_is_refused(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite3, "sqlite_version_info", (3, 34, 9))
    with pytest.raises(StorageError, match="too old"):
        await Store.open(path)


async def test_readers_cannot_write(store: Store, path: Path) -> None:
    readers = Database(path, Purpose.READ)
    with pytest.raises(OperationalError, match="readonly"):
        await readers.transact(lambda connection: connection.execute(text("DELETE FROM messages")))
    await readers.close()

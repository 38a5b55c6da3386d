"""Bring the tables of a database up to date: Alembic, from inside the package."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

from postseal.serve.storage.errors import SchemaTooNew

__all__ = ["upgrade_to_head"]

_MIGRATIONS: Final = Path(__file__).parent / "migrations"


def upgrade_to_head(connection: Connection) -> None:
    """Run the migrations that are missing, all within the transaction at hand.

    Raises `SchemaTooNew` when the database has a revision that is not among them.
    """
    config = Config()
    # Alembic interpolates its options, so a percent sign in the path is doubled.
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    script = ScriptDirectory.from_config(config)
    current = MigrationContext.configure(connection).get_current_revision()
    if current == script.get_current_head():
        return
    if current is not None and current not in {each.revision for each in script.walk_revisions()}:
        raise SchemaTooNew(
            f"the database has schema revision {current}, which this version does not know",
            hint="Use the version of Postseal that wrote it, or a later one.",
        )
    command.upgrade(config, "head")

"""Bring the tables of a database up to date: Alembic, from inside the package.

A migration is one file, `migrations/versions/NNNN_what_it_does.py`; the numbers are the
revisions, in order. Alembic is imported only when there is something to migrate.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from sqlalchemy import Connection, inspect, text

from postseal.serve.storage.errors import SchemaTooNew

__all__ = ["MIGRATIONS", "known_revisions", "upgrade_to_head"]

MIGRATIONS: Final = Path(__file__).parent / "migrations"


def known_revisions() -> list[str]:
    """The revisions that this version of Postseal knows, oldest first."""
    return sorted(path.name.partition("_")[0] for path in MIGRATIONS.glob("versions/[0-9]*_*.py"))


def upgrade_to_head(connection: Connection) -> None:
    """Run the migrations that are missing, all within the transaction at hand.

    Raises `SchemaTooNew` when the database has a revision that is not among them.
    """
    current = None
    if inspect(connection).has_table("alembic_version"):
        current = connection.scalar(text("SELECT version_num FROM alembic_version"))
    known = known_revisions()
    if current == known[-1]:
        return
    if current is not None and current not in known:
        raise SchemaTooNew(
            f"the database has schema revision {current}, which this version does not know",
            hint="Use the version of Postseal that wrote it, or a later one.",
        )
    from alembic import command
    from alembic.config import Config

    config = Config()
    # Alembic interpolates its options, so a percent sign in the path is doubled.
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")

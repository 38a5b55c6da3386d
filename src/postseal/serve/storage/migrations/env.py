"""What Alembic runs for a migration: the caller's connection, inside its transaction."""

from __future__ import annotations

from alembic import context

from postseal.serve.storage.schema import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    # SQLite alters a table by making it anew.
    render_as_batch=True,
)
with context.begin_transaction():
    context.run_migrations()

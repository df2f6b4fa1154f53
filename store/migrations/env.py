"""Runs the steps on a connection that is given, in its transaction. Alembic calls this file; there is no ini file."""

from __future__ import annotations

from alembic import context

from store.tables import base

CALLED = "env_py"
"""The name under which Alembic runs this file; any other import of it does nothing."""


def run() -> None:
    """Run what was asked for; who gave the connection commits."""
    given = context.config.attributes
    # Steps are written in batch mode: SQLite cannot alter a table, so that it is copied. No other table refers to it.
    context.configure(
        connection=given["connection"],
        target_metadata=base.Base.metadata,
        render_as_batch=given.get("batch", True),
    )
    with context.begin_transaction():
        context.run_migrations()


if __name__ == CALLED:
    run()

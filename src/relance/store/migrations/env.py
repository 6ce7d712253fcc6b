"""Runs the revisions inside the transaction of whoever opens the state. Alembic loads it."""

from alembic import context

context.configure(
    connection=context.config.attributes["connection"],
    version_table=context.config.attributes["version_table"],
)
context.run_migrations()

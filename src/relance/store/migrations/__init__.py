"""Changes of the state's tables, in order; Alembic runs them when an older state is opened."""

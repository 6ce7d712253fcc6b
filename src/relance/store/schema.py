"""Making the tables, and refusing a state that belongs to another relance or workspace."""

from __future__ import annotations

from sqlalchemy import Connection, insert, inspect, select, text, update

from relance.errors import StateError
from relance.logs import Action, get
from relance.store.database import Database
from relance.store.tables import META, SCHEMA_VERSION, Base

log = get("store")

# any number that no other program locks on
_CREATE_LOCK = 0x72656C616E6365


def prepare(database: Database, workspace: str, *, create: bool) -> None:
    """Make the tables where they are missing, bring older ones up to date, check whose they are.

    Safe for two processes at once. Raises StateError.
    """
    if database.path is not None:
        _make_folder(database, create=create)
    with database.read() as connection:
        known = _facts(connection)
    if known is None and not create:
        raise _missing(database)
    if known is None or _check(database, known, workspace) < SCHEMA_VERSION:
        with database.write() as connection:
            known = _bring_up(database, connection, workspace)
        _check(database, known, workspace)


def _make_folder(database: Database, *, create: bool) -> None:
    path = database.path
    if path is None or path.exists():
        return
    if not create:
        raise _missing(database)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StateError(
            f"the folder of the state {database.shown} cannot be made: {error.strerror}",
            hint="check the path and its permissions",
        ) from error


def _facts(connection: Connection) -> dict[str, str] | None:
    if not inspect(connection).has_table(META.name):
        return None
    return {row.key: row.value for row in connection.execute(select(META))} or None


def _bring_up(database: Database, connection: Connection, workspace: str) -> dict[str, str]:
    """Make the tables, or those of an older relance into ours with all that is in them."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _CREATE_LOCK})
    known = _facts(connection)
    version = 0 if known is None else _check(database, known, workspace)
    if known is not None and version == SCHEMA_VERSION:  # another process was faster
        return known
    if known is None:
        _refuse_what_is_not_ours(database, connection)
    from relance.store.migrate import upgrade  # Alembic takes a while to import

    upgrade(connection, version)
    facts = {"schema_version": str(SCHEMA_VERSION), "workspace": workspace}
    if known is None:
        connection.execute(insert(META), [{"key": k, "value": v} for k, v in facts.items()])
    else:
        of_version = update(META).where(META.c.key == "schema_version")
        connection.execute(of_version.values(value=facts["schema_version"]))
        _tell(version)
    return facts


def _tell(version: int) -> None:
    log.info(
        "The state was made by an older relance, and has been brought up to date",
        action=Action.STATE_MIGRATED,
        before=version,
        now=SCHEMA_VERSION,
    )


def _refuse_what_is_not_ours(database: Database, connection: Connection) -> None:
    """Tables of our names that another program made, or that lost their `meta`."""
    there = sorted(Base.metadata.tables.keys() & set(inspect(connection).get_table_names()))
    if there:
        raise StateError(
            f"the state {database.shown} cannot be used: it holds a table {there[0]!r}"
            " that is not relance's, or is damaged",
            hint="name another database in `state:`",
        )


def _check(database: Database, known: dict[str, str], workspace: str) -> int:
    """The version of a state's tables. Raises StateError where it is not ours to use."""
    if not known.get("schema_version", "").isdecimal() or "workspace" not in known:
        raise StateError(
            f"the state {database.shown} cannot be used: it does not say which relance made it",
            hint="restore it from a backup, or name another database in `state:`",
        )
    version = int(known["schema_version"])
    if version > SCHEMA_VERSION:
        raise StateError(
            f"the state {database.shown} was made by a newer relance"
            f" (schema {version}, this one knows {SCHEMA_VERSION})",
            hint="upgrade relance, or name another state database",
        )
    owner = known["workspace"]
    if owner != workspace:
        raise StateError(
            f"the state {database.shown} belongs to the workspace {owner!r}, not {workspace!r}",
            hint="give each workspace its own `state:`, or keep the name it was made under",
        )
    return version


def _missing(database: Database) -> StateError:
    return StateError(
        f"there is no state at {database.shown} yet", hint="`relance tick` makes the first one"
    )

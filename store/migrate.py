"""Brings the database to the schema of this tickwire, under a lock, and stamps its kind.

In: ``sql/0001_*.sql`` and onward. Each file runs in one transaction, once; its name and its sha256
are kept in ``schema_version``. The lock is the session's, so it dies with the process. A database
that a newer tickwire has migrated, or whose migrations are not these, is refused before anything is
written; so is one of the other kind, because simulated trades must never stand beside live ones.
Afterwards the table ``asset`` is made to follow the code.
"""

import hashlib
from pathlib import Path

import psycopg

from bus.errors import SchemaNewer, WrongDatabaseKind
from store import assets
from store.pool import Connection

SQL_DIR = Path(__file__).parent / "sql"
LOCK = 0x7469636B77697265
"""The number of the advisory lock: ``tickwire`` in ASCII."""

_BOOTSTRAP = """
CREATE TABLE IF NOT EXISTS schema_version (
    name text PRIMARY KEY,
    sha256 text NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT now()
);
CREATE TABLE IF NOT EXISTS instance (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    kind text NOT NULL CHECK (kind IN ('simulated', 'live')),
    created timestamptz NOT NULL DEFAULT now()
);
"""
_APPLIED = "SELECT name, sha256 FROM schema_version ORDER BY name"
_KIND = "SELECT kind FROM instance"


def migrate(connection: Connection, simulated: bool) -> None:
    """Apply what is missing; wait while another process does. ``connection`` is in autocommit mode.

    Raises:
        SchemaNewer: the database has a migration that this tickwire does not know, or knows
            differently.
        WrongDatabaseKind: it is stamped as the other kind.
        psycopg.Error: see ``pool.is_waitable``; what is done by then is done whole.
    """
    connection.execute("SELECT pg_advisory_lock(%s)", [LOCK])
    try:
        with connection.transaction():
            connection.execute(_BOOTSTRAP)
            connection.execute(
                "INSERT INTO instance (kind) VALUES (%s) ON CONFLICT DO NOTHING",
                [_kind(simulated)],
            )
            _refuse_other_kind(connection.execute(_KIND).fetchall(), simulated)
            missing = _missing(connection.execute(_APPLIED).fetchall())
        for name, text in missing:
            with connection.transaction():
                connection.execute("SET LOCAL statement_timeout = 0")
                connection.execute(text)
                connection.execute(
                    "INSERT INTO schema_version (name, sha256) VALUES (%s, %s)",
                    [name, _digest(text)],
                )
        assets.fill(connection)
    finally:
        if not connection.closed:
            connection.execute("SELECT pg_advisory_unlock(%s)", [LOCK])


def is_current(connection: Connection, simulated: bool | None = None) -> bool:
    """True when every migration is applied.

    For a process that reads and waits for the one that migrates. With ``simulated`` given the
    stamp is looked at too.

    Raises:
        SchemaNewer: as ``migrate``.
        WrongDatabaseKind: as ``migrate``.
    """
    try:
        with connection.transaction():
            applied = connection.execute(_APPLIED).fetchall()
            kinds = connection.execute(_KIND).fetchall()
    except psycopg.errors.UndefinedTable:
        return False
    if simulated is not None:
        _refuse_other_kind(kinds, simulated)
    return not _missing(applied)


def _missing(applied: list[tuple[str, str]]) -> list[tuple[str, bytes]]:
    """Return name and text of the migrations to apply, in order; refuse what is not ours."""
    known = {path.name: path.read_bytes() for path in sorted(SQL_DIR.glob("[0-9]*.sql"))}
    for name, digest in applied:
        if name not in known:
            raise SchemaNewer(
                f"the database has the migration {name}, which this tickwire does not know; "
                "start a tickwire that is as new as the database"
            )
        if _digest(known[name]) != digest:
            raise SchemaNewer(
                f"the migration {name} is not the one that made the database; "
                "start the tickwire that made it"
            )
    done = {name for name, _ in applied}
    return [(name, text) for name, text in known.items() if name not in done]


def _refuse_other_kind(kinds: list[tuple[str]], simulated: bool) -> None:
    for (found,) in kinds:
        if found != _kind(simulated):
            raise WrongDatabaseKind(
                f"the database holds {found} trades and this tickwire's are {_kind(simulated)}; "
                "give it a DATABASE_URL or DATA_DIR of its own"
            )


def _kind(simulated: bool) -> str:
    return "simulated" if simulated else "live"


def _digest(text: bytes) -> str:
    return hashlib.sha256(text).hexdigest()

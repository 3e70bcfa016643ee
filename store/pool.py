"""Connections to Postgres, single or pooled, and what their errors mean.

Every connection has limits: to connect, to wait for a lock, for one statement, for an idle
transaction, and for a peer that has silently gone. ``is_waitable`` and ``is_refusal`` are the one
place that tells a database that is away, a row that cannot be stored and a mistake of ours apart.
"""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from psycopg.conninfo import conninfo_to_dict
from psycopg_pool import AsyncConnectionPool

from bus.errors import SettingError

Connection = psycopg.Connection[tuple[Any, ...]]
AsyncConnection = psycopg.AsyncConnection[tuple[Any, ...]]
Pool = AsyncConnectionPool[AsyncConnection]

CONNECT_TIMEOUT_S = 5
ACQUIRE_TIMEOUT_S = 2.0
"""How long a request waits for a connection of the pool."""

# A peer that has silently gone is noticed after 14 s: before the watchdog takes who waits for it
# for hung.
_TCP = {
    "connect_timeout": CONNECT_TIMEOUT_S,
    "keepalives": 1,
    "keepalives_idle": 5,
    "keepalives_interval": 3,
    "keepalives_count": 3,
    "tcp_user_timeout": 14_000,  # ms
}

# Set by a statement, not in the start-up packet, which poolers such as PgBouncer would refuse. A
# server that does not wait for its disk would lose what was acknowledged.
_SESSION = """
SELECT set_config('statement_timeout', '15s', false),
       set_config('lock_timeout', '5s', false),
       set_config('idle_in_transaction_session_timeout', '60s', false),
       set_config('timezone', 'UTC', false),
       set_config('synchronous_commit',
                  CASE current_setting('synchronous_commit')
                       WHEN 'off' THEN 'on' ELSE current_setting('synchronous_commit') END,
                  false)
"""

_WAITABLE = {
    "25006",  # read-only: a standby, before or after a fail-over
    "25P03",  # our transaction was idle for too long
    "25P04",  # our transaction took too long
    "42501",  # a right was taken away
    "55006",  # in use by somebody
    "55P03",  # a lock was not to be had in time
}
_WAITABLE_CLASSES = {
    "08",  # connection
    "40",  # rolled back: serialization, deadlock
    "53",  # disk full, out of memory, out of connections
    "57",  # shut down, starting up, crashed, dropped, cancelled, not done in time
    "58",  # input/output error, a file of the server is missing
    "XX",  # the server has found itself or its data broken
}
_REFUSAL_CLASSES = {
    "21",  # two rows of one key in one statement
    "22",  # a value that its column cannot hold
    "23",  # a constraint
    "54",  # too large, as a name of thousands of characters in an index
}


def connect(dsn: str, *, program: str) -> Connection:
    """Return a connection in autocommit mode; the caller opens transactions where it needs them.

    Raises:
        psycopg.OperationalError: there is no reaching the server within ``CONNECT_TIMEOUT_S``.
    """
    connection: Connection = psycopg.connect(dsn, **_arguments(dsn, program))
    try:
        connection.execute(_SESSION)
    except psycopg.Error:
        connection.close()
        raise
    return connection


async def open_pool(dsn: str, size: int, *, program: str = "web") -> Pool:
    """Return an open pool of at most ``size`` connections, none of which is made before its use.

    So it opens while the database is down. ``pool.connection()`` then raises
    ``psycopg_pool.PoolTimeout`` after ``ACQUIRE_TIMEOUT_S``, and works again as soon as the
    database does. The caller closes the pool.
    """
    # The pool writes a line for each attempt; who waits for a connection says so himself.
    logging.getLogger("psycopg.pool").setLevel(logging.ERROR)
    pool = AsyncConnectionPool(
        dsn,
        connection_class=AsyncConnection,
        kwargs=_arguments(dsn, program),
        min_size=0,
        max_size=size,
        open=False,
        configure=_configure,
        check=AsyncConnectionPool.check_connection,
        timeout=ACQUIRE_TIMEOUT_S,
        max_waiting=size * 50,
        reconnect_timeout=ACQUIRE_TIMEOUT_S,
        name=program,
    )
    await pool.open(wait=False)
    return pool


async def _configure(connection: AsyncConnection) -> None:
    await connection.execute(_SESSION)


def _arguments(dsn: str, program: str) -> dict[str, Any]:
    try:
        found = conninfo_to_dict(dsn)
    except psycopg.ProgrammingError:  # its text may quote the password
        raise SettingError(
            "DATABASE_URL",
            "an address that cannot be read",
            "give postgresql://user:password@host:port/name",
        ) from None
    arguments: dict[str, Any] = {key: value for key, value in _TCP.items() if key not in found}
    if "," in str(found.get("host", "")):
        # After a fail-over the first address may be a standby.
        arguments.setdefault(
            "target_session_attrs", found.get("target_session_attrs") or "read-write"
        )
    return {
        **arguments,
        "autocommit": True,
        "prepare_threshold": 5,
        "application_name": f"tickwire-{program}",
    }


@contextmanager
def snapshot(connection: Connection) -> Iterator[None]:
    """Let everything that is read inside be of one moment."""
    with connection.transaction():
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        yield


def is_waitable(error: BaseException) -> bool:
    """True when the same again may work later without anybody mending tickwire.

    The database is down, starting, full, broken, read-only or out of connections, or the connection
    broke: close it, wait, connect again and read the cursor anew, for a COMMIT may have succeeded.
    """
    if not isinstance(error, psycopg.Error):
        return False
    if error.sqlstate is None:
        # libpq gives no code for a failure to connect or a lost connection.
        return isinstance(error, psycopg.OperationalError)
    return error.sqlstate in _WAITABLE or error.sqlstate[:2] in _WAITABLE_CLASSES


def is_refusal(error: BaseException) -> bool:
    """True when it is a row's own fault: it can never be stored, while another one can.

    Neither this nor ``is_waitable`` is a mistake of ours or of the schema: crash. What cannot even
    be written down for the database, such as half a surrogate pair, is refused by Python itself.
    """
    if isinstance(error, psycopg.Error):
        if error.sqlstate is None:
            return isinstance(error, psycopg.DataError)
        return error.sqlstate[:2] in _REFUSAL_CLASSES
    return isinstance(error, ArithmeticError | ValueError)

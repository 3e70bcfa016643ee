"""Program ``persister``: wires the PULL socket, the journals and Postgres together.

It is the one process that migrates the database.
"""

from functools import partial

import zmq

from bus import actor, sockets
from bus.process import Process, data_folder, run, run_folder
from bus.settings import Settings
from bus.wiring import BATCHES, OUT, WANTED
from market import decimals
from procs.persister.persister import Persister
from procs.persister.pruning import Limits, Pruning
from store import migrate, pool


def open_database(dsn: str, program: str, *, simulated: bool) -> pool.Connection:
    """Return a connection to the database, which has been brought to this tickwire's schema.

    Raises:
        psycopg.Error: it cannot be reached or migrated.
        SchemaNewer: see ``migrate``.
        WrongDatabaseKind: see ``migrate``.
    """
    connection = pool.connect(dsn, program=program)
    try:
        migrate.migrate(connection, simulated=simulated)
    except BaseException:
        connection.close()
        raise
    return connection


def limits(settings: Settings) -> Limits:
    """Return what is kept: no trade less long than the journal keeps it."""
    trades_s = max(settings.trade_retention_days * 86_400, settings.journal_keep_s)
    return Limits(trades_s, settings.quarantine_rows, settings.quarantine_days)


def main(process: Process) -> int:
    """Run the persister."""
    decimals.install()
    settings = process.settings
    prune_on = partial(pool.connect, settings.dsn, program="pruning")
    context: zmq.Context[sockets.Socket] = zmq.Context()
    run_dir = run_folder(settings)
    persister = Persister(
        data_folder(settings, "journal"),
        partial(open_database, settings.dsn, process.program, simulated=settings.simulated),
        process.health,
        process.log,
        partial(Pruning, prune_on, limits(settings)),
    )
    inputs: dict[str, sockets.Socket | sockets.Subscriber] = {
        "batches": sockets.bind(context, BATCHES, run_dir, process.program),
        "heartbeats": sockets.Subscriber(context, run_dir, ["feed-*"], [b"heartbeat."]),
        "status": sockets.Subscriber(context, run_dir, ["feed-*"], [b"status."]),
    }
    outputs = {
        "out": sockets.bind(context, OUT, run_dir, process.program),
        "backfiller": sockets.connect(context, WANTED, run_dir, "backfiller"),
    }
    return actor.run(process, persister, inputs, outputs)


if __name__ == "__main__":
    run("persister", main)

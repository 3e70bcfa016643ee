"""Program ``persister``: wires the PULL socket, the journals and Postgres together.

It is the one process that migrates the database.
"""

import zmq

from bus import actor, sockets
from bus.process import Process, data_folder, run, run_folder
from bus.wiring import BATCHES, OUT
from market import decimals
from procs.persister.persister import Persister
from store import migrate, pool


def main(process: Process) -> int:
    """Run the persister."""
    decimals.install()
    settings = process.settings
    context: zmq.Context[sockets.Socket] = zmq.Context()
    run_dir = run_folder(settings)

    def open_database() -> pool.Connection:
        connection = pool.connect(settings.dsn, program=process.program)
        migrate.migrate(connection, simulated=settings.simulated)
        return connection

    persister = Persister(
        data_folder(settings, "journal"), open_database, process.health, process.log
    )
    inputs: dict[str, sockets.Socket | sockets.Subscriber] = {
        "batches": sockets.bind(context, BATCHES, run_dir, process.program),
        "heartbeats": sockets.Subscriber(context, run_dir, ["feed-*"], [b"heartbeat."]),
    }
    outputs = {"out": sockets.bind(context, OUT, run_dir, process.program)}
    return actor.run(process, persister, inputs, outputs)


if __name__ == "__main__":
    run("persister", main)

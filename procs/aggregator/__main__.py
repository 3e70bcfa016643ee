"""Program ``aggregator``: wires the feeds' batches, the journals and the XPUB stream together."""

from functools import partial

import zmq

from bus import actor, sockets
from bus.process import Process, data_folder, run, run_folder
from bus.wiring import STREAM
from market import decimals
from procs.aggregator.aggregator import Aggregator
from procs.aggregator.reading import Reading
from procs.aggregator.snapshot import Loading


def main(process: Process) -> int:
    """Run the aggregator."""
    decimals.install()
    settings = process.settings
    context: zmq.Context[sockets.Socket] = zmq.Context()
    run_dir = run_folder(settings)

    def load() -> Loading:
        return Loading(settings.dsn, process.program, simulated=settings.simulated)

    ask = partial(Reading, settings.dsn, process.program)
    journal_dir = data_folder(settings, "journal")
    aggregator = Aggregator(journal_dir, load, ask, process.health, process.log)
    out = sockets.bind(context, STREAM, run_dir, process.program)
    inputs: dict[str, sockets.Socket | sockets.Subscriber] = {
        "out": out,
        "batches": sockets.Subscriber(context, run_dir, ["feed-*"], [b"batch."]),
        "status": sockets.Subscriber(context, run_dir, ["feed-*"], [b"status."]),
        "heartbeats": sockets.Subscriber(context, run_dir, ["feed-*"], [b"heartbeat."]),
        "corrected": sockets.Subscriber(
            context, run_dir, ["persister"], [b"corrected.", b"history."]
        ),
    }
    return actor.run(process, aggregator, inputs, {"out": out})


if __name__ == "__main__":
    run("aggregator", main)

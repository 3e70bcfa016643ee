"""Program ``backfiller``: wires the feeds' wishes, the exchanges' REST interfaces and the feeds."""

import zmq

from bus import actor, sockets
from bus.process import Process, data_folder, run, run_folder
from bus.wiring import BATCHES, OUT, RECOVERED, WANTED
from market import decimals
from procs.backfiller.asking import Asking
from procs.backfiller.backfiller import Backfiller
from procs.backfiller.ban import BanFile
from procs.feed import exchanges
from procs.feed.exchanges import Paged


def main(process: Process) -> int:
    """Run the backfiller."""
    decimals.install()
    settings = process.settings
    context: zmq.Context[sockets.Socket] = zmq.Context()
    run_dir = run_folder(settings)
    outputs = {
        "out": sockets.bind(context, OUT, run_dir, process.program),
        "persister": sockets.connect(context, BATCHES, run_dir, "persister"),
    }
    bans = data_folder(settings, "bans")
    askings = {}
    known = exchanges.names()
    for name, symbols in settings.feeds.items():
        options = settings.options(name)
        exchange = exchanges.make(name, symbols, options) if name in known else None
        if isinstance(exchange, Paged):
            rest_url = settings.address(name, "REST") or exchange.rest_url
            ban = BanFile(bans / f"{name}.json", process.log)
            askings[name] = Asking(exchange, rest_url, process.health, process.log, ban)
            outputs[f"feed-{name}"] = sockets.connect(context, RECOVERED, run_dir, f"feed-{name}")
    wanted = sockets.bind(context, WANTED, run_dir, process.program)
    backfiller = Backfiller(askings, process.health)
    return actor.run(process, backfiller, {"wanted": wanted}, outputs)


if __name__ == "__main__":
    run("backfiller", main)

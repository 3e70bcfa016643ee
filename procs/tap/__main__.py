"""Program ``tap``: wires the bus to the public XPUB at TAP_ENDPOINT."""

import zmq

from bus import actor, sockets
from bus.process import Process, run, run_folder
from bus.wiring import OUT, TAP
from market import decimals
from procs.tap.tap import Tap


def main(process: Process) -> int:
    """Run the tap."""
    decimals.install()
    settings = process.settings
    context: zmq.Context[sockets.Socket] = zmq.Context()
    run_dir = run_folder(settings)
    tap = sockets.bind_tcp(context, TAP, settings.tap_endpoint, "TAP_ENDPOINT")
    inputs: dict[str, sockets.Socket | sockets.Subscriber] = {
        "tap": tap,
        "feeds": sockets.Subscriber(context, run_dir, ["feed-*"], [b"batch.", b"status."]),
        "stream": sockets.Subscriber(
            context, run_dir, ["aggregator"], [b"ticker.", b"candle.", b"average."]
        ),
    }
    outputs = {"tap": tap, "out": sockets.bind(context, OUT, run_dir, process.program)}
    return actor.run(process, Tap(process.health), inputs, outputs)


if __name__ == "__main__":
    run("tap", main)

"""Program ``tap``: wires the bus to the public XPUB at TAP_ENDPOINT.

On loopback anybody on this machine may subscribe. On any other address the tap demands CURVE and a
key that TAP_KEYS_DIR authorises.
"""

import zmq

from bus import actor, sockets, tap_keys, values
from bus.process import Process, run, run_folder
from bus.wiring import OUT, TAP
from market import decimals
from procs.tap.door import Door
from procs.tap.doorkeeper import Doorkeeper
from procs.tap.tap import Tap


def main(process: Process) -> int:
    """Run the tap."""
    decimals.install()
    settings = process.settings
    context: zmq.Context[sockets.Socket] = zmq.Context()
    run_dir = run_folder(settings)
    tap = Tap(process.health)
    port = int(settings.tap_endpoint.rpartition(":")[2])
    doors: list[Door | Doorkeeper] = [Door(context, process, port, tap.on_subscription)]
    if not values.is_loopback(settings.tap_endpoint):
        folder = settings.tap_keys_dir
        own, clients = tap_keys.server_pair(folder), tap_keys.ClientKeys(folder)
        doors.append(Doorkeeper(context, process, own, clients))
        process.log.info("tap.demands_keys", endpoint=settings.tap_endpoint, folder=folder)
    tap.doors.extend(doors)

    def prepare(made: sockets.Socket) -> None:
        for door in doors:
            door.prepare(made)

    public = sockets.bind_tcp(context, TAP, settings.tap_endpoint, "TAP_ENDPOINT", prepare)
    inputs: dict[str, sockets.Socket | sockets.Subscriber] = {
        "feeds": sockets.Subscriber(context, run_dir, ["feed-*"], [b"batch.", b"status."]),
        "stream": sockets.Subscriber(
            context,
            run_dir,
            ["aggregator"],
            [b"ticker.", b"candle.", b"average.", b"consolidated."],
        ),
    }
    outputs = {"tap": public, "out": sockets.bind(context, OUT, run_dir, process.program)}
    code = actor.run(process, tap, inputs, outputs)
    for door in doors:
        door.close()
    return code


if __name__ == "__main__":
    run("tap", main)

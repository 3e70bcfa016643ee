"""The listening socket and uvicorn in this process, on loopback only.

Signals are the loop's (``bus.aloop``), not uvicorn's. Access logs are off: one line per request
is too many.
"""

import asyncio
import contextlib
import socket
from collections.abc import Iterator, Sequence

import uvicorn
from starlette.applications import Starlette

from bus.errors import SettingError
from procs.simulator.connection import Source
from procs.simulator.wire import Wire

MESSAGE_BYTES_MAX = 64 << 10
PING_EVERY_S, PONG_WITHIN_S = 20.0, 60.0
DRAIN_S = 2


def listen(port: int) -> socket.socket:
    """Return a socket that listens on 127.0.0.1; port 0 is any free one.

    Raises:
        SettingError: the port is in use.
    """
    made = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        made.bind(("127.0.0.1", port))
    except OSError as error:
        made.close()
        raise SettingError(
            "SIMULATOR_PORT", f"{port} cannot be used ({error.strerror})", "give a free port"
        ) from None
    made.listen(2048)
    return made


class _Server(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals alone."""
        yield


async def serve(
    app: Starlette, sources: Sequence[Source], listener: socket.socket, stopping: asyncio.Event
) -> None:
    """Serve and send until ``stopping`` is set, then close all connections.

    Whatever ends one of the parts before that is raised.
    """
    server = _Server(
        uvicorn.Config(
            app,
            ws=Wire,
            lifespan="off",
            access_log=False,
            log_config=None,
            log_level="warning",
            ws_max_size=MESSAGE_BYTES_MAX,
            ws_per_message_deflate=False,
            ws_ping_interval=PING_EVERY_S,
            ws_ping_timeout=PONG_WITHIN_S,
            timeout_graceful_shutdown=DRAIN_S,
            server_header=False,
        )
    )
    serving = asyncio.ensure_future(server.serve(sockets=[listener]))
    sending = [asyncio.ensure_future(source.run()) for source in sources]
    stop = asyncio.ensure_future(stopping.wait())
    await asyncio.wait([serving, stop, *sending], return_when="FIRST_COMPLETED")
    server.should_exit = True
    failed = [task.exception() for task in sending if task.done()]
    for task in (stop, *sending):
        task.cancel()
    await serving
    await asyncio.gather(*sending, stop, return_exceptions=True)
    for error in filter(None, failed):
        raise error

"""uvicorn inside a process of ours: the listening socket, its limits, and a stop that exits 0.

In comes an application and a socket; out go its answers until the event is set. It handles no
signal (the loop does) and writes no line per request.
"""

import asyncio
import contextlib
import errno
import socket
import stat
from collections.abc import Generator
from os import fstat

import uvicorn
from starlette.types import ASGIApp

from bus.errors import SettingError
from bus.settings import Settings
from web.limits import Limits
from web.protocol import limited

BACKLOG = 2048


def listener(settings: Settings) -> socket.socket:
    """Return the listening socket: that of file descriptor 0 if it is one, else one of our own.

    Raises:
        SettingError: HOST and PORT cannot be bound.
    """
    made = _inherited() or _bound(settings.host, settings.port)
    made.setblocking(False)
    # Accepted sockets inherit it: without it each small answer waits for the one before.
    made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return made


def _inherited() -> socket.socket | None:
    try:
        if not stat.S_ISSOCK(fstat(0).st_mode):
            return None
        found = socket.socket(fileno=0)
    except OSError:
        return None
    if found.family in (socket.AF_INET, socket.AF_INET6) and found.getsockopt(
        socket.SOL_SOCKET, socket.SO_ACCEPTCONN
    ):
        return found
    found.detach()
    return None


def _bound(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    made = socket.socket(family, socket.SOCK_STREAM)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        made.bind((host, port))
        made.listen(BACKLOG)
    except (OSError, UnicodeError) as error:
        made.close()
        in_use = getattr(error, "errno", None) == errno.EADDRINUSE
        key, value = ("PORT", str(port)) if in_use else ("HOST", host)
        raise SettingError(
            key, f"{value} cannot be listened on ({error})", "give a free one"
        ) from None
    return made


class _Server(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        """Leave signals to the loop."""
        yield


async def serve(
    app: ASGIApp, listening: socket.socket, limits: Limits, stopping: asyncio.Event
) -> None:
    """Serve ``app`` on a listening socket until the event is set and all is closed."""
    http, live = limited(limits)
    config = uvicorn.Config(
        app,
        http=http,
        ws=live,
        lifespan="off",
        log_config=None,
        log_level="warning",
        access_log=False,
        server_header=False,
        proxy_headers=False,
        backlog=BACKLOG,
        ws_max_size=limits.frame_bytes,
        ws_per_message_deflate=False,
        ws_ping_interval=limits.ping_every_s,
        ws_ping_timeout=limits.pong_within_s,
        timeout_graceful_shutdown=max(1, int(limits.drain_s)),
    )
    server = _Server(config)
    serving = asyncio.ensure_future(server.serve(sockets=[listening]))
    stop = asyncio.ensure_future(stopping.wait())
    try:
        await asyncio.wait([serving, stop], return_when="FIRST_COMPLETED")
        server.should_exit = True
        await serving
    finally:
        stop.cancel()

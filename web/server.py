"""uvicorn inside a process of ours: the listening socket, its limits, and a stop that exits 0.

In comes an application and a socket; out go its answers until the event is set. Then nothing more
is accepted, which is for the other web processes to do; what is asked is answered, and the clients
of live connections are sent away in batches. It handles no signal (the loop does) and writes no
line per request.
"""

import asyncio
import contextlib
import errno
import resource
import socket
import stat
from collections.abc import Generator
from math import ceil
from os import fstat
from typing import cast

import uvicorn
from starlette.types import ASGIApp

from bus.errors import SettingError
from bus.heartbeat import Health
from bus.settings import Settings
from web import http_connection, protocol
from web.accepting import Acceptor
from web.admission import Admission, spread_ms
from web.http_connection import HttpConnection
from web.limits import Limits
from web.occupancy import Occupancy

BACKLOG = 2048
FILES_KEPT = 256
"""Files that are not for connections: the bus, the database, pages; refusals."""
STEP_S = 0.05
"""Between two batches of clients that are sent away."""
BATCH_MIN = 25
LAST_REQUEST_S = 0.5
"""What a client has to send a request on a connection that is open when the stop comes."""


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
    """uvicorn's server behind our own acceptor.

    Args:
        config: of uvicorn.
        listening: the socket to accept from.
        limits: of connections.
        admission: who has a live connection.
        occupancy: what all web processes hold.
        health: where it is counted.
    """

    def __init__(
        self,
        config: uvicorn.Config,
        listening: socket.socket,
        limits: Limits,
        admission: Admission,
        occupancy: Occupancy,
        health: Health,
    ) -> None:
        super().__init__(config)
        self._limits = limits
        self._admission = admission
        self._acceptor = Acceptor(
            listening,
            self._protocol,
            lambda: len(self.server_state.connections),
            room_of(limits),
            occupancy,
            admission.send_on,
            health.counters,
        )

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        """Leave signals to the loop."""
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to accept."""
        await super().startup(sockets)
        self._acceptor.open()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Let others accept, answer what is asked, and send the clients away, not all at once."""
        self._acceptor.close()
        for connection in list(self.server_state.connections):
            if isinstance(connection, HttpConnection):
                connection.serve_last()
        await self._send_away()
        for _ in range(round(LAST_REQUEST_S / STEP_S)):
            if not self._anybody_idle():
                break
            await asyncio.sleep(STEP_S)
        await super().shutdown(sockets)

    def _protocol(self) -> asyncio.Protocol:
        kind = cast(type[HttpConnection], self.config.http_protocol_class)
        return kind(
            config=self.config,
            server_state=self.server_state,
            app_state=self.lifespan.state,
        )

    def _anybody_idle(self) -> bool:
        """True while there is a connection on which a request may be on its way."""
        return any(
            isinstance(connection, HttpConnection) and connection.idle
            for connection in self.server_state.connections
        )

    async def _send_away(self) -> None:
        places = self._admission.places()
        spread = spread_ms(len(places))
        steps = max(1, round(self._limits.send_away_s / STEP_S))
        batch = max(BATCH_MIN, ceil(len(places) / steps))
        for begin in range(0, len(places), batch):
            if begin:
                await asyncio.sleep(STEP_S)
            for place in places[begin : begin + batch]:
                place.send_away(spread)


def room_of(limits: Limits) -> int:
    """Return how many connections this process may hold."""
    if limits.connections:
        return limits.connections
    files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if files == resource.RLIM_INFINITY:
        files = 1 << 20
    return max(files - FILES_KEPT, files // 2)


async def serve(
    app: ASGIApp,
    listening: socket.socket,
    limits: Limits,
    stopping: asyncio.Event,
    *,
    admission: Admission,
    occupancy: Occupancy,
    health: Health,
) -> None:
    """Serve ``app`` on a listening socket until the event is set and all is closed."""
    config = uvicorn.Config(
        app,
        http=http_connection.limited(limits, room_of(limits), health.counters),
        ws=protocol.limited(limits),
        lifespan="off",
        log_config=None,
        log_level="warning",
        access_log=False,
        server_header=False,
        proxy_headers=False,
        ws_max_size=limits.frame_bytes,
        ws_per_message_deflate=limits.compressed,
        ws_ping_interval=limits.ping_every_s,
        ws_ping_timeout=limits.pong_within_s,
        timeout_graceful_shutdown=max(1, int(limits.drain_s)),
    )
    server = _Server(config, listening, limits, admission, occupancy, health)
    serving = asyncio.ensure_future(server.serve(sockets=[]))
    stop = asyncio.ensure_future(stopping.wait())
    try:
        await asyncio.wait([serving, stop], return_when="FIRST_COMPLETED")
        server.should_exit = True
        await serving
    finally:
        stop.cancel()
        listening.close()

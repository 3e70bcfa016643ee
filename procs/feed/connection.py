"""The connection to one exchange: opens it, reads it, replaces it. Never gives up.

Exactly one live socket, or two during a hand-over: before the exchange cuts a connection (after its
lifetime, or when it says so) a second one is opened, and the first is closed when the second has
brought data. Duplicates of the overlap are dropped by id, further in. Connecting (DNS has no
time-out) happens in a helper thread; everything else in the feed's loop, without ever waiting.

``circuit`` labels the state of this machine, it is no second one: *open* while waiting to try
again, *half-open* while a connection has not yet brought data, *closed* once it has.
"""

import random
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Sequence
from typing import Literal

import websocket

from bus.actor import Instant, Send
from bus.errors import BadFrame
from bus.log import Log
from market.backoff import Backoff
from procs.feed.exchanges import Exchange
from procs.feed.frames import Frames, TooLong
from procs.feed.watch import Silence

CONNECT_TIMEOUT_S = 10.0
CLOCK_TIMEOUT_S = 5.0
RECV_BYTES = 256 << 10
LIFETIME_MARGIN_S = 600.0
"""The hand-over begins so long before the exchange's own cut."""
USER_AGENT = "tickwire"

State = Literal["connecting", "connected", "reconnecting"]
OnMessage = Callable[[bytes, Instant], bool]
"""Takes a message; returns whether it was data, which shows that the connection is good."""


class Attempt:
    """One attempt to connect, in a thread of its own. ``done`` is set last."""

    def __init__(self, exchange: Exchange, websocket_url: str, rest_url: str) -> None:
        self.socket: websocket.WebSocket | None = None
        self.clock_us: int | None = None
        self.clock_error: str | None = None
        self.error: str | None = None
        self.status: int | None = None
        self.retry_after_s = 0.0
        self.done = threading.Event()
        self._exchange = exchange
        self._websocket_url = websocket_url
        self._rest_url = rest_url
        self._abandoned = False
        self._lock = threading.Lock()
        threading.Thread(target=self._run, name="connect", daemon=True).start()

    def abandon(self) -> None:
        """Close what the attempt brings, now or when it comes."""
        with self._lock:
            self._abandoned = True
            if self.socket is not None:
                self.socket.shutdown()

    def _run(self) -> None:
        try:
            self._read_clock()
            made = websocket.create_connection(
                self._exchange.connect_url(self._websocket_url),
                timeout=CONNECT_TIMEOUT_S,
                sockopt=((6, 1, 1),),  # TCP_NODELAY
                skip_utf8_validation=True,
                enable_multithread=False,
                redirect_limit=0,
                suppress_origin=True,
                header=[f"User-Agent: {USER_AGENT}"],
            )
            for text in self._exchange.subscribe():
                made.send(text)
            assert made.sock is not None
            made.sock.setblocking(False)
            with self._lock:
                self.socket = made
                if self._abandoned:
                    made.shutdown()
        except websocket.WebSocketBadStatusException as error:
            self.status = error.status_code
            self.error = f"the exchange answered HTTP {error.status_code}"
            after = (error.resp_headers or {}).get("retry-after", "")
            self.retry_after_s = float(after) if str(after).isdigit() else 0.0
        except (OSError, websocket.WebSocketException, ValueError) as error:
            self.error = f"{type(error).__name__}: {error}"[:200]
        finally:
            self.done.set()

    def _read_clock(self) -> None:
        """Ask for the exchange's time. Without an answer our own clock has to do."""
        url = self._exchange.time_url(self._rest_url)
        request = urllib.request.Request(url, headers={"User-Agent": USER_AGENT})  # noqa: S310
        try:
            with urllib.request.urlopen(request, timeout=CLOCK_TIMEOUT_S) as answer:  # noqa: S310
                self.clock_us = self._exchange.parse_time(answer.read(65536))
        except (OSError, urllib.error.URLError, BadFrame, ValueError) as error:
            self.clock_error = f"{type(error).__name__}: {error}"[:200]


class Line:
    """One open socket, as a reader in the feed's loop."""

    def __init__(self, made: websocket.WebSocket, on_message: OnMessage, now: Instant) -> None:
        assert made.sock is not None
        self._made = made
        self._socket = made.sock
        self._fd = made.sock.fileno()
        self._frames = Frames()
        self._on_message = on_message
        self.silence = Silence(now.mono)
        self.opened = now.mono
        self.has_data = False
        self.lost: str | None = None

    @property
    def oversized(self) -> int:
        """Messages that were over the limit and skipped."""
        return self._frames.oversized

    def fileno(self) -> int:
        """Return the socket's descriptor."""
        return self._fd

    def pending(self) -> bool:
        """Return whether TLS holds bytes that the descriptor does not show."""
        pending = getattr(self._socket, "pending", None)
        return self.lost is None and pending is not None and pending() > 0

    def on_readable(self, now: Instant) -> list[Send]:
        """Read what is there, at most 256 KiB, and hand over each message."""
        if self.lost is not None:
            return []
        try:
            data = self._socket.recv(RECV_BYTES)
        except (BlockingIOError, InterruptedError):
            return []
        except OSError as error:  # TLS "want read" is an OSError too
            if type(error).__name__ not in ("SSLWantReadError", "SSLWantWriteError"):
                self.lost = f"{type(error).__name__}: {error}"[:200]
            return []
        if not data:
            self.lost = "the exchange closed the connection"
            return []
        self.silence.heard(now.mono)
        try:
            for opcode, payload in self._frames.take(data):
                self._message(opcode, payload, now)
        except (TooLong, websocket.WebSocketException) as error:
            self.lost = f"{type(error).__name__}: {error}"[:200]
        return []

    def _message(self, opcode: int, payload: bytes, now: Instant) -> None:
        if opcode in (websocket.ABNF.OPCODE_TEXT, websocket.ABNF.OPCODE_BINARY):
            if self._on_message(payload, now):
                self.has_data = True
        elif opcode == websocket.ABNF.OPCODE_PING:
            self._send(payload, websocket.ABNF.OPCODE_PONG)
        elif opcode == websocket.ABNF.OPCODE_CLOSE:
            code = int.from_bytes(payload[:2], "big") if len(payload) >= 2 else 1005
            self.lost = f"the exchange closed the connection, code {code}"

    def send(self, text: str) -> None:
        """Send a text; a socket that takes nothing is lost."""
        self._send(text.encode(), websocket.ABNF.OPCODE_TEXT)

    def ping(self) -> None:
        """Ask whether anybody is there."""
        self._send(b"tickwire", websocket.ABNF.OPCODE_PING)

    def _send(self, payload: bytes, opcode: int) -> None:
        try:
            self._made.send(payload, opcode)
        except (OSError, websocket.WebSocketException) as error:
            self.lost = f"{type(error).__name__}: {error}"[:200]

    def close(self) -> None:
        """Close the socket at once."""
        self._made.shutdown()


class Connection:
    """The state machine. ``on_tick`` moves it, ``readers`` are its open sockets.

    Args:
        exchange: whom to talk to.
        websocket_url: and where.
        rest_url: where its clock is.
        on_message: takes each message of each socket.
        log: for its life cycle.
    """

    def __init__(
        self, exchange: Exchange, websocket_url: str, rest_url: str, on_message: OnMessage, log: Log
    ) -> None:
        self._exchange = exchange
        self._addresses = (websocket_url, rest_url)
        self._on_message = on_message
        self._log = log
        self._backoff = Backoff()
        self._attempt: Attempt | None = None
        self._lines: list[Line] = []
        self._retry_at = 0
        self._handover_at = 0
        self._said: str | None = None
        self.state: State = "connecting"
        self.since = 0
        self.reason: str | None = None
        self.next_try: int | None = None
        self.clock_offset_us = 0
        """The exchange's clock less our monotonic one, of the last time it told us."""
        self.clock_known = False
        self.reconnects = 0
        self.handovers = 0
        self._oversized_before = 0

    @property
    def readers(self) -> Sequence[Line]:
        """The open sockets."""
        return self._lines

    @property
    def circuit(self) -> Literal["closed", "open", "half-open"]:
        """The label of the present state."""
        if any(line.has_data for line in self._lines):
            return "closed"
        return "half-open" if self._lines or self._attempt else "open"

    @property
    def oversized(self) -> int:
        """Messages skipped so far for their size."""
        return self._oversized_before + sum(line.oversized for line in self._lines)

    def send(self, texts: list[str]) -> None:
        """Send requests on the newest socket, if there is one."""
        for text in texts:
            if self._lines:
                self._lines[-1].send(text)

    def replace(self, reason: str) -> None:
        """Begin a hand-over now: open a second connection, then close this one."""
        if self._lines and self._attempt is None and len(self._lines) == 1:
            self._log.info("feed.handover", reason=reason)
            self.handovers += 1
            self._attempt = Attempt(self._exchange, *self._addresses)

    def drop_all(self, reason: str, now: Instant) -> None:
        """Close every socket, as if the exchange had; what follows is the usual reconnect."""
        for line in self._lines:
            line.lost = reason
        self._bury(now)

    def on_tick(self, now: Instant) -> None:
        """Move on: collect an attempt, notice dead sockets, try again when it is time."""
        if self._attempt is not None and self._attempt.done.is_set():
            self._collect(self._attempt, now)
        for line in self._lines:
            if line.silence.dead(now.mono):
                line.lost = "no sign of life for 8 s"
            elif line.silence.should_ping(now.mono):
                line.ping()
        self._bury(now)
        if self._lines and self._lines[-1].has_data:
            self._backoff.data_flowed()
            for old in self._lines[:-1]:  # the hand-over is complete
                self._drop(old)
            self._lines = self._lines[-1:]
        if self._lines and 0 < self._handover_at <= now.mono:
            self._handover_at = now.mono + 60_000_000  # again in a minute if this one fails
            self.replace("lifetime")
        if not self._lines and self._attempt is None and now.mono >= self._retry_at:
            if self.since == 0:
                self.since = now.wall
            self.next_try = None
            self._attempt = Attempt(self._exchange, *self._addresses)

    def _collect(self, attempt: Attempt, now: Instant) -> None:
        self._attempt = None
        if attempt.clock_us is not None:
            self.clock_offset_us = attempt.clock_us - now.mono
            self.clock_known = True
        elif not self.clock_known:
            self.clock_offset_us = now.wall - now.mono
            self._log.warning("feed.clock_unknown", error=attempt.clock_error)
        if attempt.socket is None:
            if not self._lines:
                self._wait(attempt.error or "unknown", attempt.retry_after_s, now)
            return
        self._lines.append(Line(attempt.socket, self._on_message, now))
        if self._exchange.lifetime_s is not None:
            margin_s = min(LIFETIME_MARGIN_S, self._exchange.lifetime_s / 10)
            self._handover_at = now.mono + int((self._exchange.lifetime_s - margin_s) * 1e6)
        if self.state != "connected":
            self.state, self.since, self.reason = "connected", now.wall, None
        self._said = None
        self._log.info("feed.connected", attempt=self._backoff.attempt, sockets=len(self._lines))

    def _bury(self, now: Instant) -> None:
        lost = [line for line in self._lines if line.lost is not None]
        if not lost:
            return
        for line in lost:
            self._drop(line)
        self._lines = [line for line in self._lines if line.lost is None]
        if not self._lines:
            self.reconnects += 1
            self._wait(lost[-1].lost or "", 0.0, now)

    def _drop(self, line: Line) -> None:
        self._oversized_before += line.oversized
        line.close()

    def _wait(self, reason: str, at_least_s: float, now: Instant) -> None:
        delay_s = max(self._backoff.next_delay_s(random.random()), at_least_s)  # noqa: S311
        self._retry_at = now.mono + int(delay_s * 1e6)
        self.next_try = now.wall + int(delay_s * 1e6)
        if self.state != "reconnecting":
            self.since = now.wall
        self.state, self.reason = "reconnecting", reason
        # The same sentence once, not on each of a thousand tries.
        if reason != self._said:
            self._said = reason
            self._log.warning("feed.lost", reason=reason, next_try_s=round(delay_s, 1))

    @property
    def attempt(self) -> int:
        """Tries since data last flowed."""
        return self._backoff.attempt

    def close(self) -> None:
        """Close every socket and abandon an attempt."""
        for line in self._lines:
            line.close()
        if self._attempt is not None:
            self._attempt.abandon()

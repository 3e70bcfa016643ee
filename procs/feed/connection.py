"""The connection to one exchange: opens it, reads it, replaces it. Never gives up.

Exactly one live socket, or two during a hand-over: before the exchange cuts a connection (after its
lifetime, or when it says so) a second one is opened, and the first is closed a moment after the
second has brought data, when it is empty: what was sent before the second began may still be on its
way. Duplicates of the overlap are dropped by id, further in; where there are no ids there is no
overlap. Connecting (DNS has no time-out) happens in a helper thread; everything else in the feed's
loop, without ever waiting.

``circuit`` labels the state of this machine, it is no second one: *open* while waiting to try
again, *half-open* while a connection has not yet brought data, *closed* once it has.
"""

import random
from collections.abc import Sequence

from bus.actor import Instant
from bus.log import Log
from market.backoff import Backoff
from procs.feed.attempt import Attempt
from procs.feed.exchanges import Exchange, Streamed
from procs.feed.line import Line, OnMessage
from procs.feed.link import Circuit, LinkState

ATTEMPT_US_MAX = 60_000_000
"""An attempt that takes longer, name server and slow answers included, is abandoned."""
LIFETIME_MARGIN_S = 600.0
"""The hand-over begins so long before the exchange's own cut."""
OVERLAP_US = 2_000_000
"""The old connection is kept so long after the new one has brought data."""
WAIT_S_MIN = 0.125
"""Between two tries, whatever the jitter says: an address is asked eight times a second at most."""
CHANGE_EVERY_US = 10_000_000
"""The hand-over to a connection for other symbols is tried again so often."""


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
        self, exchange: Streamed, websocket_url: str, rest_url: str, on_message: OnMessage, log: Log
    ) -> None:
        self._exchange: Streamed | None = exchange
        """None: nobody is to be talked to for now."""
        self._tried = self._spoken = exchange
        """Whom the attempt is for, and whom the newest socket is to."""
        self._addresses = (websocket_url, rest_url)
        self._on_message = on_message
        self._log = log
        self._backoff = Backoff()
        self._attempt: Attempt | None = None
        self._attempt_since = 0
        self._lines: list[Line] = []
        self._retry_at = 0
        self._handover_at = self._change_at = 0
        self._said: str | None = None
        self.state: LinkState = "connecting"
        self.since = 0
        self.reason: str | None = None
        self.next_try: int | None = None
        self.clock_offset_us: int | None = None
        """The exchange's clock less our monotonic one, of the last time it told us.

        None until the first attempt to connect has ended.
        """
        self.clock_known = self.clock_old = False
        self.reconnects = 0
        self.handovers = 0
        self._oversized_before = 0

    @property
    def readers(self) -> Sequence[Line]:
        """The open sockets."""
        return self._lines

    @property
    def circuit(self) -> Circuit:
        """The label of the present state."""
        if any(line.has_data for line in self._lines):
            return "closed"
        return "half-open" if self._lines or self._attempt else "open"

    @property
    def oversized(self) -> int:
        """Messages skipped so far for their size."""
        return self._oversized_before + sum(line.oversized for line in self._lines)

    def resubscribe(self, symbol: str) -> None:
        """Have one symbol's stream started anew, on the newest socket, if there is one."""
        if self._exchange is not None and self._lines:
            for text in self._exchange.resubscribe(symbol):
                self._lines[-1].send(text)

    def replace(self, reason: str) -> None:
        """Begin a hand-over now: open a second connection, then close this one.

        Where trades have no ids this one is closed first: what both brought would count twice.
        """
        if self._lines and self._attempt is None and len(self._lines) == 1:
            self._log.info("feed.handover", reason=reason)
            self.handovers += 1
            if self._spoken.ids == "none":
                self._drop(self._lines.pop())
            self._try()

    def speak_for(self, exchange: Exchange | None, now: Instant) -> None:
        """Subscribe to other symbols from now on, by a hand-over; to none: close everything."""
        assert exchange is None or isinstance(exchange, Streamed)
        self._exchange, self._change_at = exchange, 0
        if exchange is None:
            for line in self._lines:
                self._drop(line)
            self._lines = []
            if self._attempt is not None:
                self._attempt.abandon()
                self._attempt, self._attempt_since = None, 0
            self.state, self.since, self.reason, self.next_try = "idle", now.wall, None, None
        elif self.state == "idle":
            self.state, self.since = "connecting", now.wall

    def _try(self) -> None:
        assert self._exchange is not None
        self._tried = self._exchange
        self._attempt = Attempt(self._exchange, *self._addresses)

    def drop_all(self, reason: str, now: Instant) -> None:
        """Close every socket, as if the exchange had; what follows is the usual reconnect."""
        for line in self._lines:
            line.lost = reason
        self._bury(now)

    def on_tick(self, now: Instant) -> None:
        """Move on: collect an attempt, notice dead sockets, try again when it is time."""
        if self._attempt is not None:
            self._look_at(self._attempt, now)
        for line in self._lines:
            if line.silence.dead(now.mono):
                line.lost = "no sign of life for 8 s"
            elif line.silence.should_ping(now.mono):
                line.ping()
        self._bury(now)
        newest = self._lines[-1] if self._lines else None
        if newest is not None and newest.data_since is not None:
            self._backoff.data_flowed()
            self._said = None
            if newest.data_since + OVERLAP_US <= now.mono:  # the hand-over is complete
                for old in [line for line in self._lines[:-1] if line.drain(now)]:
                    self._drop(old)
                    self._lines.remove(old)
        if newest is not None and self._outlived(newest, now):
            self._handover_at = now.mono + 60_000_000  # again in a minute if this one fails
            self.replace("lifetime")
        if (
            newest is not None
            and self._spoken is not self._exchange
            and now.mono >= self._change_at
        ):
            self._change_at = now.mono + CHANGE_EVERY_US
            self.replace("other symbols")
        if self._exchange is None or self._lines or self._attempt is not None:
            return
        if now.mono >= self._retry_at:
            if self.since == 0:
                self.since = now.wall
            self.next_try = None
            self._try()

    def _outlived(self, line: Line, now: Instant) -> bool:
        """Return whether the exchange will soon cut the line for its age."""
        lifetime_s = self._exchange.lifetime_s if self._exchange else None
        if lifetime_s is None:
            return False
        span_us = int((lifetime_s - min(LIFETIME_MARGIN_S, lifetime_s / 10)) * 1e6)
        return now.mono >= max(line.opened + span_us, self._handover_at)

    def _look_at(self, attempt: Attempt, now: Instant) -> None:
        """Collect an attempt that is done; give up one that takes for ever."""
        if attempt.done.is_set():
            self._attempt_since = 0
            self._collect(attempt, now)
        elif not self._attempt_since:
            self._attempt_since = now.mono
        elif now.mono - self._attempt_since > ATTEMPT_US_MAX:
            self._attempt_since = 0
            self._attempt = None
            attempt.abandon()
            if not self._lines:
                self._wait("no answer to an attempt to connect", 0.0, now)

    def _collect(self, attempt: Attempt, now: Instant) -> None:
        self._attempt = None
        self.clock_old = attempt.clock_us is None
        if attempt.clock_us is not None:
            self.clock_offset_us = attempt.clock_us - now.mono
            self.clock_known = True
        elif not self.clock_known:
            self.clock_offset_us = now.wall - now.mono
            if attempt.socket is not None and attempt.clock_error is not None:
                self._log.warning("feed.clock_unknown", reason=attempt.clock_error)
        if attempt.socket is None:
            if not self._lines:
                self._wait(attempt.error or "unknown", attempt.retry_after_s, now)
            return
        self._lines.append(Line(attempt.socket, self._on_message, now))
        self._spoken = self._tried
        if self.state != "connected":
            self.state, self.since, self.reason = "connected", now.wall, None
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
        jittered_s = self._backoff.next_delay_s(random.random())  # noqa: S311
        delay_s = max(jittered_s, at_least_s, WAIT_S_MIN)
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

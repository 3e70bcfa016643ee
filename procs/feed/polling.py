"""The way to an exchange that must be asked: one question at a time, each so long after the last.

Each good answer goes to ``on_message`` like a frame of a WebSocket. A call blocks a thread of its
own, never the loop. An exchange that says when to come back is not asked before, one that fails is
left alone for a while that grows, one that forbids for minutes; never is it asked more often than
``poll_every_s`` says. It never gives up.

``circuit`` is *closed* while the answers are good, *open* while waiting after a bad one,
*half-open* while the next one is awaited.
"""

import random
from collections.abc import Sequence

from bus.actor import Instant, Reader
from bus.log import Log
from market.backoff import Backoff
from procs.feed.exchanges import Exchange, Polled, headers_of
from procs.feed.line import OnMessage
from procs.feed.link import Circuit, LinkState
from procs.feed.refusal import refusal, wait_s
from procs.feed.rest import Answer, Call

ANSWER_BYTES_MAX = 4 << 20
"""An answer that is larger has failed."""
RETRY_CAP_S = 300.0


class Polling:
    """The state machine. ``on_tick`` moves it.

    Args:
        exchange: whom to ask.
        rest_url: and where.
        on_message: takes each answer, and returns whether there were data in it.
        log: for its life cycle.
    """

    def __init__(self, exchange: Polled, rest_url: str, on_message: OnMessage, log: Log) -> None:
        self._exchange = exchange
        self._rest_url = rest_url
        self._on_message = on_message
        self._log = log
        self._backoff = Backoff(exchange.poll_every_s, max(RETRY_CAP_S, exchange.poll_every_s))
        self._call: Call | None = None
        self._ask_at = 0
        self._said: str | None = None
        self.state: LinkState = "connecting"
        self.since = 0
        self.reason: str | None = None
        self.next_try: int | None = None
        self.clock_offset_us: int | None = None
        """Our own clock: the exchange has none that is asked for."""
        self.clock_old = False
        self.reconnects = 0
        self.handovers = 0
        self.oversized = 0

    @property
    def readers(self) -> Sequence[Reader]:
        """None: what comes in comes in threads."""
        return ()

    @property
    def circuit(self) -> Circuit:
        """The label of the present state."""
        if self.state == "connected":
            return "closed"
        return "half-open" if self._call is not None else "open"

    @property
    def attempt(self) -> int:
        """Questions since the last good answer."""
        return self._backoff.attempt

    def on_tick(self, now: Instant) -> None:
        """Take the answer if there is one; ask if it is time to."""
        self.clock_offset_us = now.wall - now.mono
        if self._call is not None:
            self._look_at(self._call, now)
        if self.state != "idle" and self._call is None and now.mono >= self._ask_at:
            if self.since == 0:
                self.since = now.wall
            self.next_try = None
            self._ask_at = now.mono + int(self._exchange.poll_every_s * 1e6)
            url = self._exchange.poll_url(self._rest_url)
            self._call = Call(url, ANSWER_BYTES_MAX, headers_of(self._exchange), now)

    def _look_at(self, call: Call, now: Instant) -> None:
        if call.done.is_set():
            self._call = None
            if call.answer is None:
                self._failed(call.error, now)
            else:
                self._take(call.answer, now)
        elif call.stuck(now):
            self._call = None
            self._failed("there was no answer", now)

    def _take(self, answer: Answer, now: Instant) -> None:
        if answer.status != 200:
            asked_off_s = wait_s(answer.status, answer.retry_after_s) or answer.retry_after_s
            self._failed(refusal(answer.status), now, asked_off_s)
        elif not self._on_message(answer.body, now):
            self._failed("the exchange's answer has nothing that was asked for", now)
        else:
            self._backoff.data_flowed()
            self._said = None
            if self.state != "connected":
                self.state, self.since, self.reason = "connected", now.wall, None
                self._log.info("feed.connected", every_s=self._exchange.poll_every_s)

    def _failed(self, reason: str, now: Instant, asked_off_s: float = 0.0) -> None:
        delay_s = self._backoff.next_delay_s(random.random())  # noqa: S311
        delay_s = asked_off_s or delay_s
        self._ask_at = max(self._ask_at, now.mono + int(delay_s * 1e6))
        self.next_try = now.wall + self._ask_at - now.mono
        if self.state == "connected":
            self.reconnects += 1
        if self.state != "reconnecting":
            self.since = now.wall
        self.state, self.reason = "reconnecting", reason
        # The same sentence once, not on each of a thousand tries.
        if reason != self._said:
            self._said = reason
            wait_us = self._ask_at - now.mono
            self._log.warning("feed.lost", reason=reason, next_try_s=round(wait_us / 1e6, 1))

    def resubscribe(self, symbol: str) -> None:
        """Every question asks for all symbols anew."""

    def replace(self, reason: str) -> None:
        """There is nothing to be cut."""

    def speak_for(self, exchange: Exchange | None, now: Instant) -> None:
        """Ask for other symbols from the next question on; with None, ask for nothing."""
        if exchange is None:
            self._call = None
            self.state, self.since, self.reason, self.next_try = "idle", now.wall, None, None
            return
        assert isinstance(exchange, Polled)
        self._exchange = exchange
        if self.state == "idle":
            self.state, self.since = "connecting", now.wall

    def close(self) -> None:
        """Wait for no answer any more."""
        self._call = None

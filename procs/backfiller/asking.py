"""Asking one exchange for missing trades: one call at a time, as often as is polite.

Wanted ranges come in; each good answer goes out as ``Recovered``. A call blocks a thread of its
own, never the loop, and never the end of the process. An exchange that says when to come back is
not asked before; one that fails is left alone for a while that grows; one that forbids is left
alone for minutes. Nothing is given up but what the exchange calls a wrong question: the feed asks
again for whatever does not come.
"""

import random
from collections.abc import Mapping

from msgspec.structs import replace

from bus.actor import Instant
from bus.errors import BadFrame
from bus.heartbeat import Health
from bus.log import Log
from bus.messages import Quarantined, Recovered, Trade, Wanted
from market.backoff import Backoff
from procs.backfiller.wishes import Wishes
from procs.feed.exchanges import Paged, TradeEvent, headers_of
from procs.feed.refusal import wait_s
from procs.feed.rest import Answer, Call

PAGE_BYTES_MAX = 8 << 20
"""A larger page has failed."""
RETRY_BASE_S = 1.0
RETRY_CAP_S = 60.0


class _PageCall(Call):
    """One call, and for which range it is."""

    def __init__(self, url: str, headers: Mapping[str, str], asked: Wanted, now: Instant) -> None:
        super().__init__(url, PAGE_BYTES_MAX, headers, now)
        self.asked = asked


class Asking:
    """One exchange, asked. ``on_tick`` moves it on.

    Args:
        exchange: whom to ask.
        rest_url: and where.
        health: what the process says of itself; counted in.
        log: one WARNING for each new kind of refusal.
    """

    def __init__(self, exchange: Paged, rest_url: str, health: Health, log: Log) -> None:
        self._exchange = exchange
        self._rest_url = rest_url
        self._health = health
        self._log = log
        self._wishes = Wishes()
        self._call: _PageCall | None = None
        self._backoff = Backoff(RETRY_BASE_S, RETRY_CAP_S)
        self._not_before = 0
        self._refusal: str | None = None
        """Why the last call was no good; None: it was."""

    def __len__(self) -> int:
        """Return how many wanted ranges are not finished."""
        return len(self._wishes)

    def want(self, wanted: Wanted) -> None:
        """Ask for a range, unless it is being asked for."""
        self._wishes.add(wanted)

    def waits_for(self, now: Instant) -> str | None:
        """Return what keeps it from asking for what is wanted, None when nothing does."""
        wait_us = self._not_before - now.mono
        if self._refusal is None or wait_us <= 0 or not self._wishes:
            return None
        return f"{self._exchange.name}: {self._refusal}, again in {-(-wait_us // 1_000_000)} s"

    def on_tick(self, now: Instant) -> Recovered | None:
        """Take the answer if there is one; ask if it is time to."""
        brought = self._take(self._call, now) if self._call is not None else None
        if self._call is None and now.mono >= self._not_before:
            asked = self._wishes.next()
            if asked is not None:
                self._health.counters["calls"] += 1
                self._not_before = now.mono + int(1_000_000 / self._exchange.rest_per_s)
                url = self._exchange.page_url(self._rest_url, asked)
                headers = headers_of(self._exchange)
                self._call = _PageCall(url, headers, asked, now)
        return brought

    def _take(self, call: _PageCall, now: Instant) -> Recovered | None:
        if not call.done.is_set():
            if call.stuck(now):
                self._call = None
                self._failed("there was no answer", now)
            return None
        self._call = None
        if call.answer is None:
            self._failed(call.error, now)
            return None
        if call.answer.status != 200:
            self._refused(call.asked, call.answer, now)
            return None
        try:
            found = self._exchange.parse_page(call.asked.symbol, call.answer.body, call.ts_recv)
        except BadFrame as bad:
            self._failed(str(bad), now)
            return None
        self._backoff.data_flowed()
        self._refusal = None
        return self._settle(call.asked, found)

    def _settle(self, asked: Wanted, found: tuple[TradeEvent, ...]) -> Recovered | None:
        once = {one.trade_id: one for one in reversed(found) if one.trade_id is not None}
        settled = self._wishes.settle(asked, sorted(once))
        series = asked.series
        brought = [
            replace(one, series=series) if series else one
            for trade_id, one in sorted(once.items())
            if trade_id in settled.ids
        ]
        trades = [one for one in brought if isinstance(one, Trade)]
        quarantined = [one for one in brought if isinstance(one, Quarantined)]
        counters = self._health.counters
        counters["trades"] += len(trades)
        counters["ranges"] += settled.finished
        if not brought and not settled.absent:
            return None
        return Recovered(
            self._exchange.name, asked.symbol, series, trades, quarantined, settled.absent
        )

    def _refused(self, asked: Wanted, answer: Answer, now: Instant) -> None:
        """Take an answer that is none: wait as long as it asks for, or as its status suggests."""
        reason = f"HTTP {answer.status}"
        least_s = wait_s(answer.status, answer.retry_after_s)
        if least_s is not None:
            self._wait(reason, least_s, now)
        else:
            if 400 <= answer.status < 500:
                self._wishes.drop(asked)  # it will not be a better question the next time
            self._failed(reason, now, answer.retry_after_s)

    def _failed(self, reason: str, now: Instant, at_least_s: float = 0.0) -> None:
        delay_s = self._backoff.next_delay_s(random.random())  # noqa: S311
        self._wait(reason, max(delay_s, at_least_s), now)

    def _wait(self, reason: str, wait_s: float, now: Instant) -> None:
        self._not_before = max(self._not_before, now.mono + int(wait_s * 1e6))
        self._health.counters["refused"] += 1
        self._health.last_error = f"{self._exchange.name}: {reason}"
        if reason != self._refusal:
            self._refusal = reason
            self._log.warning(
                "backfiller.refused",
                exchange=self._exchange.name,
                reason=reason,
                wait_s=round(wait_s, 1),
            )

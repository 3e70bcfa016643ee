"""Asking one exchange for missing trades: one call at a time, as often as is polite.

Wanted ranges come in; each good answer goes out as ``Recovered``. Where no trade is missing, the
exchange's own candles are asked for that are wanted; they go out as ``History``. Last come the
trades from before a symbol's first, of which there may be a hundred pages. A call blocks a
thread of its own, never the loop, and never the end of the process. An exchange that says when to
come back is not asked before, by a later life of the process neither; one that fails is left alone
for a while that grows; one that forbids is left alone for minutes. Nothing is given up but what the
exchange calls a wrong question: who wants it asks again for whatever does not come.
"""

import random
from collections.abc import Mapping

from msgspec.structs import replace

from bus.actor import Instant
from bus.errors import BadFrame, Throttled, WrongQuestion
from bus.heartbeat import Health
from bus.log import Log
from bus.messages import History, HistoryWanted, Quarantined, Recovered, Trade, Wanted
from market.backoff import Backoff
from procs.backfiller.ban import Ban, BanFile
from procs.backfiller.history import HistoryWishes
from procs.backfiller.wishes import Wishes
from procs.feed.exchanges import Historic, Paged, PagedByTime, TradeEvent, headers_of
from procs.feed.refusal import FORBIDDEN, LIMITED_S, wait_s
from procs.feed.rest import Answer, Call

PAGE_BYTES_MAX = 8 << 20
"""A larger page has failed."""
RETRY_BASE_S = 1.0
RETRY_CAP_S = 60.0


class _PageCall(Call):
    """One call, and for which range it is."""

    def __init__(
        self, url: str, headers: Mapping[str, str], asked: Wanted | HistoryWanted, now: Instant
    ) -> None:
        super().__init__(url, PAGE_BYTES_MAX, headers, now)
        self.asked = asked


class Asking:
    """One exchange, asked. ``on_tick`` moves it on.

    Args:
        exchange: whom to ask.
        rest_url: and where.
        health: what the process says of itself; counted in.
        log: one WARNING for each new kind of refusal.
        ban: where it is kept until when the exchange does not want to be asked; None: nowhere.
    """

    def __init__(
        self,
        exchange: Paged,
        rest_url: str,
        health: Health,
        log: Log,
        ban: BanFile | None = None,
    ) -> None:
        self._exchange = exchange
        self._rest_url = rest_url
        self._health = health
        self._log = log
        self._wishes = Wishes(exchange.page_trades if isinstance(exchange, PagedByTime) else None)
        self._history = (
            HistoryWishes(exchange, rest_url) if isinstance(exchange, Historic) else None
        )
        self._call: _PageCall | None = None
        self._backoff = Backoff(RETRY_BASE_S, RETRY_CAP_S)
        self._not_before = 0
        self._refusal: str | None = None
        """Why the last call was no good; None: it was."""
        self._ban_file = ban
        self._ban = ban.read() if ban is not None else None
        """What a life before this one was told, until it is heeded."""

    def __len__(self) -> int:
        """Return how many wanted ranges are not finished."""
        return len(self._wishes) + (len(self._history) if self._history is not None else 0)

    def want(self, wanted: Wanted) -> None:
        """Ask for a range, unless it is being asked for."""
        self._wishes.add(wanted)

    def want_history(self, wanted: HistoryWanted) -> None:
        """Ask for the exchange's own candles, where it has some, after the trades."""
        if self._history is not None:
            self._history.add(wanted)

    def waits_for(self, now: Instant) -> str | None:
        """Return what keeps it from asking for what is wanted, None when nothing does."""
        wait_us = self._not_before - now.mono
        if self._refusal is None or wait_us <= 0 or not len(self):
            return None
        return f"{self._exchange.name}: {self._refusal}, again in {-(-wait_us // 1_000_000)} s"

    def on_tick(self, now: Instant) -> Recovered | History | None:
        """Take the answer if there is one; ask if it is time to."""
        if self._ban is not None:
            self._heed(self._ban, now)
        brought = self._take(self._call, now) if self._call is not None else None
        if self._call is None and now.mono >= self._not_before:
            self._call = self._next(now)
        return brought

    def _heed(self, ban: Ban, now: Instant) -> None:
        self._ban = None
        left_us = ban.left_us(now.wall)
        if left_us > 0:
            self._not_before = now.mono + left_us
            self._refusal = ban.reason

    def _next(self, now: Instant) -> _PageCall | None:
        """Ask for what is missing, else for candles, else for trades from before the first."""
        candles = self._history.next() if self._history is not None else None
        if self._history is not None and candles is not None and not self._wishes.pressing:
            return self._ask(self._history.url(candles), candles, now)
        asked = self._wishes.next()
        if asked is not None:
            return self._ask(self._exchange.page_url(self._rest_url, asked), asked, now)
        return None

    def _ask(self, url: str, asked: Wanted | HistoryWanted, now: Instant) -> _PageCall:
        self._health.counters["calls"] += 1
        self._not_before = now.mono + int(1_000_000 / self._exchange.rest_per_s)
        return _PageCall(url, headers_of(self._exchange), asked, now)

    def _take(self, call: _PageCall, now: Instant) -> Recovered | History | None:
        answered = call.done.is_set()
        if not answered and not call.stuck(now):
            return None
        self._call = None
        if isinstance(call.asked, HistoryWanted):
            self._drop(call.asked)  # whatever comes of it: it is wanted again if it must be
        if not answered:
            self._failed("there was no answer", now)
            return None
        if call.answer is None:
            self._failed(call.error, now)
            return None
        if call.answer.status != 200:
            self._refused(call.asked, call.answer, now)
            return None
        try:
            brought = self._read(call.asked, call.answer.body, call.ts_recv)
        except BadFrame as bad:
            self._refused_in_words(call.asked, bad, now)
            return None
        self._backoff.data_flowed()
        self._refusal = None
        return brought

    def _read(
        self, asked: Wanted | HistoryWanted, body: bytes, ts_recv: int
    ) -> Recovered | History | None:
        if isinstance(asked, HistoryWanted):
            assert self._history is not None
            found = self._history.settle(asked, body)
            self._health.counters["candles"] += len(found.candles)
            return found
        return self._settle(asked, self._exchange.parse_page(asked.symbol, body, ts_recv))

    def _settle(self, asked: Wanted, found: tuple[TradeEvent, ...]) -> Recovered | None:
        once = {one.trade_id: one for one in reversed(found) if one.trade_id is not None}
        times = {number: one.ts_event for number, one in once.items() if isinstance(one, Trade)}
        settled = self._wishes.settle(asked, sorted(once), times)
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

    def _refused(self, asked: Wanted | HistoryWanted, answer: Answer, now: Instant) -> None:
        """Take an answer that is none: wait as long as it asks for, or as its status suggests."""
        reason = FORBIDDEN.get(answer.status, f"HTTP {answer.status}")
        least_s = wait_s(answer.status, answer.retry_after_s)
        if least_s is not None:
            limited = answer.status not in FORBIDDEN  # which a restart with other settings may end
            self._wait(reason, least_s, now, least_s if limited else answer.retry_after_s)
        else:
            if 400 <= answer.status < 500:
                self._drop(asked)  # it will not be a better question the next time
            self._failed(reason, now, answer.retry_after_s)

    def _refused_in_words(self, asked: Wanted | HistoryWanted, bad: BadFrame, now: Instant) -> None:
        """Take an answer with HTTP 200 that is none all the same."""
        if isinstance(bad, Throttled):
            self._wait(str(bad), LIMITED_S, now, LIMITED_S)
            return
        if isinstance(bad, WrongQuestion):
            self._drop(asked)
        self._failed(str(bad), now)

    def _drop(self, asked: Wanted | HistoryWanted) -> None:
        if isinstance(asked, Wanted):
            self._wishes.drop(asked)
        elif self._history is not None:
            self._history.drop(asked)

    def _failed(self, reason: str, now: Instant, at_least_s: float = 0.0) -> None:
        delay_s = self._backoff.next_delay_s(random.random())  # noqa: S311
        self._wait(reason, max(delay_s, at_least_s), now, at_least_s)

    def _wait(self, reason: str, wait_s: float, now: Instant, asked_s: float = 0.0) -> None:
        """Wait; ``asked_s`` of it is what the exchange asks for."""
        self._not_before = max(self._not_before, now.mono + int(wait_s * 1e6))
        if asked_s and self._ban_file is not None:
            self._ban_file.write(Ban(reason, now.wall, now.wall + int(asked_s * 1e6)))
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

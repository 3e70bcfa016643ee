"""What the exchange lists of our symbols: asked by REST in a helper thread, kept, renewed daily.

Comes in: since when there is a connection, each second. Goes out: for each symbol whether it is
listed, and its steps of price and size; of one that is not, the listed one that is spelled most
alike, where the exchange says all that it lists. The loop never waits for an answer, nor does a
trade; what was learned outlives every reconnect. The exchange is asked at most five times a second;
after a failure not before a minute has passed, and not before it wants to be asked again.
"""

import random
import threading
from collections import deque
from collections.abc import Callable, Sequence
from typing import NamedTuple

import msgspec

from bus.actor import Instant
from bus.errors import BadFrame, Throttled
from bus.heartbeat import Health
from bus.log import Log
from bus.messages import SymbolStatus
from market.backoff import Backoff
from market.symbols import nearest
from procs.feed.exchanges import Catalogued, Listed, Listing, headers_of
from procs.feed.refusal import FORBIDDEN, FORBIDDEN_S, refusal, sentence
from procs.feed.rest import STUCK_US, get

PAUSE_S = 0.2
ANSWER_BYTES_MAX = 1 << 20
"""An answer on one symbol that is larger has failed."""
CATALOGUE_BYTES_MAX = 32 << 20
"""The same of the list of all that is traded."""
RENEW_US = 86_400_000_000
RETRY_US_MIN = 60_000_000
RETRY_BASE_S = 120.0
RETRY_CAP_S = 3600.0


class Answer(NamedTuple):
    """What came of one question."""

    symbol: str
    listing: Listing | None
    """None: the symbol is not listed, unless there was an error."""
    error: str | None = None
    retry_after_s: float = 0.0
    ends_round: bool = False
    """The exchange cannot be asked at present, not for another symbol either."""


class Nearest(NamedTuple):
    """The exchange's own symbol whose name is most like that of one that it does not list."""

    symbol: str
    nearest: str | None


class Round:
    """One question for each of some symbols, in a thread of its own. ``done`` is set last.

    Where one is not listed, all that is listed is asked for in the end; and where that is all that
    can be asked for, at once.
    """

    def __init__(
        self, exchange: Listed | Catalogued, rest_url: str, symbols: Sequence[str]
    ) -> None:
        self.answers: deque[Answer | Nearest] = deque()
        self.done = threading.Event()
        self._exchange = exchange
        self._rest_url = rest_url
        self._symbols = symbols
        self._stop = threading.Event()
        threading.Thread(target=self._run, name="listing", daemon=True).start()

    def stop(self) -> None:
        """Ask nothing more."""
        self._stop.set()

    def _run(self) -> None:
        try:
            exchange = self._exchange
            if isinstance(exchange, Listed):
                unlisted = self._ask_for_each(exchange)
                if unlisted and isinstance(exchange, Catalogued):
                    self.answers.extend(self._compare(exchange, unlisted))
            else:
                self.answers.extend(self._compare(exchange, self._symbols))
        finally:
            self.done.set()

    def _ask_for_each(self, exchange: Listed) -> list[str]:
        """Return the symbols that are not listed; none where not all could be asked for."""
        unlisted = []
        for symbol in self._symbols:
            answer = self._ask(exchange, symbol)
            self.answers.append(answer)
            if answer.ends_round or self._stop.wait(PAUSE_S):
                return []
            if answer.listing is None and answer.error is None:
                unlisted.append(symbol)
        return unlisted

    def _ask(self, exchange: Listed, symbol: str) -> Answer:
        url = exchange.listing_url(self._rest_url, symbol)
        return self._put(
            symbol,
            url,
            ANSWER_BYTES_MAX,
            lambda status, body: Answer(symbol, exchange.parse_listing(status, body)),
        )

    def _compare(self, exchange: Catalogued, symbols: Sequence[str]) -> list[Answer | Nearest]:
        """Look for symbols in the list of all: one that is not there may be spelled like another.

        Of an exchange that says more of a symbol by itself, this one is known not to be listed.
        """
        names: list[str] = []

        def read(status: int, body: bytes) -> Answer:
            if status != 200:
                raise BadFrame(refusal(status))
            names.extend(exchange.parse_catalogue(body))
            return Answer("", None)

        url = exchange.catalogue_url(self._rest_url)
        answer = self._put("", url, CATALOGUE_BYTES_MAX, read)
        if answer.error is not None:
            return [answer]
        found: list[Answer | Nearest] = []
        traded = set(names)
        for symbol in symbols:
            if not isinstance(exchange, Listed):
                listing = Listing(None, None) if symbol in traded else None
                found.append(Answer(symbol, listing))
            if symbol not in traded:
                found.append(Nearest(symbol, nearest(symbol, names)))
        return found

    def _put(
        self, symbol: str, url: str, bytes_max: int, read: Callable[[int, bytes], Answer]
    ) -> Answer:
        """Put one question and have its answer read."""
        status, asked_off_s = 200, 0.0
        try:
            status, body, asked_off_s = get(url, bytes_max, headers_of(self._exchange))
            return read(status, body)
        except BadFrame as bad:
            if status in FORBIDDEN:
                asked_off_s = max(asked_off_s, FORBIDDEN_S)
                return Answer(symbol, None, refusal(status), asked_off_s, ends_round=True)
            over = status != 200 or isinstance(bad, Throttled)
            return Answer(symbol, None, str(bad), asked_off_s, ends_round=over)
        except Exception as error:  # whatever a network can bring: the question has failed
            return Answer(symbol, None, sentence(error), asked_off_s, ends_round=True)


class Listings:
    """What is known of one exchange's symbols. ``on_second`` moves it on.

    Args:
        exchange: whom to ask.
        rest_url: and where.
        symbols: what about.
        log: one WARNING for each symbol that is not listed, and for each new kind of failure.
    """

    def __init__(
        self, exchange: Listed | Catalogued, rest_url: str, symbols: Sequence[str], log: Log
    ) -> None:
        self._exchange = exchange
        self._rest_url = rest_url
        self._symbols = tuple(symbols)
        self._log = log
        self._known: dict[str, Listing | None] = {}
        self._nearest: dict[str, str | None] = {}
        self._renew_at: dict[str, int] = {}
        self._round: Round | None = None
        self._moved_at = 0
        self._failures: list[Answer] = []
        self._backoff = Backoff(RETRY_BASE_S, RETRY_CAP_S)
        self._retry_at = 0
        self._not_before = 0
        """A new connection is a reason to try again earlier, but never before this."""
        self._connected_since: int | None = None
        self._said: str | None = None
        self._warned: dict[tuple[str, str], dict[str, str | None]] = {}

    def of(self, status: SymbolStatus) -> SymbolStatus:
        """Return a symbol's status with what is known of its listing."""
        if status.symbol not in self._known:
            return status
        listing = self._known[status.symbol]
        if listing is None:
            nearest_one = self._nearest.get(status.symbol)
            return msgspec.structs.replace(status, listed=False, nearest=nearest_one)
        return msgspec.structs.replace(
            status, listed=True, tick_size=listing.tick_size, size_step=listing.size_step
        )

    @property
    def complaint(self) -> str | None:
        """One sentence that names the symbols that are not listed; None while there are none."""
        unlisted = [
            f"{symbol} ({self._nearest[symbol]}?)" if self._nearest.get(symbol) else symbol
            for symbol, listing in self._known.items()
            if listing is None
        ]
        return f"not listed by {self._exchange.name}: {', '.join(unlisted)}" if unlisted else None

    def complain(self, health: Health) -> None:
        """Have the process say what is not listed, when that changes."""
        complaint = self.complaint
        if complaint == self._said:
            return
        if complaint is not None or health.last_error == self._said:
            health.last_error = complaint
        self._said = complaint

    def on_second(self, now: Instant, connected_since: int | None) -> None:
        """Take the answers that came; ask, while there is a connection, what is to be asked.

        ``connected_since`` changes with each connection and is None without one.
        """
        if self._round is not None:
            self._take(self._round, now)
        if connected_since is None:
            return
        if connected_since != self._connected_since:
            self._connected_since = connected_since
            self._retry_at = min(self._retry_at, self._not_before)
        wanted = [one for one in self._symbols if now.mono >= self._renew_at.get(one, 0)]
        if wanted and self._round is None and now.mono >= self._retry_at:
            self._moved_at = now.mono
            self._round = Round(self._exchange, self._rest_url, wanted)

    def _take(self, asked: Round, now: Instant) -> None:
        done = asked.done.is_set()
        while asked.answers:
            answer = asked.answers.popleft()
            self._moved_at = now.mono
            if isinstance(answer, Nearest):
                self._nearest[answer.symbol] = answer.nearest
            elif answer.error is None:
                self._learn(answer, now)
            else:
                self._failures.append(answer)
        if not done and now.mono - self._moved_at > STUCK_US:
            asked.stop()
            self._failures.append(Answer("", None, "there was no answer"))
            done = True
        if done:
            self._round = None
            self._finish(now)

    def _learn(self, answer: Answer, now: Instant) -> None:
        self._renew_at[answer.symbol] = now.mono + RENEW_US
        self._known[answer.symbol] = answer.listing

    def _finish(self, now: Instant) -> None:
        failures, self._failures = self._failures, []
        for symbol, listing in self._known.items():
            if listing is None:
                self._warn("feed.not_listed", symbol, nearest=self._nearest.get(symbol))
        if not failures:
            self._backoff.data_flowed()
            return
        asked_off_us = int(max(one.retry_after_s for one in failures) * 1e6)
        delay_us = int(self._backoff.next_delay_s(random.random()) * 1e6)  # noqa: S311
        self._not_before = now.mono + max(asked_off_us, RETRY_US_MIN)
        self._retry_at = max(self._not_before, now.mono + delay_us)
        for one in failures:
            self._warn("feed.listing_unknown", one.symbol, reason=one.error)

    def _warn(self, event: str, symbol: str, **more: str | None) -> None:
        """Log it, but not what was said of the symbol before."""
        if self._warned.get((event, symbol)) != more:
            self._warned[event, symbol] = more
            said = {name: value for name, value in more.items() if value is not None}
            self._log.warning(event, symbol=symbol, **said)

    def close(self) -> None:
        """Ask nothing more."""
        if self._round is not None:
            self._round.stop()

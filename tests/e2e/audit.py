"""Whether an installation at rest has exactly what happened, for millions of trades.

The same questions as ``exactness``, asked in pages: trades are compared as bytes with the
simulator's truth, candles are recomputed from the truth in whole numbers, and only what is new
since the last look is looked at. It shares no code with ``market``.
"""

import http.client
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from itertools import groupby
from operator import mul

import msgspec
import psycopg
from psycopg import sql

from bus.messages import Candle, Trade
from tests.e2e.exactness import INTERVALS, Candles, assert_live, assert_same, assert_views
from tests.e2e.exactness import stored_candles as candles_in
from tests.e2e.stack import Execution, Mark, Stack

PAGE = 20_000
"""Ids that are compared at once."""
ANSWER_S = 60
SHOWN = 5
MINUTE_US = 60_000_000
HOUR_S = 3600
Place = tuple[str, str]
"""(exchange, symbol)"""
_lines = msgspec.json.Decoder(Execution)

STORED = """
COPY (
    SELECT '{{"symbol":"' || symbol || '","trade_id":' || trade_id || ',"ts_event":'
        || (extract(epoch FROM ts_event) * 1000000)::bigint || ',"price":"' || price
        || '","size":"' || size || '","side":"' || side || '"}}'
    FROM trade
    WHERE exchange = {} AND symbol = {} AND series = 0 AND trade_id BETWEEN {} AND {}
    ORDER BY trade_id
) TO STDOUT
"""
"""What is stored, in the very words of ``/truth``."""


class Sums:
    """One candle in whole numbers: prices in units of their last digit, sizes likewise."""

    __slots__ = ("close", "close_id", "high", "low", "n", "open", "open_id", "p", "pq", "q")

    def __init__(self) -> None:
        self.n = self.p = self.q = self.pq = 0

    def add(self, ids: list[int], prices: list[int], sizes: list[int]) -> None:
        """Take trades that follow those that were taken before."""
        if not self.n:
            self.open_id, self.open = ids[0], prices[0]
            self.high = self.low = prices[0]
        self.close_id, self.close = ids[-1], prices[-1]
        self.high = max(self.high, max(prices))
        self.low = min(self.low, min(prices))
        self.n += len(ids)
        self.p += sum(prices)
        self.q += sum(sizes)
        self.pq += sum(map(mul, prices, sizes))

    def candle(self, price_digits: int, size_digits: int) -> Candle:
        """Return it as it is to be stored."""
        price = [_exact(one, price_digits) for one in (self.open, self.high, self.low, self.close)]
        return Candle(
            n=self.n,
            open=price[0],
            open_key=(0, self.open_id),
            high=price[1],
            low=price[2],
            close=price[3],
            close_key=(0, self.close_id),
            volume=_exact(self.q, size_digits),
            sum_p=_exact(self.p, price_digits),
            sum_pq=_exact(self.pq, price_digits + size_digits),
        )


def _exact(units: int, digits: int) -> Decimal:
    return Decimal(f"{units}E-{digits}")


class Market:
    """What is known of one symbol's truth so far."""

    def __init__(self, exchange: str, symbol: str, first_id: int) -> None:
        self.exchange = exchange
        self.symbol = symbol
        self.first_id = self.next_id = first_id
        self.sums: dict[tuple[int, int], Sums] = {}
        """By (interval in s, ts_open)."""
        self.last: Execution | None = None
        self.stored: Execution | None = None
        """The same trade in the digits in which it is stored: Kraken sends none that are zero."""

    def learn(self, page: bytes) -> int:
        """Take a page of the truth, which follows the one before; return how many trades."""
        found = _lines.decode_lines(page)
        for minute, group in groupby(found, key=lambda one: one.ts_event // MINUTE_US):
            own = list(group)
            ids = [one.trade_id for one in own]
            prices = [int(one.price.replace(".", "")) for one in own]
            sizes = [int(one.size.replace(".", "")) for one in own]
            for interval_s in INTERVALS:
                ts_open = minute * 60 // interval_s * interval_s * 1_000_000
                self.sums.setdefault((interval_s, ts_open), Sums()).add(ids, prices, sizes)
        if found:
            self.last = found[-1]
        return len(found)

    def candles(self) -> Candles:
        """Return all candles."""
        if self.last is None:
            return {}
        digits = [len(text.partition(".")[2]) for text in (self.last.price, self.last.size)]
        return {
            (self.exchange, self.symbol, *key): sums.candle(*digits)
            for key, sums in self.sums.items()
        }

    def newest(self) -> Trade | None:
        """Return the last trade, as it is stored but for when it was received."""
        one = self.stored
        if one is None:
            return None
        return Trade(self.symbol, one.trade_id, one.ts_event, 0, one.price, one.size, None)


class Audit:
    """Looks at one installation again and again. It must be at rest whenever it is looked at.

    What came before an exchange's first stored trade was never received, and is not asked for.
    """

    def __init__(self, stack: Stack) -> None:
        self._stack = stack
        self._markets: dict[tuple[str, str], Market] = {}
        self.trades = 0
        """Trades that were compared so far."""
        self.candles = 0
        """Candles that were compared the last time."""

    def look(self, executed: Mark) -> None:
        """Compare what is new, and all candles; fail with the first differences.

        Args:
            executed: the last id of each symbol.
        """
        with (
            psycopg.connect(self._stack.settings.dsn, connect_timeout=ANSWER_S) as connection,
            ThreadPoolExecutor(1) as ahead,
        ):
            for (exchange, symbol), last_id in executed.items():
                market = self._market(connection, exchange, symbol)
                pages = list(_pages(market.next_id, last_id))
                coming = ahead.submit(self._truth, market, pages[0]) if pages else None
                for at, page in enumerate(pages):
                    assert coming is not None
                    true = coming.result()
                    if at + 1 < len(pages):
                        coming = ahead.submit(self._truth, market, pages[at + 1])
                    stored = _stored(connection, market, page)
                    _assert_equal(market, true, stored)
                    self.trades += market.learn(true)
                    market.stored = _lines.decode(stored.splitlines()[-1])
                    market.next_id = page[1] + 1
        self._assert_derived()

    def look_at_everything(self, executed: Mark) -> None:
        """Compare all trades once more, from the first on, and all that follows from them."""
        self._markets = {
            place: Market(market.exchange, market.symbol, market.first_id)
            for place, market in self._markets.items()
        }
        self.trades = 0
        self.look(executed)

    def newest(self) -> tuple[dict[Place, Trade], dict[Place, Candle]]:
        """Return the last trade of each symbol, and the candle of its last hour."""
        trades, hours = {}, {}
        for place, market in self._markets.items():
            if (last := market.newest()) is not None:
                trades[place] = last
                candles = market.candles()
                hours[place] = candles[max(key for key in candles if key[2] == HOUR_S)]
        return trades, hours

    def _market(self, connection: psycopg.Connection, exchange: str, symbol: str) -> Market:
        found = self._markets.get((exchange, symbol))
        if found is None:
            row = connection.execute(
                "SELECT min(trade_id) FROM trade"
                " WHERE exchange = %s AND symbol = %s AND series = 0",
                (exchange, symbol),
            ).fetchone()
            assert row is not None
            assert row[0] is not None, f"nothing of {exchange}:{symbol} is stored"
            found = self._markets[exchange, symbol] = Market(exchange, symbol, row[0])
        return found

    def _truth(self, market: Market, page: tuple[int, int]) -> bytes:
        connection = http.client.HTTPConnection(
            "127.0.0.1", self._stack.settings.simulator_port, timeout=ANSWER_S
        )
        try:
            where = f"exchange={market.exchange}&symbol={market.symbol}"
            connection.request("GET", f"/truth?{where}&from_id={page[0]}&to_id={page[1]}")
            answer = connection.getresponse()
            assert answer.status == 200
            return answer.read()
        finally:
            connection.close()

    def _assert_derived(self) -> None:
        """Candles, views and live values are what the truth says."""
        expected: Candles = {}
        newest = {}
        for place, market in self._markets.items():
            expected |= market.candles()
            if (last := market.newest()) is not None:
                newest[place] = last
        self.candles = len(expected)
        assert_same("candles", candles_in(self._stack), expected)
        averages = assert_views(self._stack, newest, expected)
        assert_live(self._stack, newest, expected, averages)


def _pages(first_id: int, last_id: int) -> Iterator[tuple[int, int]]:
    for start in range(first_id, last_id + 1, PAGE):
        yield start, min(start + PAGE - 1, last_id)


def _stored(connection: psycopg.Connection, market: Market, page: tuple[int, int]) -> bytes:
    query = sql.SQL(STORED).format(market.exchange, market.symbol, *page)
    with connection.cursor().copy(query) as copy:
        return b"".join(copy)


def _assert_equal(market: Market, true: bytes, stored: bytes) -> None:
    """Fail unless both pages are the same, and say what is lost, double or different."""
    if true == stored:
        return
    wanted = {one.trade_id: one for one in _lines.decode_lines(true)}
    found = _lines.decode_lines(stored)
    ids = {one.trade_id for one in found}
    lost = sorted(wanted.keys() - ids)
    double = len(found) - len(ids)
    alien = sorted(ids - wanted.keys())
    other = [one for one in found if one.trade_id in wanted and not _same(one, wanted)]
    wrong = [*lost, *alien, *other]
    assert len(wrong) + double == 0, (
        f"{market.exchange}:{market.symbol}: {len(lost)} lost, such as {lost[:SHOWN]}; "
        f"{double} double; {len(alien)} never happened: {alien[:SHOWN]}; "
        f"{len(other)} differ: {other[:SHOWN]}"
    )


def _same(one: Execution, wanted: dict[int, Execution]) -> bool:
    true = wanted[one.trade_id]
    numbers = [Decimal(text) for text in (one.price, one.size)]
    return numbers == [Decimal(text) for text in (true.price, true.size)] and (
        one.ts_event,
        one.side,
    ) == (true.ts_event, true.side)

"""Whether an installation at rest has exactly what happened: the one check behind most tests here.

Trades are compared with the journals and with the simulator's truth; candles, views and the live
values with a recomputation from those trades that shares no code with ``market``.
"""

from collections.abc import Collection
from decimal import ROUND_HALF_UP, Decimal, localcontext
from typing import Any

import zmq
from msgspec import msgpack

from bus.messages import Candle, QuarantineBatch, Quarantined, Trade, TradeBatch
from tests.e2e.stack import Mark, Stack
from tests.eventually import eventually
from tests.store.folding import grouped, opening

INTERVALS = {60: "1m", 3600: "1h", 86400: "1d"}
KINDS = ("ticker", "average", *(f"candle.{name}" for name in INTERVALS.values()))
"""Of the tap's topics: what every symbol has."""
Candles = dict[tuple[str, str, int, int], Candle]
"""By exchange, symbol, interval in seconds, ts_open."""
Ids = dict[tuple[str, int], Trade]
"""By symbol and trade id."""


def assert_exact(
    stack: Stack, since: Mark | None = None, whole: Collection[str] | None = None
) -> dict[tuple[str, str], int]:
    """Bring the installation to rest and fail unless all of it agrees; then let it trade on.

    Args:
        stack: the installation.
        since: ids after which nothing may be missing; None: from the very first on.
        whole: the exchanges that this holds for, all by default.

    Returns:
        How many trades of each symbol were compared with the truth after ``since``.
    """
    with stack.at_rest() as executed:
        trades = {exchange: stored_trades(stack, exchange) for exchange in stack.settings.feeds}
        for exchange, stored in trades.items():
            _assert_journalled(stack, exchange, stored)
        compared = {}
        for exchange, symbol in executed:
            count = _assert_true(stack, exchange, symbol, trades[exchange])
            if whole is None or exchange in whole:
                after = (since or {}).get((exchange, symbol), 0)
                compared[exchange, symbol] = count - _assert_whole(
                    stack, exchange, symbol, trades[exchange], after
                )
        expected = recomputed(trades)
        assert_same("candles", stored_candles(stack), expected)
        averages = assert_views(stack, newest(trades), expected)
        assert_live(stack, newest(trades), expected, averages)
    return compared


def assert_same(what: str, found: dict[Any, Any], expected: dict[Any, Any]) -> None:
    """Fail with the first few differences of two tables."""
    if found != expected:
        keys = [key for key in {**found, **expected} if found.get(key) != expected.get(key)]
        lines = [
            f"{key}: {found.get(key)!r}, must be {expected.get(key)!r}" for key in sorted(keys)[:5]
        ]
        raise AssertionError(f"{len(keys)} of {len(expected)} {what} differ:\n" + "\n".join(lines))


def stored_trades(stack: Stack, exchange: str) -> Ids:
    """Return the trades in Postgres, prices and sizes in the digits they were stored with."""
    rows = stack.rows(
        "SELECT symbol, trade_id, (extract(epoch FROM ts_event) * 1000000)::bigint,"
        " (extract(epoch FROM ts_recv) * 1000000)::bigint, price, size, side, series"
        " FROM trade WHERE exchange = %s ORDER BY symbol, trade_id",
        exchange,
    )
    found = {}
    for symbol, trade_id, ts_event, ts_recv, price, size, side, series in rows:
        found[symbol, trade_id] = Trade(
            symbol, trade_id, ts_event, ts_recv, f"{price:f}", f"{size:f}", side, series
        )
    assert len(found) == len(rows), f"an id twice in {exchange}"
    return found


def journalled(stack: Stack, exchange: str) -> list[Trade]:
    """Return every trade in an exchange's journal."""
    batches = [one for one in stack.journal(exchange) if isinstance(one, TradeBatch)]
    return [trade for batch in batches for trade in batch.trades]


def quarantined(stack: Stack, exchange: str) -> list[Quarantined]:
    """Return every quarantined trade in an exchange's journal."""
    batches = [one for one in stack.journal(exchange) if isinstance(one, QuarantineBatch)]
    return [item for batch in batches for item in batch.items]


def _assert_journalled(stack: Stack, exchange: str, stored: Ids) -> None:
    """Every trade of the journal is in Postgres as it was written, and nothing else is."""
    written = journalled(stack, exchange)
    by_id = {(trade.symbol, trade.trade_id): trade for trade in written}
    assert len(by_id) == len(written), f"{len(written) - len(by_id)} trades twice in the journal"
    assert_same(f"trades of {exchange}", stored, by_id)


def _assert_true(stack: Stack, exchange: str, symbol: str, stored: Ids) -> int:
    """What is stored happened so; return the id of the last trade that did."""
    true = {one.trade_id: one for one in stack.truth(exchange, symbol)}
    for (name, trade_id), trade in stored.items():
        if name == symbol:
            one = true[trade_id]
            found = (trade.ts_event, Decimal(trade.price), Decimal(trade.size or 0), trade.side)
            expected = (one.ts_event, Decimal(one.price), Decimal(one.size), one.side)
            assert found == expected, f"{symbol} {trade_id} is {found}, must be {expected}"
    return len(true)


def _assert_whole(stack: Stack, exchange: str, symbol: str, stored: Ids, after: int) -> int:
    """Nothing after an id is missing, but for what is in quarantine; return how many are before."""
    spoilt = {
        trade_id
        for (trade_id,) in stack.rows(
            "SELECT trade_id FROM quarantine WHERE exchange = %s AND symbol = %s", exchange, symbol
        )
    }
    ids = [one.trade_id for one in stack.truth(exchange, symbol)]
    both = [trade_id for trade_id in spoilt if (symbol, trade_id) in stored]
    assert both == [], f"{symbol}: {both[:5]} are in quarantine and counted too"
    missing = [
        trade_id
        for trade_id in ids
        if trade_id > after and (symbol, trade_id) not in stored and trade_id not in spoilt
    ]
    assert missing == [], f"{exchange}:{symbol} lacks {len(missing)} ids, such as {missing[:5]}"
    return sum(trade_id <= after for trade_id in ids)


def recomputed(trades: dict[str, Ids]) -> Candles:
    """Return the candles of all stored intervals, from nothing but the trades."""
    found: Candles = {}
    for exchange, by_id in trades.items():
        by_symbol: dict[str, list[Trade]] = {}
        for trade in by_id.values():
            by_symbol.setdefault(trade.symbol, []).append(trade)
        for symbol, own in by_symbol.items():
            for interval_s in INTERVALS:
                for ts_open, candle in grouped(own, opening(interval_s)).items():
                    found[exchange, symbol, interval_s, ts_open] = candle
    return found


def stored_candles(stack: Stack) -> Candles:
    """Return the candles in Postgres."""
    rows = stack.rows(
        "SELECT exchange, symbol, interval_s, (extract(epoch FROM ts_open) * 1000000)::bigint,"
        " n, open, open_key, high, low, close, close_key, volume, sum_p, sum_pq FROM candle"
    )
    found: Candles = {}
    for row in rows:
        values: list[Any] = [tuple(one) if isinstance(one, list) else one for one in row[4:]]
        found[row[0], row[1], row[2], row[3]] = Candle(*values)
    return found


def average_of(candle: Candle) -> Decimal:
    """Return Σ price / n, rounded half up to twelve places."""
    with localcontext() as context:
        context.prec = 200
        return (candle.sum_p / candle.n).quantize(Decimal("1E-12"), rounding=ROUND_HALF_UP)


def newest(trades: dict[str, Ids]) -> dict[tuple[str, str], Trade]:
    """Return the trade with the highest id of each symbol."""
    return {
        (exchange, symbol): by_id[symbol, trade_id]
        for exchange, by_id in trades.items()
        for symbol, trade_id in sorted(by_id)
    }


def assert_views(
    stack: Stack, last_of: dict[tuple[str, str], Trade], candles: Candles
) -> dict[tuple[str, str, int], tuple[Decimal, int]]:
    """The two views say what the trades say; return average and count of each hour."""
    hours = {
        (exchange, symbol, ts_open): candle
        for (exchange, symbol, interval_s, ts_open), candle in candles.items()
        if interval_s == 3600
    }
    rows = stack.rows(
        "SELECT exchange, pair, (extract(epoch FROM hour_start_utc) * 1000000)::bigint,"
        " avg_price, tick_count, last_tick_price FROM hourly_averages"
    )
    expected: dict[Any, Any] = {
        (exchange, symbol.replace("-", ""), ts_open): (average_of(made), made.n, made.close)
        for (exchange, symbol, ts_open), made in hours.items()
    }
    assert_same("hourly averages", {tuple(row[:3]): tuple(row[3:]) for row in rows}, expected)
    rows = stack.rows(
        "SELECT exchange, pair, price, (extract(epoch FROM ts) * 1000000)::bigint FROM last_ticks"
    )
    expected = {
        (exchange, symbol.replace("-", "")): (Decimal(last.price), last.ts_event)
        for (exchange, symbol), last in last_of.items()
    }
    assert_same("last ticks", {tuple(row[:2]): tuple(row[2:]) for row in rows}, expected)
    return {key: (average_of(made), made.n) for key, made in hours.items()}


def assert_live(
    stack: Stack,
    last_of: dict[tuple[str, str], Trade],
    candles: Candles,
    averages: dict[tuple[str, str, int], tuple[Decimal, int]],
) -> None:
    """What the tap gives to whoever subscribes now is what is stored."""
    with zmq.Context() as context, context.socket(zmq.SUB) as tap:
        for prefix in (b"ticker.", b"candle.", b"average."):
            tap.setsockopt(zmq.SUBSCRIBE, prefix)
        tap.connect(stack.tap)
        held: dict[str, dict[str, Any]] = {}

        def differences() -> list[str]:
            while tap.poll(0):
                topic, payload = tap.recv_multipart()
                held[topic.decode()] = msgpack.decode(payload)
            wrong = []
            for (exchange, symbol), last in last_of.items():
                for kind in KINDS:
                    message = held.get(f"{kind}.{exchange}.{symbol}.")
                    if message is None or not _agrees(message, last, candles, averages):
                        wrong.append(f"{kind} {exchange}:{symbol}: {message}")
            return wrong

        try:
            eventually(lambda: differences() == [], within=10)
        except AssertionError:
            wrong = differences()
            raise AssertionError(f"{len(wrong)} live values differ: {wrong[:3]}") from None


def _agrees(
    message: dict[str, Any],
    last: Trade,
    candles: Candles,
    averages: dict[tuple[str, str, int], tuple[Decimal, int]],
) -> bool:
    where = (message["exchange"], message["symbol"])
    if message["type"] == "candle":
        made = candles.get((*where, message["interval_s"], message["ts_open"]))
        names = ("open", "high", "low", "close", "volume", "sum_p", "sum_pq")
        return (
            made is not None
            and (message["n"], message["revision"]) == (made.n, made.n)
            and all(Decimal(message[name]) == getattr(made, name) for name in names)
        )
    average = averages.get((*where, message["hour_start"]))
    if message["type"] == "average":
        return average == (Decimal(message["avg"]), message["count"])
    if (message["price"], message["ts_event"]) != (last.price, last.ts_event):
        return False
    if average is None:  # the market's clock has gone on into an hour without trades
        empty = (message["hour_avg"], message["hour_count"]) == (None, 0)
        return empty and message["hour_start"] > last.ts_event
    return average == (Decimal(message["hour_avg"]), message["hour_count"])

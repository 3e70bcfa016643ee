"""The candles that the web is given, against a fold of the trades in the plainest way."""

from decimal import ROUND_HALF_UP, Decimal, localcontext

import pytest

from bus.messages import Candle, Trade
from bus.topics import INTERVAL_NAMES
from market.sampling import STEPS
from store import candle_rows
from store.candle_rows import CandleRow
from store.pool import Connection
from tests.store.asking import ask, store
from tests.store.folding import START, fold, grouped, opening, random_trades

DAY = 86_400_000_000
HOUR = 3_600_000_000


def row(ts_open: int, candle: Candle) -> CandleRow:
    """The row that a candle must be."""
    with localcontext() as context:
        context.prec = 200
        mean = candle.sum_pq / candle.volume if candle.volume else None
        if mean is not None:
            mean = mean.quantize(Decimal("1e-12"), rounding=ROUND_HALF_UP)
    prices = (candle.open, candle.high, candle.low, candle.close, candle.volume)
    opened, high, low, close, volume = (format(each, "f") for each in prices)
    weighted = None if mean is None else format(mean, "f")
    return (ts_open // 1_000_000, opened, high, low, close, volume, candle.n, weighted)


@pytest.mark.parametrize("interval_s", sorted({*INTERVAL_NAMES, *STEPS}))
def test_candles_of_every_interval_are_the_fold_of_their_trades(
    connection: Connection, database: str, interval_s: int
) -> None:
    made = random_trades(5, 1500, 20)
    store(connection, made)
    store(connection, random_trades(6, 50, 20, "BTC-USDT"))
    store(connection, random_trades(7, 50, 20), exchange="coinbase")
    folded = grouped(made, opening(interval_s))
    expected = [row(ts_open, candle) for ts_open, candle in folded.items()]

    def between(from_us: int, to_us: int, limit: int) -> list[CandleRow]:
        return ask(
            database,
            lambda pool: candle_rows.newest(
                pool, "binance", "ETH-USDT", interval_s, from_us, to_us, limit
            ),
        )

    assert between(0, 1 << 62, 10_000) == expected
    assert between(0, 1 << 62, 2) == expected[-2:]
    second, last = list(folded)[1], list(folded)[-1]
    assert between(second, last, 10_000) == expected[1:-1]
    assert between(second + 1, last + 1, 10_000) == expected[2:]
    assert between(last + 1, second, 10_000) == []


def test_two_weeks_are_counted_from_a_monday(connection: Connection, database: str) -> None:
    made = random_trades(8, 300, 60)
    store(connection, made)
    weeks = 2 * 604800
    monday = 4 * DAY

    def fortnight(ts: int) -> int:
        return (ts - monday) // (weeks * 1_000_000) * weeks * 1_000_000 + monday

    expected = [row(ts_open, candle) for ts_open, candle in grouped(made, fortnight).items()]
    found = ask(
        database,
        lambda pool: candle_rows.newest(pool, "binance", "ETH-USDT", weeks, 0, 1 << 62, 100),
    )
    assert found == expected


@pytest.mark.parametrize("interval_s", [60, 300])
def test_a_candle_without_sizes_has_no_weighted_price(
    connection: Connection, database: str, interval_s: int
) -> None:
    store(connection, [Trade("ETH-USDT", 1, START, START, "10.50", None, None)])
    found = ask(
        database,
        lambda pool: candle_rows.newest(pool, "binance", "ETH-USDT", interval_s, 0, 1 << 62, 9),
    )
    assert found == [(START // 1_000_000, "10.50", "10.50", "10.50", "10.50", found[0][5], 1, None)]
    assert Decimal(found[0][5]) == 0


def test_the_largest_and_the_smallest_numbers_keep_all_their_digits(
    connection: Connection, database: str
) -> None:
    large, small = "999999999999.999999999999999999", "0.000000000000000001"
    made = [
        Trade("ETH-USDT", 1, START, START, large, large, None),
        Trade("ETH-USDT", 2, START, START, small, small, None),
    ]
    store(connection, made)
    found = ask(
        database,
        lambda pool: candle_rows.newest(pool, "binance", "ETH-USDT", 60, 0, 1 << 62, 9),
    )
    assert found == [row(START, fold(made))]


def test_parts_are_the_stored_candles_themselves(connection: Connection, database: str) -> None:
    made = random_trades(9, 200, 2)
    store(connection, made)
    begin = START + DAY
    folded = grouped(made, opening(3600))
    expected = {ts_open: candle for ts_open, candle in folded.items() if ts_open >= begin}
    found = ask(database, lambda pool: candle_rows.parts(pool, "binance", "ETH-USDT", 3600, begin))
    assert found == expected


def test_closes_are_those_of_each_symbols_own_24_hours(
    connection: Connection, database: str
) -> None:
    ether, bitcoin = random_trades(10, 400, 4), random_trades(11, 400, 4, "BTC-USDT")
    store(connection, ether)
    store(connection, bitcoin)
    firsts = {
        ("binance", "ETH-USDT"): START + DAY,
        ("binance", "BTC-USDT"): START + 2 * DAY + HOUR,
        ("coinbase", "BTC-USDT"): START,
    }
    expected = {
        key: {
            hour // 1_000_000: (candle.n, candle.close)
            for hour, candle in grouped(made, opening(3600)).items()
            if firsts[key] <= hour < firsts[key] + DAY
        }
        for key, made in zip(firsts, (ether, bitcoin, []), strict=True)
    }
    assert ask(database, lambda pool: candle_rows.closes(pool, firsts)) == expected
    assert sum(map(len, expected.values())) > 40


def test_the_exchanges_order_decides_open_and_close_not_the_time(
    connection: Connection, database: str
) -> None:
    minute = 60_000_000
    keys = [(0, 9), (1, 2), (0, -5), (1, 1), (0, 10)]
    made = [
        Trade("ETH-USDT", trade_id, START + n * minute, START, f"{n + 1}.50", "1", None, series)
        for n, (series, trade_id) in enumerate(keys)
    ]
    store(connection, made)
    [found] = ask(
        database,
        lambda pool: candle_rows.newest(pool, "binance", "ETH-USDT", 300, 0, 1 << 62, 9),
    )
    assert found == row(START, fold(made))
    assert (found[1], found[4]) == ("3.50", "2.50")

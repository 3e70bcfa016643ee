import itertools
from decimal import ROUND_HALF_UP, Decimal, localcontext
from random import Random

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bus.messages import Candle, Gap, History, Trade
from store import candles, gaps, history, trades
from store.pool import Connection, snapshot
from tests.store.asking import ask, store
from tests.store.folding import START, fold, grouped, number, opening, random_trades

HOUR = 3_600_000_000
DAY = 24 * HOUR
_symbols = (f"A{number}-USD" for number in itertools.count())


DECIMALS = st.decimals(
    min_value="0.000000000000000001", max_value="999999999999", allow_nan=False, places=18
).map(lambda value: format(value, "f"))
TRADES = st.lists(
    st.builds(
        Trade,
        symbol=st.just("A-USD"),
        trade_id=st.integers(0, 1 << 62),
        ts_event=st.just(START),
        ts_recv=st.just(START),
        price=DECIMALS,
        size=st.none() | DECIMALS,
        side=st.none(),
        series=st.integers(0, 2),
    ),
    min_size=1,
    max_size=12,
    unique_by=lambda trade: (trade.series, trade.trade_id),
)


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data(), made=TRADES)
def test_merge_of_any_split_is_the_fold_of_all(
    connection: Connection, data: st.DataObject, made: list[Trade]
) -> None:
    key = (next(_symbols), 60, START)
    whole = fold(made)
    rest = made
    merged: list[tuple[str, int, int, Candle]] = []
    while rest:
        size = data.draw(st.integers(1, len(rest)))
        part, rest = rest[:size], rest[size:]
        merged = candles.merge(connection, "binance", {key: fold(part)})
    assert merged == [(*key, whole)]
    rows = candles.since(connection, "binance", START, [60])
    assert [row for row in rows if row[0] == key[0]] == [(*key, whole)]


def test_merge_takes_many_candles_at_once_and_passes_over_empty_ones(
    connection: Connection,
) -> None:
    chance = Random(1)
    made = {
        (symbol, interval_s, START + minute * 60_000_000): fold(
            random_trades(chance.randrange(1 << 30), 3, 1)
        )
        for symbol in ("ETH-USDT", "BTC-USDT")
        for interval_s in (60, 3600)
        for minute in range(20)
    }
    nothing = Candle(
        0, Decimal(0), (0, 0), Decimal(0), Decimal(0), Decimal(0), (0, 0), *[Decimal(0)] * 3
    )
    merged = candles.merge(connection, "binance", {**made, ("NO-USD", 60, START): nothing})
    assert {row[:3]: row[3] for row in merged} == made
    assert candles.merge(connection, "binance", {}) == []


def test_candle_refuses_what_is_no_price(connection: Connection) -> None:
    right = fold(random_trades(1, 3, 1))
    fields = {name: getattr(right, name) for name in right.__struct_fields__}
    for column in ("open", "high", "low", "close", "sum_p", "volume", "sum_pq"):
        wrongs = {"NaN", "Infinity", "-Infinity", "-1"}
        wrongs |= set() if column in ("volume", "sum_pq") else {"0"}
        wrongs |= set() if column in ("volume", "sum_p", "sum_pq") else {"1e12"}
        for wrong in wrongs:
            made = Candle(**{**fields, column: Decimal(wrong)})
            with pytest.raises(psycopg.errors.CheckViolation):
                candles.merge(connection, "binance", {("A-USD", 60, START): made})
    assert candles.merge(connection, "binance", {("A-USD", 60, START): right})


def averages_to_try() -> list[tuple[Decimal, int]]:
    chance = Random(2)
    half = [
        (Decimal(f"{chance.randrange(1, 99999)}.{chance.randrange(10**11):011}{odd}"), 2)
        for odd in (1, 3, 5, 7, 9)
        for _ in range(40)
    ]
    eighths = [(Decimal(k) / 10**12 + 1000, 8) for k in range(4, 400, 8)]
    with localcontext() as context:
        context.prec = 80
        near = [
            # One unit in the 18th place below and above the half of the last place.
            (Decimal(n) * Decimal("123.4567890123455") + step * Decimal("1e-18"), n)
            for n in (3, 7, 999_983, 10**9 + 7)
            for step in (-1, 0, 1)
        ]
        any_of = [
            (Decimal(number(chance, 10**9)) * chance.randrange(1, 1000), chance.randrange(1, 10**7))
            for _ in range(1500)
        ]
    return half + eighths + near + any_of


def test_hourly_averages_are_what_decimal_rounds_half_up(
    connection: Connection, database: str
) -> None:
    tried = averages_to_try()
    base = fold(random_trades(3, 2, 1))
    fields = {name: getattr(base, name) for name in base.__struct_fields__}
    made = {
        ("ETH-USDT", 3600, START + hour * HOUR): Candle(**{**fields, "sum_p": sum_p, "n": n})
        for hour, (sum_p, n) in enumerate(tried)
    }
    candles.merge(connection, "binance", made)
    candles.merge(connection, "binance", {("ETH-USDT", 60, START): base})
    with localcontext() as context:
        context.prec = 96
        expected = [
            (sum_p / n).quantize(Decimal("1e-12"), rounding=ROUND_HALF_UP) for sum_p, n in tried
        ]
    rows = connection.execute(
        "SELECT pair, avg_price, tick_count, last_tick_price FROM hourly_averages"
        " ORDER BY hour_start_utc"
    ).fetchall()
    assert rows == [
        ("ETHUSDT", avg, n, base.close) for avg, (_, n) in zip(expected, tried, strict=True)
    ]
    answer = ask(
        database,
        lambda pool: candles.averages(
            pool, "binance", "ETH-USDT", START + HOUR, START + len(tried) * HOUR
        ),
    )
    assert [row.avg for row in answer] == expected[1:]
    assert answer[0] == candles.HourAverage(START + HOUR, expected[1], tried[1][1], base.close)


def test_average_has_the_same_id_each_time_and_its_own(connection: Connection) -> None:
    made = fold(random_trades(4, 2, 1))
    ids = "SELECT id FROM hourly_averages ORDER BY exchange, pair, hour_start_utc"
    for exchange in ("binance", "coinbase"):
        candles.merge(
            connection, exchange, {("ETH-USD", 3600, START + h * HOUR): made for h in range(3)}
        )
    first = connection.execute(ids).fetchall()
    candles.merge(connection, "binance", {("ETH-USD", 3600, START): made})
    assert connection.execute(ids).fetchall() == first
    assert len(set(first)) == 6


def test_last_trades_are_the_last_by_id_and_known_since_the_first_minute(
    connection: Connection, database: str
) -> None:
    for exchange, symbol, seed in [
        ("binance", "ETH-USDT", 8),
        ("binance", "BTC-USDT", 9),
        ("coinbase", "ETH-USD", 10),
    ]:
        made = random_trades(seed, 30, 2, symbol)
        trades.copy(connection, exchange, made)
        store(connection, made, exchange)
    assert candles.last_trades(connection) == {
        ("binance", "ETH-USDT"): random_trades(8, 30, 2)[-1],
        ("binance", "BTC-USDT"): random_trades(9, 30, 2, "BTC-USDT")[-1],
        ("coinbase", "ETH-USD"): random_trades(10, 30, 2, "ETH-USD")[-1],
    }
    begun = opening(60)(random_trades(9, 30, 2, "BTC-USDT")[0].ts_event)
    assert candles.known_since(connection)["binance", "BTC-USDT"] == begun
    assert len(candles.known_since(connection)) == 3
    known = ask(database, lambda pool: candles.known(pool, "binance", "BTC-USDT"))
    assert known == (begun, None, False)
    assert ask(database, lambda pool: candles.known(pool, "binance", "NO-USD"))[0] is None


def test_it_is_known_how_far_published_candles_go_and_whether_trades_are_missing(
    connection: Connection, database: str
) -> None:
    def known(symbol: str = "ETH-USDT") -> tuple[int | None, int | None, bool]:
        return ask(database, lambda pool: candles.known(pool, "binance", symbol))

    for interval_s in (60, 3600):
        history.want(connection, {("binance", "ETH-USDT", interval_s): 9 * DAY})
    assert known() == (None, None, False)
    history.save(connection, History("binance", "ETH-USDT", 3600, DAY, 3 * DAY, []))
    history.save(connection, History("binance", "ETH-USDT", 60, DAY, 2 * DAY, []))
    assert known() == (None, 3 * DAY, False)
    missing = Gap("ETH-USDT", 5, 7)
    gaps.open(connection, "binance", [missing], "told")
    assert known() == (None, 3 * DAY, True)
    gaps.close(connection, "binance", [missing], "unfillable")
    assert known() == (None, 3 * DAY, True)
    gaps.open(connection, "binance", [missing], "told")
    gaps.close(connection, "binance", [missing], "filled")
    assert known() == (None, 3 * DAY, False)
    assert known("BTC-USDT") == (None, None, False)


def test_candles_of_keys_are_those_of_the_keys_that_there_are(connection: Connection) -> None:
    for exchange, symbol, seed in [("binance", "A-USD", 1), ("binance", "B-USD", 2), ("x", "A", 3)]:
        store(connection, random_trades(seed, 40, 1, symbol), exchange)
    everything = {
        row[:3]: row[3] for row in candles.since(connection, "binance", 0, (60, 3600, 86400))
    }
    keys = sorted(everything)[::7]
    wanted = [*keys, ("A-USD", 60, START - HOUR), ("A", 60, START), ("A-USD", 3600, START + 1)]
    found = {row[:3]: row[3] for row in candles.of_keys(connection, "binance", wanted)}
    assert found == {key: everything[key] for key in keys}
    assert list(candles.of_keys(connection, "binance", [])) == []


def test_an_hour_ends_with_the_trade_that_closed_it_unless_that_is_pruned(
    connection: Connection,
) -> None:
    made = random_trades(13, 60, 1)
    trades.copy(connection, "binance", made)
    store(connection, made)
    ends = {("ETH-USDT", opening(3600)(one.ts_event)): one.ts_event for one in made}
    assert candles.hour_ends(connection, "binance", START) == ends
    later = {key: ts for key, ts in ends.items() if key[1] >= START + 12 * HOUR}
    assert candles.hour_ends(connection, "binance", START + 12 * HOUR) == later
    connection.execute("DELETE FROM trade WHERE trade_id < %s", [made[30].trade_id])
    kept = {(one.symbol, opening(3600)(one.ts_event)): one.ts_event for one in made[30:]}
    assert candles.hour_ends(connection, "binance", START) == kept
    assert candles.hour_ends(connection, "coinbase", START) == {}


def test_last_ticks_have_the_trades_time_and_without_it_the_candles(
    connection: Connection,
) -> None:
    made = random_trades(11, 30, 2)
    trades.copy(connection, "binance", made)
    store(connection, made)
    ticks = """SELECT exchange, pair, price, (extract(epoch FROM ts) * 1000000)::bigint
               FROM last_ticks"""
    price = Decimal(made[-1].price)
    assert connection.execute(ticks).fetchall() == [
        ("binance", "ETHUSDT", price, made[-1].ts_event)
    ]
    connection.execute("DELETE FROM trade")
    assert connection.execute(ticks).fetchall() == [
        ("binance", "ETHUSDT", price, opening(60)(made[-1].ts_event))
    ]
    assert candles.last_trades(connection) == {}


def test_since_gives_only_the_intervals_and_times_asked_for(connection: Connection) -> None:
    made = random_trades(12, 400, 4)
    store(connection, made)
    begin = START + 2 * 86_400_000_000
    expected = [
        ("ETH-USDT", interval_s, ts_open, candle)
        for interval_s in (60, 86400)
        for ts_open, candle in grouped(made, opening(interval_s)).items()
        if ts_open >= begin
    ]
    assert list(candles.since(connection, "binance", begin, [60, 86400])) == expected


def test_snapshot_does_not_see_what_is_committed_meanwhile(
    connection: Connection, database: str
) -> None:
    candle = fold(random_trades(13, 3, 1))
    candles.merge(connection, "binance", {("A-USD", 60, START): candle})
    with psycopg.connect(database, autocommit=True) as other:
        with snapshot(connection):
            before = list(candles.since(connection, "binance", 0, [60]))
            candles.merge(other, "binance", {("B-USD", 60, START): candle})
            assert list(candles.since(connection, "binance", 0, [60])) == before
        assert len(list(candles.since(connection, "binance", 0, [60]))) == 2

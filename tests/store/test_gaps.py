"""Gaps in pages: each one once, the one that was opened last first; and how they are closed."""

from collections.abc import Awaitable, Iterable
from random import Random

import pytest
from msgspec.structs import replace

from bus.messages import Gap, Trade
from store import gaps, retention, trades
from store.gaps import GapRow, Position
from store.instants import text
from store.pool import Connection, Pool
from tests.eventually import eventually
from tests.store.asking import ask, store
from tests.store.folding import START

MINUTE_US = 60_000_000


def opened(connection: Connection, exchange: str, found: Iterable[Gap], at: int) -> None:
    """Open gaps at a moment, µs UTC."""
    for gap in found:
        connection.execute(
            "INSERT INTO gap (exchange, symbol, series, first_id, last_id, reason, opened_at)"
            " VALUES (%s, %s, %s, %s, %s, 'ids are missing', %s)",
            [exchange, gap.symbol, gap.series, gap.first_id, gap.last_id, text(at)],
        )
    connection.commit()


def states(connection: Connection) -> list[tuple[str, int, str, bool]]:
    """Return (exchange, first_id, state, whether it has an end) of all rows."""
    return connection.execute(
        "SELECT exchange, first_id, state, closed_at >= opened_at FROM gap ORDER BY 1, 2"
    ).fetchall()


async def walk(pool: Pool, limit: int) -> list[GapRow]:
    """Return all pages, one after the other."""
    found: list[GapRow] = []
    before: Position | None = None
    while page := await gaps.newest(pool, limit, before=before):
        found += page
        before = page[-1][:6]
    return found


def test_pages_have_every_gap_once_and_in_falling_order(
    connection: Connection, database: str
) -> None:
    chance = Random(1)
    expected = []
    for number in range(500):
        exchange, symbol = chance.choice(["binance", "coinbase"]), chance.choice(["A-USD", "B-USD"])
        gap = Gap(symbol, 10 * number, 10 * number + chance.randrange(9), chance.randrange(2))
        at = START + chance.randrange(20)
        opened(connection, exchange, [gap], at)
        key = (at, exchange, symbol, gap.series, gap.first_id, gap.last_id)
        expected.append(GapRow(*key, "open", "ids are missing", None))
    expected.sort(key=lambda row: row[:6], reverse=True)
    assert ask(database, lambda pool: walk(pool, 7)) == expected
    assert ask(database, lambda pool: walk(pool, 1000)) == expected


def test_only_gaps_of_the_state_the_exchange_and_the_symbol(
    connection: Connection, database: str
) -> None:
    for number, exchange in enumerate(("binance", "coinbase")):
        found = [Gap(symbol, first, first) for symbol in ("A-USD", "B-USD") for first in (1, 2)]
        opened(connection, exchange, found, START + number)
        gaps.close(connection, exchange, [Gap("A-USD", 1, 1)], "filled")
        gaps.close(connection, exchange, [Gap("B-USD", 1, 1)], "unfillable")
    connection.commit()

    async def asked(pool: Pool) -> list[list[tuple[str, str, int]]]:
        pages = [
            await gaps.newest(pool, 9, state="open", exchange="coinbase"),
            await gaps.newest(pool, 9, state="filled"),
            await gaps.newest(pool, 9, exchange="binance", symbol="B-USD"),
            await gaps.newest(pool, 9, state="unfillable", exchange="kraken"),
        ]
        return [[(row.exchange, row.symbol, row.first_id) for row in page] for page in pages]

    assert ask(database, asked) == [
        [("coinbase", "B-USD", 2), ("coinbase", "A-USD", 2)],
        [("coinbase", "A-USD", 1), ("binance", "A-USD", 1)],
        [("binance", "B-USD", 2), ("binance", "B-USD", 1)],
        [],
    ]


def test_a_page_is_not_shifted_by_gaps_that_are_opened_meanwhile(
    connection: Connection, database: str
) -> None:
    opened(connection, "binance", [Gap("A-USD", n, n) for n in range(20)], START)

    async def interrupted(pool: Pool) -> list[int]:
        first = await gaps.newest(pool, 5)
        opened(connection, "binance", [Gap("A-USD", n, n) for n in range(50, 60)], START + 1)
        rest = await gaps.newest(pool, 100, before=first[-1][:6])
        return [row.first_id for row in first + rest]

    assert ask(database, interrupted) == list(range(19, -1, -1))


def test_an_open_gap_is_closed_with_its_moment_and_a_closed_one_stays_as_it_is(
    connection: Connection,
) -> None:
    gap = Gap("A-USD", 5, 9)
    for exchange in ("binance", "coinbase"):
        gaps.open(connection, exchange, [gap, Gap("A-USD", 20, 20)], "ids are missing")
    gaps.close(connection, "binance", [gap, Gap("A-USD", 5, 8), Gap("A-USD", 20, 20, 1)], "filled")
    gaps.close(connection, "binance", [gap], "unfillable")
    assert states(connection) == [
        ("binance", 5, "filled", True),
        ("binance", 20, "open", None),
        ("coinbase", 5, "open", None),
        ("coinbase", 20, "open", None),
    ]
    assert gaps.opened(connection, "binance") == [Gap("A-USD", 20, 20)]
    assert gaps.opened(connection, "coinbase") == [gap, Gap("A-USD", 20, 20)]


def test_a_page_costs_as_many_rows_as_it_has_however_many_gaps_there_are(
    connection: Connection, database: str
) -> None:
    connection.execute(
        "INSERT INTO gap (exchange, symbol, series, first_id, last_id, reason, opened_at)"
        " SELECT 'binance', 'A-USD', 0, n, n, '', timestamptz 'epoch' + n / 2 * interval '1 s'"
        " FROM generate_series(1, 20000) AS n"
    )
    connection.execute("ANALYZE gap")
    connection.commit()

    async def two_pages(pool: Pool) -> list[int]:
        first = await gaps.newest(pool, 5)
        second = await gaps.newest(pool, 5, before=first[-1][:6])
        return [row.first_id for row in first + second]

    def read() -> int:
        connection.rollback()  # which ends what was known of the statistics
        row = connection.execute(
            "SELECT idx_tup_read FROM pg_stat_user_indexes WHERE indexrelname = 'gap_opened'"
        ).fetchone()
        assert row is not None
        return int(row[0])

    assert read() == 0
    assert ask(database, two_pages) == list(range(20000, 19990, -1))
    eventually(lambda: read() >= 10, within=10)
    assert read() < 20


def minutely(numbers: Iterable[int], series: int = 0) -> list[Trade]:
    """Return trades, number n in the n-th minute from START."""
    return [
        Trade("A-USD", number, START + number * MINUTE_US, START, "1", "1", None, series)
        for number in numbers
    ]


def spans(dsn: str, begin: int, end: int, symbol: str = "A-USD") -> list[tuple[int, int]]:
    """Return when trades of [begin, end) are missing; all in minutes from START."""
    given = (START + begin * MINUTE_US, START + end * MINUTE_US)
    rows = ask(dsn, lambda pool: gaps.spans(pool, "binance", symbol, *given))
    return sorted(((one - START) // MINUTE_US, (two - START) // MINUTE_US) for one, two in rows)


def test_what_is_missing_happened_in_the_minutes_from_the_trade_before_to_the_trade_after(
    connection: Connection, database: str
) -> None:
    store(connection, [one for one in minutely(range(9)) if one.trade_id not in (0, 3, 4, 6)])
    found = [Gap("A-USD", *ids) for ids in ((0, 0), (3, 3), (4, 4), (6, 6), (9, 11))]
    gaps.open(connection, "binance", found, "a test")
    gaps.close(connection, "binance", [found[1]], "unfillable")
    gaps.close(connection, "binance", [found[3]], "filled")
    connection.commit()
    assert spans(database, 0, 100) == [(2, 6), (2, 6), (8, 100)]
    assert spans(database, 5, 8) == [(2, 6), (2, 6)]
    assert spans(database, 6, 8) == []
    assert spans(database, 0, 2) == []
    assert spans(database, 0, 100, "B-USD") == []


def test_a_gap_within_one_minute_is_missing_there_and_one_across_series_between_them(
    connection: Connection, database: str
) -> None:
    within = [Trade("A-USD", n, START + 5 * MINUTE_US, START, "1", "1", None) for n in (5, 8)]
    after = [replace(one, ts_event=one.ts_event + 20 * MINUTE_US) for one in minutely([1, 2], 1)]
    store(connection, [*minutely([1, 2]), *within, *after])
    gaps.open(connection, "binance", [Gap("A-USD", 6, 7), Gap("A-USD", 9, 9)], "a test")
    connection.commit()
    assert spans(database, 0, 100) == [(5, 6), (5, 22)]


def test_when_trades_are_missing_is_known_after_those_next_to_them_are_pruned(
    connection: Connection, database: str
) -> None:
    store(connection, [one for one in minutely(range(60)) if not 20 <= one.trade_id <= 40])
    trades.copy(connection, "binance", minutely([18, 19, 41, 42, 59]))
    gaps.open(connection, "binance", [Gap("A-USD", 20, 40)], "a test")
    gaps.close(connection, "binance", [Gap("A-USD", 20, 40)], "unfillable")
    connection.commit()
    before = spans(database, 0, 60)
    assert retention.prune_trades(connection, 1)[0] == 4
    connection.commit()
    assert before == spans(database, 0, 60) == [(19, 42)]


def test_of_thousands_of_gaps_none_is_left_out_and_those_that_are_near_count_as_one(
    connection: Connection, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gaps, "SPANS_MAX", 3)
    missing = {10, 50, 52, 54, 90}
    store(connection, minutely(n for n in range(100) if n not in missing))
    gaps.open(connection, "binance", [Gap("A-USD", n, n) for n in missing], "a test")
    connection.commit()
    assert spans(database, 0, 100) == [(9, 12), (49, 56), (89, 92)]
    assert spans(database, 50, 54) == [(49, 52), (51, 54), (53, 56)]


def test_the_time_of_a_gap_is_found_by_the_index_however_many_candles_there_are(
    connection: Connection, database: str
) -> None:
    connection.execute(
        "INSERT INTO candle SELECT 'binance', 'A-USD', 60, to_timestamp(60 * n), 1,"
        " ARRAY[0, 2 * n], 1, 1, 1, ARRAY[0, 2 * n], 1, 1, 1, 1 FROM generate_series(1, 20000) AS n"
    )
    gaps.open(connection, "binance", [Gap("A-USD", 2 * n + 1, 2 * n + 1) for n in (9, 99)], "")
    connection.execute("ANALYZE candle")
    connection.commit()

    def read() -> int:
        connection.rollback()  # which ends what was known of the statistics
        row = connection.execute(
            "SELECT sum(idx_tup_read) FROM pg_stat_user_indexes WHERE relname = 'candle'"
        ).fetchone()
        assert row is not None
        return int(row[0])

    def asked(pool: Pool) -> Awaitable[list[tuple[int, int]]]:
        return gaps.spans(pool, "binance", "A-USD", 0, 10**15)

    before = read()
    minutes = [(one // MINUTE_US, two // MINUTE_US) for one, two in ask(database, asked)]
    assert sorted(minutes) == [(9, 11), (99, 101)]
    eventually(lambda: read() > before, within=10)
    assert read() - before < 20


def test_missing_is_what_is_open_or_cannot_be_filled(connection: Connection) -> None:
    rows = [Gap("A-USD", number, number, number % 2) for number in range(4)]
    gaps.open(connection, "binance", rows, "a test")
    gaps.close(connection, "binance", rows[:1], "filled")
    gaps.close(connection, "binance", rows[1:2], "unfillable")
    found = gaps.missing(connection, "binance")
    assert sorted(found, key=lambda gap: gap.first_id) == rows[1:]
    assert gaps.missing(connection, "coinbase") == []

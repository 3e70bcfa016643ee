"""Gaps in pages: each one once, the one that was opened last first; and how they are closed."""

from collections.abc import Iterable
from random import Random

from bus.messages import Gap, Trade
from store import gaps, trades
from store.gaps import GapRow, Position
from store.instants import text
from store.pool import Connection, Pool
from tests.eventually import eventually
from tests.store.asking import ask
from tests.store.folding import START


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


def test_what_is_missing_happened_between_the_trades_next_to_it(
    connection: Connection, database: str
) -> None:
    made = [Trade("A-USD", number, START + number, START, "1", "1", None) for number in range(9)]
    trades.copy(connection, "binance", [one for one in made if one.trade_id not in (0, 3, 4, 6)])
    found = [Gap("A-USD", *ids) for ids in ((0, 0), (3, 3), (4, 4), (6, 6), (9, 11))]
    gaps.open(connection, "binance", found, "a test")
    gaps.close(connection, "binance", [found[1]], "unfillable")
    gaps.close(connection, "binance", [found[3]], "filled")

    def spans(begin: int, end: int, symbol: str = "A-USD") -> list[tuple[int, int]]:
        given = (START + begin, START + end)
        rows = ask(database, lambda pool: gaps.spans(pool, "binance", symbol, *given))
        return sorted((first - START, last - START) for first, last in rows)

    assert spans(0, 100) == [(2, 5), (2, 5), (8, 100)]
    assert spans(5, 8) == [(2, 5), (2, 5)]
    assert spans(6, 8) == []
    assert spans(0, 2) == []
    assert spans(0, 100, "B-USD") == []


def test_missing_is_what_is_open_or_cannot_be_filled(connection: Connection) -> None:
    rows = [Gap("A-USD", number, number, number % 2) for number in range(4)]
    gaps.open(connection, "binance", rows, "a test")
    gaps.close(connection, "binance", rows[:1], "filled")
    gaps.close(connection, "binance", rows[1:2], "unfillable")
    found = gaps.missing(connection, "binance")
    assert sorted(found, key=lambda gap: gap.first_id) == rows[1:]
    assert gaps.missing(connection, "coinbase") == []

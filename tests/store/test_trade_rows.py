"""Raw trades in pages: every one once, in falling order, whatever is stored in between."""

from random import Random

from bus.messages import Trade
from store import trade_rows, trades
from store.pool import Connection, Pool
from store.trade_rows import Position, TradeRow
from tests.store.asking import ask
from tests.store.folding import START, random_trades


def position(trade: Trade) -> Position:
    return (trade.ts_event, trade.series, trade.trade_id)


def row(trade: Trade) -> TradeRow:
    return (*position(trade), trade.price, trade.size, trade.side)


def dense(count: int) -> list[Trade]:
    """Trades of which many share a microsecond, with ids of two series."""
    chance = Random(3)
    return [
        Trade(
            "ETH-USDT",
            index,
            START + index // 300,
            START,
            "1.50",
            "0.000000000000000001",
            chance.choice(["buy", None]),
            chance.randrange(2),
        )
        for index in range(count)
    ]


async def walk(pool: Pool, limit: int) -> list[TradeRow]:
    """Return all pages, one after the other."""
    found: list[TradeRow] = []
    before: Position | None = None
    while page := await trade_rows.newest(pool, "binance", "ETH-USDT", 0, 1 << 62, limit, before):
        found += page
        before = page[-1][:3]
    return found


def test_pages_have_every_trade_once_and_in_falling_order(
    connection: Connection, database: str
) -> None:
    made = dense(10_000)
    trades.copy(connection, "binance", made)
    trades.copy(connection, "coinbase", made[:50])
    expected = [row(trade) for trade in sorted(made, key=position, reverse=True)]
    assert ask(database, lambda pool: walk(pool, 999)) == expected
    assert ask(database, lambda pool: walk(pool, 10_000)) == expected


def test_a_page_is_not_shifted_by_trades_that_come_meanwhile(
    connection: Connection, database: str
) -> None:
    made = random_trades(4, 300, 2)
    late = [Trade("ETH-USDT", 9_000_000 + n, START + n, START, "1", None, None) for n in range(9)]
    newer = [
        Trade("ETH-USDT", 9_100_000 + n, made[-1].ts_event + n, START, "1", "1", "buy")
        for n in range(1, 99)
    ]
    trades.copy(connection, "binance", made)
    expected = [row(trade) for trade in sorted([*made, *late], key=position, reverse=True)]

    async def interrupted(pool: Pool) -> list[TradeRow]:
        first = await trade_rows.newest(pool, "binance", "ETH-USDT", 0, 1 << 62, 100)
        trades.copy(connection, "binance", [*late, *newer])
        rest = await trade_rows.newest(pool, "binance", "ETH-USDT", 0, 1 << 62, 1000, first[-1][:3])
        return first + rest

    assert ask(database, interrupted) == expected


def test_the_range_is_half_open(connection: Connection, database: str) -> None:
    made = random_trades(5, 50, 1)
    trades.copy(connection, "binance", made)
    begin, end = made[10].ts_event, made[40].ts_event
    found = ask(
        database,
        lambda pool: trade_rows.newest(pool, "binance", "ETH-USDT", begin, end, 1000),
    )
    assert found == [row(trade) for trade in reversed(made[10:40])]

"""Asks what the web asks, and stores the candles that it is to find."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from bus.messages import Trade
from store import candles
from store.pool import Connection, Pool, open_pool
from tests.store.folding import grouped, opening

Answer = TypeVar("Answer")


def ask(dsn: str, question: Callable[[Pool], Awaitable[Answer]]) -> Answer:
    """Return what a query answers over a pool of its own."""

    async def main() -> Answer:
        pool = await open_pool(dsn, 2)
        try:
            return await question(pool)
        finally:
            await pool.close()

    return asyncio.run(main())


def store(connection: Connection, given_trades: list[Trade], exchange: str = "binance") -> None:
    """Store the candles of trades of one symbol."""
    symbol = given_trades[0].symbol
    for interval_s in (60, 3600, 86400):
        made = grouped(given_trades, opening(interval_s))
        candles.merge(
            connection,
            exchange,
            {(symbol, interval_s, ts_open): candle for ts_open, candle in made.items()},
        )

"""The HTTP routes without a server: an application on a database and a hub told real messages."""

import asyncio
import dataclasses
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest
from starlette.types import ASGIApp

from bus.actor import instant
from bus.heartbeat import Health
from bus.log import Log
from bus.messages import Message, Trade
from bus.settings import Settings
from market import candle as candles
from market.symbols import Directory
from store import candles as stored
from store.pool import Connection, Pool, open_pool
from tests.web.asgi import Answer, ask
from tests.web.messages import FEEDS
from tests.web.stack import NO_DATABASE, RAISED
from web import rate_table
from web.app import build
from web.broadcaster import Broadcaster
from web.hub import Hub
from web.limits import Limits
from web.rate_limits import RateLimits
from web.services import Services

MINUTE = 60_000_000
HOUR = 3_600_000_000


class Api:
    """An application on a database, asked synchronously."""

    def __init__(self, folder: Path, dsn: str, **settings: Any) -> None:
        """``settings`` are those that are not the default ones."""
        self._dsn = dsn
        usual = Settings(
            data_dir=folder, feeds=FEEDS, rate_limit_general=RAISED, rate_limit_market=RAISED
        )
        self._settings = dataclasses.replace(usual, **settings)
        self._buckets = rate_table.private()
        self.health = Health("web-1")
        self.hub = Hub(stale_after_s=15)
        self.questions = 0
        """Connections that the last answers have taken from the pool."""
        self.seconds: list[float] = []
        """How long each of the last answers took."""

    def get(self, path: str, query: dict[str, str] | str = "", **headers: str) -> Answer:
        """Return the answer to one GET."""
        return self.all([(path, query)], **headers)[0]

    def all(
        self, asked: Sequence[tuple[str, dict[str, str] | str]], **headers: str
    ) -> list[Answer]:
        """Return the answers to several GETs, one after another on the same connections."""

        async def each() -> list[Answer]:
            async with self.open(2) as (app,):
                answers, self.seconds = [], []
                for one in asked:
                    began = time.perf_counter()
                    answers.append(await ask(app, *one, headers=headers))
                    self.seconds.append(time.perf_counter() - began)
                return answers

        return asyncio.run(each())

    def at_once(self, asked: Sequence[tuple[str, dict[str, str] | str]]) -> list[Answer]:
        """Return the answers to several GETs at the same time: together they wait but once."""

        async def each() -> list[Answer]:
            async with self.open(2) as (app,):
                return await asyncio.gather(*(ask(app, *one) for one in asked))

        return asyncio.run(each())

    @asynccontextmanager
    async def open(self, connections: int, processes: int = 1) -> AsyncIterator[list[ASGIApp]]:
        """The application, once for each of some web processes, which have buckets in common."""
        pools = [await open_pool(self._dsn, connections) for _ in range(processes)]
        try:
            yield [self._app(pool) for pool in pools]
        finally:
            self.questions = sum(pool.get_stats().get("requests_num", 0) for pool in pools)
            for pool in pools:
                await pool.close()

    def tell(self, *messages: Message) -> None:
        """Let the hub hear messages of the bus."""
        for message in messages:
            self.hub.message(message, instant())

    def _app(self, pool: Pool) -> ASGIApp:
        services = Services(
            self._settings,
            self.health,
            self.hub,
            Broadcaster(self.hub, Limits()),
            Directory(FEEDS),
            pool,
            "1.2.3",
            RateLimits(self._settings, self.health, self._buckets),
        )
        return build(services, Log("tests"))


@pytest.fixture
def api(tmp_path: Path, database: str) -> Api:
    """An application on a new migrated database."""
    return Api(tmp_path, database)


@pytest.fixture
def without_database(tmp_path: Path) -> Api:
    """An application whose database does not answer."""
    return Api(tmp_path, NO_DATABASE)


@pytest.fixture
def records(database: str) -> Iterator[Connection]:
    """A connection to the database of ``api``."""
    with psycopg.connect(database, autocommit=True) as connection:
        yield connection


def wall() -> int:
    """Return this moment, µs UTC."""
    return time.time_ns() // 1000


def moments() -> tuple[int, int]:
    """Return this hour's beginning and this moment."""
    now = wall()
    return now // HOUR * HOUR, now


def trades(ts_event: int, *prices: str, symbol: str = "ETH-USDT") -> list[Trade]:
    """Return trades of size 2, a microsecond apart."""
    first = ts_event // 1000
    return [
        Trade(symbol, first + i, ts_event + i, ts_event, price, "2", "buy")
        for i, price in enumerate(prices)
    ]


def store(connection: Connection, *groups: list[Trade]) -> None:
    """Add the candles of trades of binance to those that are stored."""
    for group in groups:
        stored.merge(connection, "binance", candles.fold(group))


def iso(ts: int) -> str:
    """Return µs UTC as text, cut to the second."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(ts // 1_000_000))

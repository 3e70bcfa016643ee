"""Every GET route under load, and every query behind them: p50 and p95 of each.

``python -m bench.bench_routes [--rate 1000] [--trades 2000000] [--times 200]``. Starts a whole demo
of its own, writes a week of candles and trades into its database, asks each route that the
application has many times over one connection, and has Postgres explain each query as often. The
plan of the slowest query goes to standard error.
"""

import argparse
import asyncio
import http.client
import re
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast
from urllib.parse import urlencode

import msgspec
import psycopg

from bench import market_week
from bench.figures import figure, percentile
from store import candle_rows, candles, trade_rows
from store.pool import Pool
from tests.e2e.stack import Stack
from tests.eventually import eventually
from web.app import endpoints
from web.schema import Endpoint

SYMBOL = ("binance", "ETH-USDT")
WEEK_US = market_week.WEEK_S * 1_000_000
PATIENCE_S = 60.0
Query = dict[str, str]


ASKED: dict[str, list[Query]] = {
    "/api/averages": [{"pair": "ETHUSDT"}, {"pair": "ETHUSDT", "from": "-7d"}],
    "/api/candles": [
        {"symbol": "ETH-USDT", "from": "-7d"},
        {"symbol": "ETH-USDT", "from": "-7d", "format": "csv"},
        {"symbol": "ETH-USDT", "from": "-7d", "interval": "5m"},
        {"symbol": "ETH-USDT", "from": "-7d", "interval": "1h"},
        {"symbol": "ETH-USDT", "limit": "300"},
    ],
    "/api/latest": [{}, {"symbols": "BTC,ETH,SOL,XRP,DOGE"}],
    "/api/market/price/{coin_id}": [{"coin_id": "bitcoin"}],
    "/api/markets": [{"sort": sort} for sort in ("volume", "gainers", "losers")],
    "/api/prices/{symbol}/history": [
        {"symbol": "ETH-USDT"},
        {"symbol": "ETH-USDT", "from": "-7d"},
        {"symbol": "ETH-USDT", "from": "-1d", "points": "5000"},
    ],
    "/prices/{symbol}/history": [{"symbol": "BTC"}],
    "/api/trades": [
        {"symbol": "ETH-USDT"},
        {"symbol": "ETH-USDT", "limit": "1000", "from": "-7d", "to": "-1d"},
    ],
}
"""How a route is asked where it needs something; ``-7d`` is seven days ago."""


def asked(endpoint: Endpoint) -> list[Query]:
    """Return the queries that a route is asked with; one without any where nothing is needed."""
    if endpoint.template in ASKED:
        return ASKED[endpoint.template]
    fields = msgspec.structs.fields(endpoint.query) if endpoint.query is not None else ()
    if any(field.required for field in fields):
        raise SystemExit(f"say in bench_routes.py how {endpoint.template} is to be asked")
    return [{}]


def address(endpoint: Endpoint, query: Query, now: datetime | None) -> str:
    """Return the path and the query string; without ``now`` days ago stay as they are written."""

    def value(text: str) -> str:
        ago = re.fullmatch(r"-([0-9]+)d", text)
        if ago is None or now is None:
            return text
        return (now - timedelta(days=int(ago[1]))).isoformat(timespec="seconds")

    rest = {key: value(text) for key, text in query.items() if key not in endpoint.in_path}
    return endpoint.template.format(**query) + ("?" + urlencode(rest, safe=",") if rest else "")


def measure(port: int, path: str, times: int, warm_up: int = 5) -> tuple[list[float], int]:
    """Return the ms of each answer, read to its end, and the bytes of the last one."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    taken: list[float] = []
    size = 0
    for number in range(times + warm_up):
        begin = time.perf_counter()
        connection.request("GET", path)
        answer = connection.getresponse()
        size = len(answer.read())
        if number >= warm_up:
            taken.append((time.perf_counter() - begin) * 1000)
        if answer.status != 200:
            raise SystemExit(f"{path} was answered with {answer.status}")
    connection.close()
    return taken, size


class Recorder:
    """Stands where a pool does, and keeps the statements that are executed."""

    def __init__(self, dsn: str) -> None:
        self._dsn = dsn
        self.statements: list[tuple[str, Any]] = []

    @asynccontextmanager
    async def connection(self, **_patience: float) -> Any:
        """Give itself as a connection."""
        yield self

    async def execute(self, query: str, parameters: Any) -> Any:
        """Execute a statement, once, and keep it."""
        self.statements.append((query, parameters))
        made = await psycopg.AsyncConnection.connect(self._dsn, autocommit=True)
        async with made:
            cursor = await made.execute(query.encode(), parameters)
            rows = await cursor.fetchall()

        class Rows:
            async def fetchall(self) -> Any:
                return rows

            async def fetchone(self) -> Any:
                return rows[0] if rows else None

        return Rows()


def queries(stack: Stack) -> dict[str, Callable[[Pool], Awaitable[object]]]:
    """Return every query of the market routes, by name."""
    now = time.time_ns() // 1000
    week, day = now - WEEK_US, now - WEEK_US // 7
    ago = {(name, one): day for name, symbols in stack.settings.feeds.items() for one in symbols}
    position = (now - WEEK_US // 2, 0, -1)

    def newest(interval_s: int, begin: int) -> Callable[[Pool], Awaitable[object]]:
        return lambda pool: candle_rows.newest(pool, *SYMBOL, interval_s, begin, 1 << 60, 10_001)

    return {
        "candles of a week, 1m": newest(60, week),
        "candles of a week, 5m": newest(300, week),
        "candles of a week, 30m": newest(1800, week),
        "candles of a week, 1h": newest(3600, week),
        "candles of a day, 5m": newest(300, day),
        "newest 300 of all candles, 4h": lambda pool: candle_rows.newest(
            pool, *SYMBOL, 14400, 0, 1 << 60, 300
        ),
        "parts of the running week": lambda pool: candle_rows.parts(pool, *SYMBOL, 86400, week),
        "closes of all symbols": lambda pool: candle_rows.closes(pool, ago),
        "what there is of a symbol": lambda pool: candles.known(pool, *SYMBOL),
        "averages of a week": lambda pool: candles.averages(pool, *SYMBOL, week, now),
        "newest trades": lambda pool: trade_rows.newest(pool, *SYMBOL, 0, 1 << 60, 1001),
        "trades from a cursor": lambda pool: trade_rows.newest(
            pool, *SYMBOL, week, 1 << 60, 1001, position
        ),
    }


def explain(stack: Stack, times: int) -> None:
    """Print what each query takes inside Postgres; say on standard error how the slowest goes."""
    slowest, plan = 0.0, ""
    with psycopg.connect(stack.settings.dsn, autocommit=True) as connection:
        for name, question in queries(stack).items():
            recorder = Recorder(stack.settings.dsn)
            asyncio.run(_await(question(cast(Pool, recorder))))
            [(statement, parameters)] = recorder.statements
            taken: list[float] = []
            for _ in range(times):
                rows = connection.execute(
                    ("EXPLAIN (ANALYZE, BUFFERS, TIMING OFF) " + statement).encode(), parameters
                ).fetchall()
                lines = [row[0] for row in rows]
                told = [line.split() for line in lines if line.endswith(" ms")]
                taken.append(sum(float(words[2]) for words in told))
            report("query", name, taken)
            if percentile(taken, 95) > slowest:
                slowest, plan = percentile(taken, 95), "\n".join([name, *lines])
    print(plan, file=sys.stderr)


async def _await(question: Awaitable[object]) -> None:
    await question


def report(kind: str, name: str, taken: list[float], **parameters: object) -> None:
    """Print the median and the 95th percentile."""
    for percent in (50, 95):
        value = percentile(taken, percent)
        figure("routes", "tickwire", f"{kind}_p{percent}", value, "ms", asked=name, **parameters)


def prepare(stack: Stack, trades: int) -> None:
    """Write the week and let the live view know of it."""
    market_week.fill(stack.settings.dsn, stack.settings.feeds, trades)
    before = stack.pid("aggregator")
    stack.kill("aggregator")
    stack.wait_back("aggregator", before, within=PATIENCE_S)

    def whole() -> bool:
        _, rows = stack.get("/api/prices")
        return all(row["change_24h"] is not None for row in rows)

    eventually(whole, within=PATIENCE_S)


def main(rate: int, trades: int, times: int) -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory() as folder:
        stack = Stack(Path(folder), RATE=str(rate), SEED="1").start()
        try:
            prepare(stack, trades)
            for endpoint in endpoints():
                if endpoint.method != "GET":
                    continue
                for query in asked(endpoint):
                    path = address(endpoint, query, datetime.now(UTC))
                    taken, size = measure(stack.settings.port, path, times)
                    name = address(endpoint, query, None)
                    report("route", name, taken, rate=rate, bytes=size)
            explain(stack, times)
            stack.stop()
        finally:
            stack.remove()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rate", type=int, default=1000)
    parser.add_argument("--trades", type=int, default=2_000_000)
    parser.add_argument("--times", type=int, default=200)
    chosen = parser.parse_args()
    main(chosen.rate, chosen.trades, chosen.times)

"""REST under load: how many requests a second, and how long each takes beside trading.

``python -m bench.bench_rest [--rate 1000] [--minutes 525600] [--seconds 20] [--times 300]``. Starts
a demo with the request limits on but raised and asks for ``/api/last`` with wrk as often as it
goes, beside a few trades. Then one with a year of minutes of every symbol in its database, and
asks, while trades flow: the same; ``/api/candles`` for 24 hours of minutes 200 times a second;
every range that a chart shows; every other market route one after the other.
"""

import argparse
import asyncio
import tempfile
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from bench import market_year
from bench.bench_routes import PATIENCE_S, Query, address, asked, measure
from bench.figures import figure, percentile
from bench.rest import wrk
from bench.rest.paced import paced
from bus import settings
from tests.e2e.stack import Stack
from tests.eventually import eventually
from web.app import endpoints
from web.kept import KEPT_US

PER_S = 200
RANGES = (
    ("1m", "-1d"), ("1m", "-6d"), ("5m", "-7d"), ("15m", "-30d"), ("1h", "-90d"), ("1h", "-365d"),
    ("4h", "-365d"), ("1d", "-365d"), ("1w", "-365d"),
)  # fmt: skip
"""(interval, how far back) as charts show them, up to the year that is stored."""
SYMBOL = "ETH-USDT"
ROUNDS = 12
"""That each range of each symbol is asked for."""
LIMIT = "1000000000"
FEW = 20
"""Trades a second that leave the machine to those who ask."""
RUNS, WARM_UP_S = 5, 5


def raised() -> dict[str, str]:
    """Return the settings that raise every request limit out of the way, none switched off."""
    keys = {key for key, _, _ in settings.rows()}
    return {key: LIMIT for key in ("RATE_LIMIT_GENERAL", "RATE_LIMIT_MARKET") if key in keys}


def report(name: str, kind: str, taken: Sequence[float], **parameters: object) -> None:
    """Print the percentiles of some ms."""
    for percent in (50, 95, 99):
        value = percentile(taken, percent)
        figure("rest", "tickwire", f"{kind}_p{percent}", value, "ms", asked=name, **parameters)


def last(stack: Stack, seconds: int, connections: int, rate: int) -> None:
    """Ask for the last prices as often as it goes."""
    found = wrk.ask(f"{stack.url}/api/last", threads=1, connections=connections, seconds=seconds)
    per_s = found.requests / found.us * 1e6
    web = stack.settings.web_processes
    name = {"asked": "/api/last", "connections": connections, "web": web, "trades_per_s": rate}
    figure("rest", "tickwire", "wrk", per_s, "requests/s", **name)
    for percent, us in ((50, found.p50), (95, found.p95), (99, found.p99)):
        figure("rest", "tickwire", f"wrk_p{percent}", us / 1000, "ms", **name)


def candles(stack: Stack, seconds: float) -> None:
    """Ask for a day of minutes so many times a second."""
    begin = int(time.time()) // 60 * 60 - 86_400
    path = f"/api/candles?symbol={SYMBOL}&interval=1m&from={_iso(begin)}&to={_iso(begin + 86_400)}"
    taken, size = asyncio.run(paced(stack.settings.port, path, PER_S, seconds))
    report("/api/candles of 24 h of minutes", "paced", taken, per_s=PER_S, bytes=size)


def charts(stack: Stack, rounds: int) -> None:
    """Ask for every range of every symbol's chart in turn, so that no answer is still kept."""
    now = datetime.now(UTC)
    endpoint = next(each for each in endpoints() if each.template == "/api/candles")
    symbols = [
        f"{exchange}:{one}" for exchange, all_ in stack.settings.feeds.items() for one in all_
    ]
    taken: dict[tuple[str, str], list[float]] = {each: [] for each in RANGES}
    size = dict.fromkeys(RANGES, 0)
    for _ in range(rounds):
        began = time.monotonic()
        for interval, ago in RANGES:
            for symbol in symbols:
                query: Query = {"symbol": symbol, "interval": interval, "from": ago}
                path = address(endpoint, query, now)
                found, size[interval, ago] = measure(stack.settings.port, path, 1, warm_up=0)
                taken[interval, ago] += found
        time.sleep(max(0.0, began + 2 * KEPT_US / 1e6 - time.monotonic()))
    for interval, ago in RANGES:
        parameters = {"symbols": len(symbols), "bytes": size[interval, ago]}
        report(f"{interval} from {ago}", "chart", taken[interval, ago], **parameters)


def routes(stack: Stack, times: int) -> None:
    """Ask every other route in its turn."""
    for endpoint in endpoints():
        if endpoint.method != "GET" or endpoint.template == "/api/candles":
            continue
        for query in asked(endpoint):
            path = address(endpoint, query, datetime.now(UTC))
            taken, size = measure(stack.settings.port, path, times)
            report(address(endpoint, query, None), "route", taken, bytes=size)


def _iso(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%MZ")


def main(rate: int, minutes: int, seconds: int, times: int, connections: int) -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory() as folder:
        stack = Stack(Path(folder), RATE=str(FEW), SEED="1", **raised()).start()
        try:
            last(stack, WARM_UP_S, connections, FEW)
            for _ in range(RUNS):
                last(stack, seconds, connections, FEW)
            stack.stop()
        finally:
            stack.remove()
    with tempfile.TemporaryDirectory() as folder:
        stack = Stack(Path(folder), RATE=str(rate), SEED="1", **raised()).start()
        try:
            began = time.monotonic()
            stored = market_year.fill(stack.settings.dsn, stack.settings.feeds, minutes)
            figure("rest", "tickwire", "stored", stored, "minutes")
            figure("rest", "tickwire", "filled", time.monotonic() - began, "s")
            before = stack.pid("aggregator")
            stack.kill("aggregator")
            stack.wait_back("aggregator", before, within=PATIENCE_S)
            eventually(
                lambda: all(row["change_24h"] is not None for row in stack.get("/api/prices")[1]),
                within=PATIENCE_S,
            )
            last(stack, seconds, connections, rate)
            candles(stack, seconds)
            charts(stack, ROUNDS)
            routes(stack, times)
            stack.stop()
        finally:
            stack.remove()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rate", type=int, default=1000, help="trades a second")
    parser.add_argument("--minutes", type=int, default=market_year.MINUTES)
    parser.add_argument("--seconds", type=int, default=20, help="of wrk and of 200 a second")
    parser.add_argument("--times", type=int, default=300, help="that each route is asked")
    parser.add_argument("--connections", type=int, default=64, help="of wrk")
    chosen = parser.parse_args()
    main(chosen.rate, chosen.minutes, chosen.seconds, chosen.times, chosen.connections)

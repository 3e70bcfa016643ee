"""A fresh installation has a past: the exchanges' own candles, beside the exact ones."""

from decimal import Decimal
from typing import Any

import pytest

from tests.e2e.exactness import assert_exact
from tests.e2e.stack import Stack
from tests.eventually import eventually
from tests.surroundings import ask

pytestmark = pytest.mark.e2e

PAST_WITHIN_S = 60
FEWEST = {60: 1_400, 3600: 31 * 24 - 1, 86400: 365}
"""Candles of each interval: a day, a month and a year, but for what is not over."""
INTERVALS = {"1m": 60, "1h": 3600, "1d": 86400}


def test_within_a_minute_it_has_a_day_a_month_and_a_year_of_each_symbol(demo: Stack) -> None:
    since = demo.mark()

    def fewest() -> dict[int, int]:
        rows = demo.rows(
            "SELECT exchange, symbol, interval_s, count(*) FROM candle_history GROUP BY 1, 2, 3"
        )
        of = {(exchange, symbol, span): count for exchange, symbol, span, count in rows}
        return {span: min(of.get((*key, span), 0) for key in since) for span in FEWEST}

    def known() -> bool:
        status, prices = demo.get("/api/prices")
        return status == 200 and all(row["change_24h"] is not None for row in prices)

    eventually(lambda: all(fewest()[span] >= FEWEST[span] for span in FEWEST), within=PAST_WITHIN_S)
    eventually(known, within=PAST_WITHIN_S)
    for exchange, symbol in since:
        for interval, span in INTERVALS.items():
            rows = candles(demo, f"symbol={exchange}:{symbol}&interval={interval}")
            origins = [row["origin"] for row in rows]
            assert origins.count("exchange") >= FEWEST[span]
            assert origins[-1] == "trades"
            assert [row["t"] for row in rows] == sorted({row["t"] for row in rows})
            assert all((row["n"] == 0) == (row["origin"] == "exchange") for row in rows)
    assert_exact(demo, since)
    # A connection that was replaced on a busy machine leaves a gap, which is filled.
    eventually(lambda: {gap["state"] for gap in demo.get("/api/gaps")[1]} <= {"filled"})


def test_what_it_has_of_the_past_is_what_the_exchange_says(demo: Stack) -> None:
    exchange, symbol = "binance", "ETH-BTC"
    days = candles(demo, f"symbol={exchange}:{symbol}&interval=1d&limit=30")
    assert {row["origin"] for row in days[:-1]} == {"exchange"}
    address = "/binance/rest/api/v3/klines?symbol=ETHBTC&interval=1d&limit=30"
    status, told = ask(demo.settings.simulator_port, "GET", address)
    assert status == 200
    expected = [tuple(map(Decimal, row[1:6])) for row in told[:-1]]
    assert [
        tuple(Decimal(str(row[name])) for name in ("o", "h", "l", "c", "v")) for row in days[:-1]
    ] == expected


def candles(demo: Stack, query: str) -> list[dict[str, Any]]:
    status, rows = demo.get(f"/api/candles?{query}")
    assert status == 200
    found: list[dict[str, Any]] = rows
    return found

"""A late trade, from the journal to Postgres, to the live view and to a client of ``/ws``."""

import json
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from bus.messages import Trade
from store import candle_rows, candles, pool
from tests.procs.fix_aggregator import Start
from tests.procs.fix_persister import same
from tests.procs.journalling import Journalling
from tests.procs.living import Aggregating, Persisting
from tests.store import folding
from tests.store.asking import ask
from tests.store.folding import START
from tests.web.outbox import join, read
from web.codecs.native import NativeCodec
from web.hub import Hub

pytestmark = pytest.mark.usefixtures("exact_decimals")

SYMBOL = "ETH-USDT"
HOUR_US = 3_600_000_000
NOW = START + 60 * 24 * HOUR_US + HOUR_US // 2
"""Sixty days and a half hour on: the middle of an hour."""
HOUR = NOW - HOUR_US // 2


def trade(trade_id: int, ts: int, price: str = "10") -> Trade:
    return Trade(SYMBOL, trade_id, ts, NOW, price, "2", "buy")


class Pipeline:
    """A persister, an aggregator and the hub of a web process with one client of an hour."""

    def __init__(self, record: Journalling, storing: Persisting, live: Aggregating) -> None:
        self._record = record
        self._storing = storing
        self._live = live
        self._hub = Hub(stale_after_s=15)
        self._client = join(self._hub, NativeCodec())
        self._hub.watch(
            self._client,
            [("candle", "binance", SYMBOL, 3600), ("average", "binance", SYMBOL, 0)],
            self._live.clock.now,
        )

        self._shown()  # what is there at the start

    def execute(self, *trades: Trade) -> list[dict[str, Any]]:
        """Let trades come in; return what the client is sent of it."""
        body = self._record.append(list(trades))
        self._storing.take(body)
        self._live.take(body)
        for send in self._storing.live():
            if send.topic.startswith(b"corrected."):
                frames = [send.topic, send.payload]
                now = self._live.clock.now
                self._live.note(self._live.actor.on_message("corrected", frames, now))
        return self._shown()

    def _shown(self) -> list[dict[str, Any]]:
        self._live.live(15)
        for message in self._live.published:
            self._hub.message(message, self._live.clock.now)
        self._live.published.clear()
        now = self._live.clock.pass_time(1_000_000)
        self._hub.flush(now)
        return [json.loads(text) for text in read(self._client)]


@pytest.fixture
def pipeline(record: Journalling, storing: Persisting, start: Start) -> Callable[..., Pipeline]:
    def begin(*trades: Trade) -> Pipeline:
        record.append(list(trades))
        storing.live()
        return Pipeline(record, storing, start().based())

    return begin


def hour_of(dsn: str, hour: int) -> tuple[int, Decimal, Decimal]:
    """Return (revision, close, average) as REST answers them."""

    async def asked(made: pool.Pool) -> tuple[int, Decimal, Decimal]:
        span = (hour, hour + HOUR_US)
        [row] = await candle_rows.newest(made, "binance", SYMBOL, 3600, *span, 9)
        [average] = await candles.averages(made, "binance", SYMBOL, *span)
        assert average.n == row[candle_rows.N]
        return row[candle_rows.N], Decimal(row[4]), average.avg

    return ask(dsn, asked)


def test_f20_trades_at_the_edge_of_an_hour_are_each_in_their_own(
    record: Journalling,
    pipeline: Callable[..., Pipeline],
    connection: pool.Connection,
    database: str,
) -> None:
    made = pipeline(trade(10, HOUR - HOUR_US, "1"))
    frames = made.execute(trade(11, HOUR - 1, "2"), trade(12, HOUR, "3"), trade(13, HOUR + 1, "5"))
    same(connection, record.trades)
    assert hour_of(database, HOUR - HOUR_US) == (2, Decimal(2), Decimal("1.5"))
    assert hour_of(database, HOUR) == (2, Decimal(5), Decimal(4))
    newest = {
        (frame["type"], frame["payload"].get("t", frame["payload"].get("hour_start"))): frame[
            "payload"
        ]
        for frame in frames
    }
    begins = ("2024-10-06T23:00:00Z", "2024-10-07T00:00:00Z")
    found = [
        (
            newest["candle_update", at]["revision"],
            newest["candle_update", at]["c"],
            newest["average_update", at]["count"],
            newest["average_update", at]["avg"],
            newest["average_update", at]["last_ts"],
        )
        for at in begins
    ]
    assert found == [(2, 2, 2, 1.5, (HOUR - 1) // 1000), (2, 5, 2, 4, HOUR // 1000)]


@pytest.mark.parametrize(
    "age_us",
    [1_000_000, HOUR_US // 2 + 1_000_000, 24 * HOUR_US, 25 * HOUR_US, 26 * HOUR_US, 960 * HOUR_US],
    ids=["1 s", "the hour before", "24 h", "25 h", "26 h", "40 days"],
)
def test_f20_a_late_trade_is_in_its_own_hour_which_goes_out_again_with_a_higher_revision(
    record: Journalling,
    pipeline: Callable[..., Pipeline],
    connection: pool.Connection,
    database: str,
    age_us: int,
) -> None:
    ts = NOW - age_us
    hour = folding.opening(3600)(ts)
    late = trade(7, ts, "16")
    made = pipeline(trade(5, hour, "10"), trade(8, hour + 1, "10"), trade(20, NOW, "30"))
    before = hour_of(database, hour)
    frames = made.execute(late)
    same(connection, record.trades)
    expected = folding.grouped(record.trades, folding.opening(3600))[hour]
    revision, close, average = hour_of(database, hour)
    assert (revision, close) == (expected.n, expected.close)
    assert revision == before[0] + 1
    sent = [frame["payload"] for frame in frames if frame["type"] == "candle_update"]
    at = sent[0]["t"]
    assert {payload["t"] for payload in sent} == {at}
    assert (sent[-1]["revision"], sent[-1]["n"], sent[-1]["c"]) == (revision, revision, close)
    assert sent[-1]["closed"] is (hour != HOUR)
    [told] = [frame["payload"] for frame in frames if frame["type"] == "average_update"][-1:]
    assert told["hour_start"] == at
    assert (told["count"], Decimal(str(told["avg"]))) == (revision, average)
    assert told["last_ts"] <= (NOW if hour == HOUR else hour + 1) // 1000


def test_f20_a_trade_that_came_before_corrects_nothing(
    record: Journalling, pipeline: Callable[..., Pipeline], connection: pool.Connection
) -> None:
    first = trade(5, HOUR - 30 * HOUR_US)
    made = pipeline(first, trade(20, NOW))
    assert made.execute(first) == []
    record.trades.pop()
    same(connection, record.trades)

"""Each example of the five documents that can be run, run against the live pipeline.

The documents: Crypto Live Dashboard, Crypto Tracker, Cryptocurrency Analytics Dashboard, Crypto
Assets Monitor, Crypto Dashboard Documentation. Where one shows an answer, the answer here has at
least what is shown, and of the kind that is shown.
"""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import pytest
from websockets.sync.client import ClientConnection, connect

from tests.e2e.stack import Stack
from tests.eventually import eventually
from tests.web.strict import strictly
from web.frames import assets, native, prices, quotes
from web.times import parse

pytestmark = pytest.mark.e2e

LIVE, TRACKER, ANALYTICS = "Crypto Live Dashboard", "Crypto Tracker", "Analytics Dashboard"
MONITOR, COINBASE = "Crypto Assets Monitor", "Crypto Dashboard Documentation"
NUMBER = (int, float)
FRAMES_MAX = 500


class Example(NamedTuple):
    """One example: where it stands, what it is, and what must come of it."""

    document: str
    section: str
    what: str
    check: Callable[[Stack], None]


@contextmanager
def socket(demo: Stack, address: str) -> Iterator[ClientConnection]:
    """A WebSocket to the web processes, open inside the block.

    It takes in all that comes: a client that has stopped reading does not hear its close answered.
    """
    with connect(demo.url.replace("http", "ws", 1) + address, max_queue=None) as made:
        yield made


def hear(client: ClientConnection, kind: type[Any]) -> Any:
    """The next frame of that type, read strictly; others are passed over."""
    for _ in range(FRAMES_MAX):
        text = client.recv(timeout=10)
        if json.loads(text)["type"] == kind.__struct_config__.tag:
            return strictly(text, kind)
    raise AssertionError(f"no {kind.__name__} in {FRAMES_MAX} frames")


def is_now(ts_ms: float) -> bool:
    """True when the moment is of the last minute."""
    return abs(time.time() * 1000 - ts_ms) < 60_000


def answered(demo: Stack, path: str) -> Any:
    """The answer to a GET once it is 200."""

    def found() -> list[Any]:
        status, body = demo.get(path)
        return [body] if status == 200 else []

    return eventually(found, within=20)[0]


# ---- Crypto Live Dashboard


def averages_of_a_range(demo: Stack) -> None:
    body = answered(demo, "/api/averages?pair=ETHUSDT&from=2025-09-30T00:00Z&to=2025-10-01T00:00Z")
    assert body == {"pair": "ETHUSDT", "points": []}  # nothing of that day has been seen here


def averages_of_the_last_day(demo: Stack) -> None:
    def running() -> list[dict[str, Any]]:
        body = answered(demo, "/api/averages?pair=ETHUSDT")
        assert body["pair"] == "ETHUSDT"
        points: list[dict[str, Any]] = body["points"]
        return points

    point = eventually(running, within=20)[-1]
    assert set(point) - {"partial"} == {"t", "avg", "n"}
    assert parse(point["t"]) % 3_600_000_000 == 0
    assert point["t"].endswith(":00:00Z")
    assert isinstance(point["avg"], NUMBER)
    assert point["n"] > 0


def last_prices(demo: Stack) -> None:
    pairs = ("ETHUSDC", "ETHUSDT", "ETHBTC")

    def all_there() -> dict[str, Any]:
        body: dict[str, Any] = answered(demo, "/api/last")
        return body if all(body[pair]["price"] is not None for pair in pairs) else {}

    body = eventually(all_there, within=20)
    assert all(isinstance(body[pair]["price"], NUMBER) for pair in pairs)
    assert all(is_now(body[pair]["ts"]) for pair in pairs)


def health_of_containers(demo: Stack) -> None:
    for path in ("/health/live", "/health/ready"):
        answered(demo, path)


def quotes_of_all_pairs(demo: Stack) -> None:
    with socket(demo, "/ws/quotes") as client:
        assert hear(client, quotes.QuoteStatusFrame).payload.status == "connected"
        assert is_now(hear(client, quotes.QuoteTickFrame).payload.ts)
        assert hear(client, quotes.QuoteAverageFrame).payload.count > 0


def quotes_of_the_pairs_of_a_hello(demo: Stack) -> None:
    with socket(demo, "/ws/quotes") as client:
        hear(client, quotes.QuoteStatusFrame)
        client.send(json.dumps({"type": "hello", "pairs": ["ETHUSDC", "ETHBTC"]}))
        hear(client, quotes.QuoteStatusFrame)  # the answer to a hello begins with it
        found = {hear(client, quotes.QuoteTickFrame).payload.pair for _ in range(20)}
    assert found == {"ETHUSDC", "ETHBTC"}


# ---- Crypto Tracker


def health_with_memory(demo: Stack) -> None:
    body = answered(demo, "/health")
    assert body["status"] == "ok"
    assert is_now(body["timestamp"])
    assert isinstance(body["uptime"], NUMBER)
    assert isinstance(body["memory"], dict)


def price_updates(demo: Stack) -> None:
    with socket(demo, "/ws") as client:
        assert hear(client, native.ConnectionStatusFrame).payload.status == "connected"
        client.send(json.dumps({"type": "SUBSCRIBE", "symbols": ["ETHUSDT"]}))
        update = hear(client, native.PriceUpdateFrame).payload
    assert update.symbol == "ETH-USDT"
    assert update.price > 0


def batch_updates(demo: Stack) -> None:
    with socket(demo, "/ws") as client:
        client.send(json.dumps({"type": "subscribe", "symbols": ["BTCUSDT", "ETHUSDT"]}))
        subscribed = hear(client, native.SubscribedFrame).payload
        batch = hear(client, native.BatchUpdateFrame).payload
    assert subscribed.symbols == ["binance:BTC-USDT", "binance:ETH-USDT"]
    assert subscribed.rejected == []
    assert {update.symbol for update in batch.updates} == {"BTC-USDT", "ETH-USDT"}


def candle_updates(demo: Stack) -> None:
    with socket(demo, "/ws") as client:
        wish = {"type": "subscribe", "symbols": ["ETHUSDT"], "channel": "candle"}
        client.send(json.dumps(wish))
        candle = hear(client, native.CandleUpdateFrame).payload
    assert candle.l <= min(candle.o, candle.c) <= max(candle.o, candle.c) <= candle.h
    assert candle.v > 0


def heartbeat_and_farewell(demo: Stack) -> None:
    with socket(demo, "/ws") as client:
        client.send(json.dumps({"type": "SUBSCRIBE", "symbols": ["ETHUSDT"]}))
        client.send(json.dumps({"type": "UNSUBSCRIBE", "symbols": ["ETHUSDT"]}))
        client.send(json.dumps({"type": "PING"}))
        assert hear(client, native.UnsubscribedFrame).payload.symbols == ["binance:ETH-USDT"]
        hear(client, native.PongFrame)


# ---- Cryptocurrency Analytics Dashboard


def price_in_the_envelope(demo: Stack) -> None:
    def priced() -> dict[str, Any]:
        body: dict[str, Any] = answered(demo, "/api/market/price/bitcoin")
        return body if body["data"]["price"] is not None else {}

    body = eventually(priced, within=20)
    assert body["success"] is True
    assert is_now(parse(body["meta"]["timestamp"]) / 1000)
    assert body["data"]["coin_id"] == "bitcoin"
    assert isinstance(body["data"]["price"], NUMBER)


def error_in_the_envelope(demo: Stack) -> None:
    status, body = demo.get("/api/market/price/nonesuch")
    assert (status, body["success"]) == (404, False)
    assert body["error"]["code"] == "RESOURCE_NOT_FOUND"
    assert "nonesuch" in body["error"]["message"]


def coins(address: str) -> Callable[[Stack], None]:
    def check(demo: Stack) -> None:
        with socket(demo, address) as client:
            found = [hear(client, prices.CoinPriceFrame).data for _ in range(10)]
        assert {each.coin_id for each in found} == {"bitcoin", "ethereum"}
        assert all(is_now(parse(each.timestamp) / 1000) for each in found)
        assert all(len(each.timestamp) == len("2025-10-25T10:30:15Z") for each in found)

    return check


# ---- Crypto Assets Monitor


def history_of_a_price(demo: Stack) -> None:
    def points() -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = answered(demo, "/prices/BTC/history")["points"]
        return found

    found = eventually(points, within=30)
    assert isinstance(found[-1]["price"], NUMBER)
    assert [point["t"] for point in found] == sorted(point["t"] for point in found)
    with demo.at_rest():  # the running step changes with every trade
        assert points() == answered(demo, "/api/prices/BTC/history")["points"]


def typed_messages(demo: Stack) -> None:
    with socket(demo, "/ws") as client:
        client.send(json.dumps({"type": "subscribe", "payload": {"symbols": ["BTC", "ETH"]}}))
        for _ in range(10):
            frame = json.loads(client.recv(timeout=10))
            assert set(frame) == {"type", "payload", "timestamp"}
            assert is_now(parse(frame["timestamp"]) / 1000)


def asset_prices(demo: Stack) -> None:
    with socket(demo, "/ws?shape=assets") as client:
        client.send(json.dumps({"type": "subscribe", "payload": {"symbols": ["BTC", "ETH"]}}))
        hear(client, assets.AssetsSnapshotFrame)
        asset = hear(client, assets.AssetsUpdateFrame).payload.assets[0]
    assert asset.symbol in ("BTC", "ETH")
    assert asset.current_price > 0
    assert is_now(parse(asset.last_updated) / 1000)


# ---- Crypto Dashboard Documentation


def latest_prices(demo: Stack) -> None:
    asked = ["BTC", "ETH", "SOL", "XRP", "DOGE"]

    def all_there() -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = answered(demo, f"/api/latest?symbols={','.join(asked)}")
        return rows if all(row["price"] is not None for row in rows) else []

    rows = eventually(all_there, within=30)
    assert [row["symbol"] for row in rows] == asked
    assert all(set(row) == {"symbol", "price", "volume", "timestamp"} for row in rows)
    assert all(isinstance(row["price"], NUMBER) for row in rows)
    assert all(row["volume"] > 0 and is_now(parse(row["timestamp"]) / 1000) for row in rows)


EXAMPLES = (
    Example(LIVE, "6.1", "averages of a range", averages_of_a_range),
    Example(LIVE, "8", "averages of the last 24 hours", averages_of_the_last_day),
    Example(LIVE, "8", "last prices", last_prices),
    Example(LIVE, "8", "liveness and readiness", health_of_containers),
    Example(LIVE, "6.2", "quotes of all pairs", quotes_of_all_pairs),
    Example(LIVE, "6.2", "quotes of the pairs of a hello", quotes_of_the_pairs_of_a_hello),
    Example(TRACKER, "Health Check", "status, time, uptime, memory", health_with_memory),
    Example(TRACKER, "Receive Price Updates", "one symbol", price_updates),
    Example(TRACKER, "Receive Batch Updates", "two symbols", batch_updates),
    Example(TRACKER, "Price Events", "candles", candle_updates),
    Example(TRACKER, "Client Actions", "unsubscribe and ping", heartbeat_and_farewell),
    Example(ANALYTICS, "3.2", "price of a coin", price_in_the_envelope),
    Example(ANALYTICS, "3.2", "stream", coins("/api/market/stream?coins=bitcoin,ethereum")),
    Example(ANALYTICS, "6", "error", error_in_the_envelope),
    Example(ANALYTICS, "7", "prices", coins("/ws/prices?coins=bitcoin,ethereum")),
    Example(MONITOR, "Analysis Service", "history of a price", history_of_a_price),
    Example(MONITOR, "Type Safety", "messages", typed_messages),
    Example(MONITOR, "Type Safety", "assets", asset_prices),
    Example(COINBASE, "Data Flow", "latest prices", latest_prices),
)


@pytest.mark.parametrize(
    "example", EXAMPLES, ids=[f"{one.document} {one.section}: {one.what}" for one in EXAMPLES]
)
def test_an_example_of_a_document_is_answered(demo: Stack, example: Example) -> None:
    example.check(demo)

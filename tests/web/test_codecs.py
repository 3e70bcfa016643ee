"""The bytes of every frame: published contracts, which never change by accident."""

import json

import pytest

from tests.web.messages import HOUR, NOW, at, average, batch, candle, status, ticker
from web.codecs import native, quotes
from web.codecs.quotes import Link, Status
from web.update import Update


def test_a_quotes_tick_is_exactly_as_published() -> None:
    frame = quotes.tick(ticker(price="2346.1", ts_event=1_699_999_999_456_789))
    expected = '{"type":"tick","payload":{"pair":"ETHUSDT","price":2346.1,"ts":1699999999456}}'
    assert expected == frame


def test_a_quotes_average_is_exactly_as_published() -> None:
    assert quotes.avg(average(avg="2341.52", count=1823)) == (
        '{"type":"avg","payload":{"pair":"ETHUSDT","hourStartUtc":"2025-10-01T14:00:00.000Z",'
        '"avg":2341.52,"count":1823,"lastTs":1759327260000}}'
    )


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (Status("connected"), '{"type":"status","payload":{"status":"connected"}}'),
        (
            Status("disconnected", "stale"),
            '{"type":"status","payload":{"status":"disconnected","reason":"stale"}}',
        ),
    ],
)
def test_a_quotes_status_is_exactly_as_published(status: Status, expected: str) -> None:
    assert quotes.status_frame(status) == expected


def test_a_server_sent_event_carries_the_position_in_the_aggregators_stream() -> None:
    text = quotes.event(Update("ticker", ticker(seq=12, epoch=9)))
    assert text.startswith('id: 9-12\ndata: {"type":"tick"')
    assert text.endswith("}\n\n")


def test_the_state_of_several_exchanges_is_that_of_the_best() -> None:
    down = Link(status("coinbase", state="disconnected"), silent=False, stale=False)
    up = Link(status(), silent=False, stale=False)
    stale = Link(status(), silent=False, stale=True)
    silent = Link(status(), silent=True, stale=True)
    idle = Link(status("coinbase", state="idle"), silent=False, stale=False)
    retrying = Link(status(state="reconnecting"), silent=False, stale=False)
    assert quotes.status_of([]) == Status("connecting")
    assert quotes.status_of([idle]) == Status("connecting")
    assert quotes.status_of([down, up]) == Status("connected")
    assert quotes.status_of([idle, stale]) == Status("disconnected", "stale")
    assert quotes.status_of([retrying]).status == "connecting"
    assert quotes.status_of([silent]).status == "error"


def test_a_price_update_is_exactly_as_documented() -> None:
    update = Update("ticker", ticker(), flag=True)
    assert native.frames([update], at(1_234_567).wall) == [
        '{"type":"price_update","payload":{"symbol":"ETH-USDT","exchange":"binance",'
        '"price":2346.1,"ts":1759327260000,"change_24h":-1.20,"change_24h_pct":-0.05,'
        '"high_24h":2400.00,"low_24h":2300,"volume_24h":null,'
        '"hour_start":"2025-10-01T14:00:00Z","hour_avg":2345.123456789012,"hour_count":3,'
        '"partial":false,"epoch":7,"seq":1,"age_ms":1234,"stale":true},'
        '"timestamp":"2025-10-01T14:01:01.234Z"}'
    ]


def test_several_tickers_share_one_batch_update() -> None:
    updates = [Update("ticker", ticker(symbol)) for symbol in ("ETH-USDT", "ETH-BTC")]
    (text,) = native.frames(updates, NOW)
    frame = json.loads(text)
    assert frame["type"] == "batch_update"
    assert [each["symbol"] for each in frame["payload"]["updates"]] == ["ETH-USDT", "ETH-BTC"]


def test_the_age_is_that_of_the_moment_of_sending_while_the_rest_is_made_once() -> None:
    update = Update("ticker", ticker())
    first = json.loads(native.payload(update, at(1_000_000).wall))
    made = update.texts[native.NAME]
    second = json.loads(native.payload(update, at(2_000_000).wall))
    assert (first["age_ms"], second["age_ms"]) == (1000, 2000)
    assert update.texts[native.NAME] is made


def test_a_candle_update_is_exactly_as_documented() -> None:
    (text,) = native.frames([Update("candle", candle())], NOW)
    assert text == (
        '{"type":"candle_update","payload":{"symbol":"ETH-USDT","exchange":"binance",'
        '"interval":"1m","t":"2025-10-01T14:00:00Z","o":100,"h":101,"l":100,"c":101,"v":2,'
        '"n":2,"vwap":100.5,"closed":false,"revision":2,"origin":"trades","partial":false,'
        '"epoch":7,"seq":1},"timestamp":"2025-10-01T14:01:00.000Z"}'
    )


def test_an_average_update_is_exactly_as_documented() -> None:
    (text,) = native.frames([Update("average", average(hour_start=HOUR))], NOW)
    assert text == (
        '{"type":"average_update","payload":{"symbol":"ETH-USDT","exchange":"binance",'
        '"hour_start":"2025-10-01T14:00:00Z","avg":2341.52,"count":1823,'
        '"last_ts":1759327260000,"partial":false,"epoch":7,"seq":1},'
        '"timestamp":"2025-10-01T14:01:00.000Z"}'
    )


def test_a_trade_is_exactly_as_documented() -> None:
    assert native.trade(batch(9, [4, 5]), 1) == (
        '{"exchange":"binance","symbol":"ETH-USDT","trade_id":5,"ts":1759327260000,'
        '"price":1005.50,"size":0.01,"side":"buy","epoch":5,"seq":9,"index":1,"prev_seq":8}'
    )


def test_a_status_says_what_the_feed_and_we_know() -> None:
    (text,) = native.frames([Update("status", status(), flag=True)], NOW)
    frame = json.loads(text)
    assert frame["type"] == "status"
    assert frame["payload"]["exchange"] == "binance"
    assert frame["payload"]["silent"] is True
    assert frame["payload"]["symbols"][0] == {
        "symbol": "BTC-USDT",
        "state": "live",
        "last_recv": 1759327260000,
        "trades": 3,
    }

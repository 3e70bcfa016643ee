"""What only Coinbase does."""

import json

import pytest

from bus.errors import BadFrame
from bus.messages import Quarantined, Trade, Wanted
from procs.feed.exchanges import Beat, Event, Refused
from procs.feed.exchanges.coinbase import Exchange
from tests.exchanges.samples import coinbase
from tests.fix_recordings import frames, recorded

EXCHANGE = Exchange(("BTC-USD", "ETH-USD"))


def test_a_heartbeat_says_which_trade_is_the_newest() -> None:
    frame = b'{"type":"heartbeat","last_trade_id":278953096,"product_id":"ETH-USD","sequence":1}'
    assert EXCHANGE.parse(frame, 7) == (Beat("ETH-USD", 278953096),)


def test_the_last_match_on_subscribing_is_a_trade_like_any() -> None:
    frame = coinbase.trade('"12.50"', '"0.001"').replace(b'"match"', b'"last_match"')
    assert EXCHANGE.parse(frame, 7) == (coinbase.expected,)


def test_each_symbol_has_a_request_of_its_own_for_both_channels() -> None:
    assert [json.loads(text) for text in EXCHANGE.subscribe()] == [
        {"type": "subscribe", "product_ids": [symbol], "channels": ["matches", "heartbeat"]}
        for symbol in ("BTC-USD", "ETH-USD")
    ]
    kinds = [json.loads(text)["type"] for text in EXCHANGE.resubscribe("BTC-USD")]
    assert kinds == ["unsubscribe", "subscribe"]


@pytest.mark.parametrize(
    ("time", "ts"),
    [
        ("2026-08-25T03:35:57Z", 1787628957000000),
        ("2026-08-25T03:35:57.1Z", 1787628957100000),
        ("2026-08-25T05:35:57.198335+02:00", 1787628957198335),
    ],
)
def test_times_are_exact_in_every_form(time: str, ts: int) -> None:
    frame = coinbase.trade('"1"', '"1"').replace(b"2026-08-25T03:35:57.198335Z", time.encode())
    (trade,) = EXCHANGE.parse(frame, 7)
    assert isinstance(trade, Trade)
    assert trade.ts_event == ts


@pytest.mark.parametrize("time", ["2026-08-25T03:35:57", "2026-13-01T00:00:00Z", "", "yesterday"])
def test_a_time_that_is_none_is_quarantined(time: str) -> None:
    frame = coinbase.trade('"1"', '"1"').replace(b"2026-08-25T03:35:57.198335Z", time.encode())
    assert isinstance(EXCHANGE.parse(frame, 7)[0], Quarantined)


def test_a_side_that_is_none_is_quarantined() -> None:
    frame = coinbase.trade('"1"', '"1"').replace(b'"sell"', b'"maker"')
    assert isinstance(EXCHANGE.parse(frame, 7)[0], Quarantined)


def test_the_side_is_the_takers_as_the_recorded_tickers_say() -> None:
    recording = coinbase.recordings[0]
    exchange = Exchange(recording.symbols)
    ours: dict[tuple[str, int], str | None] = {}
    takers: dict[tuple[str, int], str] = {}
    for _, frame in frames(*recorded(recording.path)):
        found = json.loads(frame)
        if found["type"] == "ticker":
            takers[found["product_id"], found["trade_id"]] = found["side"]
        elif found["type"] in ("match", "last_match"):
            (trade,) = exchange.parse(frame, 7)
            assert isinstance(trade, Trade)
            ours[trade.symbol, trade.trade_id] = trade.side
    assert len(takers) == 107
    assert {key: ours[key] for key in takers} == takers


def test_real_single_frames_say_their_trades_beats_and_refusal_and_nothing_else() -> None:
    recording = coinbase.recordings[1]
    exchange = Exchange(recording.symbols)
    found: list[Event] = []
    bad = []
    for _, frame in frames(*recorded(recording.path)):
        try:
            found += exchange.parse(frame, 7)
        except BadFrame:
            bad.append(json.loads(frame)["type"])
    assert found == [
        Trade("BTC-USD", 147587438, 1616298447112041, 7, "57786.82", "0.00031874", "buy"),
        Trade("BTC-USD", 1081862674, 1787628957096368, 7, "80691.53", "0.00000001", "buy"),
        Trade("BTC-USD", 1081862675, 1787628957198335, 7, "80691.53", "0.00000001", "buy"),
        Refused(
            "Failed to subscribe: level2, level3, and full channels now require authentication."
            " https://docs.cloud.coinbase.com/exchange/docs/websocket-auth"
        ),
        Beat("ETH-USD", 278953096),
        Beat("ETH-BTC", 23080426),
    ]
    assert bad == ["snapshot", "l2update", "ticker", "ticker"]


def test_a_page_falls_from_the_newest_wanted_trade() -> None:
    url = EXCHANGE.page_url("https://api.exchange.coinbase.com", Wanted("ETH-USD", 5001, 8999))
    assert url == "https://api.exchange.coinbase.com/products/ETH-USD/trades?limit=1000&after=9000"


def test_the_makers_side_of_a_page_is_turned_into_the_takers_as_that_of_a_match_is() -> None:
    for maker, taker in (("sell", "buy"), ("buy", "sell")):
        page = coinbase.page(coinbase.row('"1"', '"1"')).replace(b"sell", maker.encode())
        match = coinbase.trade('"1"', '"1"').replace(b"sell", maker.encode())
        assert EXCHANGE.parse_page("ETH-USD", page, 7) == EXCHANGE.parse(match, 7)
        (trade,) = EXCHANGE.parse_page("ETH-USD", page, 7)
        assert isinstance(trade, Trade)
        assert trade.side == taker

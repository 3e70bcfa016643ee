"""Every frame that is sent, as it must look: the bytes, their type, and what makes them.

Where a frame was published, its example stands here as published, and its whitespace is taken out.
"""

import re
from collections.abc import Callable
from typing import NamedTuple

from msgspec import UNSET, Struct

from market.symbols import Directory
from tests.web.messages import FEEDS, at, average, batch, candle, status, ticker
from tests.web.outbox import texts
from web.codecs import native, prices, quotes
from web.codecs.assets import AssetsCodec
from web.codecs.native import NativeCodec
from web.codecs.quotes import Status
from web.frames import assets as assets_frames
from web.frames import native as frames
from web.frames import prices as prices_frames
from web.frames import quotes as quotes_frames
from web.times import parse
from web.update import Update


class Golden(NamedTuple):
    """One frame: its type, the bytes, and the function that makes it."""

    kind: type[Struct]
    text: str
    make: Callable[[], str]


def squeezed(example: str) -> str:
    """A published example without its whitespace; that inside of texts stays."""
    return re.sub(r'("[^"]*")|\s+', r"\1", example)


TICKER = (
    '{"symbol":"ETH-USDT","exchange":"binance","price":2346.1,"ts":1759327260000,'
    '"change_24h":-1.20,"change_24h_pct":-0.05,"high_24h":2400.00,"low_24h":2300,'
    '"volume_24h":null,"hour_start":"2025-10-01T14:00:00Z","hour_avg":2345.123456789012,'
    '"hour_count":3,"partial":false,"epoch":7,"seq":1,"age_ms":1234,"stale":true}'
)
CANDLE = (
    '{"symbol":"ETH-USDT","exchange":"binance","interval":"1m","t":"2025-10-01T14:00:00Z",'
    '"o":100,"h":101,"l":100,"c":101,"v":2,"n":2,"vwap":100.5,"closed":false,"revision":2,'
    '"origin":"trades","partial":false,"epoch":7,"seq":1}'
)
AVERAGE = (
    '{"symbol":"ETH-USDT","exchange":"binance","hour_start":"2025-10-01T14:00:00Z",'
    '"avg":2341.52,"count":1823,"last_ts":1759327260000,"partial":false,"epoch":7,"seq":1}'
)
TRADE = (
    '{"exchange":"binance","symbol":"ETH-USDT","trade_id":5,"ts":1759327260000,'
    '"price":1005.50,"size":0.01,"side":"buy","epoch":5,"seq":9,"index":1,"prev_seq":8}'
)
FEED = (
    '{"exchange":"binance","state":"connected","circuit":"closed","since":1759327200000,'
    '"attempt":0,"next_try":null,"reason":null,"gapless":true,"journal_ok":true,"silent":true,'
    '"symbols":[{"symbol":"ETH-BTC","state":"quiet","last_recv":1759327260000,"trades":3,'
    '"listed":null,"nearest":null,"stands_in_for":null}]}'
)
ASSET = (
    '{"symbol":"ETH-USDT","currentPrice":2346.1,"priceChange24h":-1.20,'
    '"priceChangePercentage24h":-0.05,"high24h":2400.00,"low24h":2300,"volume24h":null,'
    '"lastUpdated":"2025-10-01T14:01:00.000Z"}'
)
LATER = at(1_234_567)
_AT = '"timestamp":"2025-10-01T14:01:01.234Z"'


def _texts(frames: list[bytes]) -> list[str]:
    return [text for frame in frames for text in texts(frame)]


def _ticker() -> Update:
    return Update("ticker", ticker(), flag=True)


def _native(update: Update) -> str:
    (text,) = _texts(NativeCodec().updates([update], LATER))
    return text


def _assets() -> AssetsCodec:
    return AssetsCodec(Directory(FEEDS))


def _feed() -> Update:
    return Update("status", status(symbols={"ETH-BTC": "quiet"}), flag=True)


def _subscribed(answer: frames.Subscribed) -> str:
    return native.message(frames.SubscribedFrame, answer, LATER.wall)


NATIVE = {
    "greeting": Golden(
        frames.ConnectionStatusFrame,
        '{"type":"connection_status","payload":{"status":"connected","process":"web-1",'
        f'"version":"0.1.0"}},{_AT}}}',
        lambda: native.message(
            frames.ConnectionStatusFrame,
            frames.ConnectionStatus("connected", "web-1", "0.1.0"),
            LATER.wall,
        ),
    ),
    "subscribed": Golden(
        frames.SubscribedFrame,
        '{"type":"subscribed","payload":{"channel":"ticker","symbols":["binance:ETH-USDT"],'
        '"rejected":[{"symbol":"NOSUCH","reason":"no symbol \'NOSUCH\'"}],"rate_ms":100,'
        f'"resume":{{"aggregator":[7,1]}},"recovered":null}},{_AT}}}',
        lambda: _subscribed(
            frames.Subscribed(
                "ticker",
                ["binance:ETH-USDT"],
                [frames.Rejected("NOSUCH", "no symbol 'NOSUCH'")],
                100,
                {"aggregator": (7, 1)},
                None,
                UNSET,
            )
        ),
    ),
    "subscribed to candles": Golden(
        frames.SubscribedFrame,
        '{"type":"subscribed","payload":{"channel":"candle","symbols":[],"rejected":[],'
        f'"rate_ms":100,"resume":{{}},"recovered":true,"interval":"1h"}},{_AT}}}',
        lambda: _subscribed(frames.Subscribed("candle", [], [], 100, {}, True, "1h")),
    ),
    "unsubscribed": Golden(
        frames.UnsubscribedFrame,
        '{"type":"unsubscribed","payload":{"channel":"ticker","symbols":["binance:ETH-USDT"]},'
        f"{_AT}}}",
        lambda: native.message(
            frames.UnsubscribedFrame,
            frames.Unsubscribed("ticker", ["binance:ETH-USDT"]),
            LATER.wall,
        ),
    ),
    "snapshot": Golden(
        frames.SnapshotFrame,
        f'{{"type":"snapshot","payload":{{"channel":"ticker","updates":[{TICKER}]}},{_AT}}}',
        lambda: NativeCodec().present("ticker", [_ticker()], LATER),
    ),
    "snapshot of candles": Golden(
        frames.SnapshotFrame,
        f'{{"type":"snapshot","payload":{{"channel":"candle","updates":[{CANDLE}]}},{_AT}}}',
        lambda: NativeCodec().present("candle", [Update("candle", candle())], LATER),
    ),
    "snapshot of averages": Golden(
        frames.SnapshotFrame,
        f'{{"type":"snapshot","payload":{{"channel":"average","updates":[{AVERAGE}]}},{_AT}}}',
        lambda: NativeCodec().present("average", [Update("average", average())], LATER),
    ),
    "snapshot of trades": Golden(
        frames.SnapshotFrame,
        f'{{"type":"snapshot","payload":{{"channel":"trade","updates":[{TRADE}]}},{_AT}}}',
        lambda: native.snapshot("trade", [native.trade(batch(9, [4, 5]), 1)], LATER.wall),
    ),
    "snapshot of states": Golden(
        frames.SnapshotFrame,
        f'{{"type":"snapshot","payload":{{"channel":"status","updates":[{FEED}]}},{_AT}}}',
        lambda: NativeCodec().present("status", [_feed()], LATER),
    ),
    "price": Golden(
        frames.PriceUpdateFrame,
        f'{{"type":"price_update","payload":{TICKER},{_AT}}}',
        lambda: _native(_ticker()),
    ),
    "prices": Golden(
        frames.BatchUpdateFrame,
        f'{{"type":"batch_update","payload":{{"updates":[{TICKER},{TICKER}]}},{_AT}}}',
        lambda: _texts(NativeCodec().updates([_ticker(), _ticker()], LATER))[0],
    ),
    "candle": Golden(
        frames.CandleUpdateFrame,
        f'{{"type":"candle_update","payload":{CANDLE},{_AT}}}',
        lambda: _native(Update("candle", candle())),
    ),
    "average": Golden(
        frames.AverageUpdateFrame,
        f'{{"type":"average_update","payload":{AVERAGE},{_AT}}}',
        lambda: _native(Update("average", average())),
    ),
    "trade": Golden(
        frames.TradeUpdateFrame,
        f'{{"type":"trade_update","payload":{TRADE},{_AT}}}',
        lambda: _texts([NativeCodec().trade(batch(9, [4, 5]), 1, LATER)])[0],
    ),
    "state": Golden(
        frames.StatusFrame,
        f'{{"type":"status","payload":{FEED},{_AT}}}',
        lambda: _native(_feed()),
    ),
    "pong": Golden(
        frames.PongFrame,
        f'{{"type":"pong","payload":{{}},{_AT}}}',
        lambda: native.message(frames.PongFrame, frames.Nothing(), LATER.wall),
    ),
    "error": Golden(
        frames.ErrorFrame,
        '{"type":"error","payload":{"code":"BAD_REQUEST","message":"the message is not JSON"},'
        f"{_AT}}}",
        lambda: native.message(
            frames.ErrorFrame,
            frames.Complaint("BAD_REQUEST", "the message is not JSON"),
            LATER.wall,
        ),
    ),
}
ASSETS = {
    "asset": Golden(
        assets_frames.AssetsUpdateFrame,
        f'{{"type":"price_update","payload":{{"assets":[{ASSET}]}},{_AT}}}',
        lambda: _texts(_assets().updates([_ticker()], LATER))[0],
    ),
    "assets": Golden(
        assets_frames.AssetsUpdateFrame,
        f'{{"type":"price_update","payload":{{"assets":[{ASSET},{ASSET}]}},{_AT}}}',
        lambda: _texts(_assets().updates([_ticker(), _ticker()], LATER))[0],
    ),
    "snapshot of assets": Golden(
        assets_frames.AssetsSnapshotFrame,
        f'{{"type":"snapshot","payload":{{"assets":[{ASSET}]}},{_AT}}}',
        lambda: _assets().present("ticker", [_ticker()], LATER),
    ),
}
QUOTES = {
    "tick": Golden(
        quotes_frames.QuoteTickFrame,
        squeezed(
            '{"type": "tick", "payload": {"pair": "ETHUSDT", "price": 2346.1, "ts": 1699999999456}}'
        ),
        lambda: quotes.frame(Update("ticker", ticker(ts_event=1_699_999_999_456_789))),
    ),
    "avg": Golden(
        quotes_frames.QuoteAverageFrame,
        squeezed(
            """{"type": "avg", "payload": {"pair": "ETHUSDT",
                "hourStartUtc": "2025-10-01T15:00:00.000Z", "avg": 2341.52, "count": 1823,
                "lastTs": 1759327260000}}"""
        ),
        lambda: quotes.frame(
            Update("average", average(hour_start=parse("2025-10-01T15:00:00.000Z")))
        ),
    ),
    "status": Golden(
        quotes_frames.QuoteStatusFrame,
        squeezed('{"type": "status", "payload": {"status": "connected"}}'),
        lambda: quotes.status_frame(Status("connected")),
    ),
    "status with its reason": Golden(
        quotes_frames.QuoteStatusFrame,
        squeezed('{"type": "status", "payload": {"status": "disconnected", "reason": "stale"}}'),
        lambda: quotes.status_frame(Status("disconnected", "stale")),
    ),
}
PRICES = {
    "coin": Golden(
        prices_frames.CoinPriceFrame,
        squeezed(
            """{
              "type": "price_update",
              "data": {
                "coin_id": "bitcoin",
                "price": 45250.50,
                "timestamp": "2025-10-25T10:30:15Z"
              }
            }"""
        ),
        lambda: prices.price(
            ticker("BTC-USD", price="45250.50", ts_event=parse("2025-10-25T10:30:15.999Z"))
        ),
    ),
    "coins": Golden(
        prices_frames.CoinsSubscribedFrame,
        '{"type":"subscribed","data":{"coins":["bitcoin","ethereum"]}}',
        lambda: prices.message(
            prices_frames.CoinsSubscribedFrame(prices_frames.Coins(["bitcoin", "ethereum"]))
        ),
    ),
    "no coins": Golden(
        prices_frames.CoinsUnsubscribedFrame,
        '{"type":"unsubscribed","data":{"coins":[]}}',
        lambda: prices.message(prices_frames.CoinsUnsubscribedFrame(prices_frames.Coins([]))),
    ),
    "pong of prices": Golden(
        prices_frames.CoinPongFrame,
        '{"type":"pong","data":{}}',
        lambda: prices.message(prices_frames.CoinPongFrame(prices_frames.CoinNothing())),
    ),
    "error of prices": Golden(
        prices_frames.CoinErrorFrame,
        '{"type":"error","data":{"code":"RESOURCE_NOT_FOUND","message":"no symbol \'x\'"}}',
        lambda: prices.message(
            prices_frames.CoinErrorFrame(
                prices_frames.CoinComplaint("RESOURCE_NOT_FOUND", "no symbol 'x'")
            )
        ),
    ),
}
GOLDEN = {**NATIVE, **ASSETS, **QUOTES, **PRICES}

"""Coinbase Exchange: the ``matches`` and ``heartbeat`` channels. Keyless.

A trade, and the heartbeat that tells a quiet market from a dead feed, as received::

    {"type":"match","trade_id":1081862675,"maker_order_id":"f07e…","taker_order_id":"e6f5…",
     "side":"sell","size":"0.00000001","price":"80691.53","product_id":"BTC-USD",
     "sequence":134905860111,"time":"2026-08-25T03:35:57.198335Z"}
    {"type":"heartbeat","last_trade_id":278953096,"product_id":"ETH-USD","sequence":29716844241,
     "time":"2022-05-20T21:22:34.751219Z"}

``trade_id`` is consecutive per product, ``sequence`` only rises. ``side`` is the maker's. On
subscribing one ``last_match`` per product comes: a real trade, often one we have. The ``ticker``
channel is not used: it merges cascaded fills. A connection that does not subscribe within five
seconds is cut. A request that names one unknown symbol is refused for all that it names.

What it says of a symbol (cut), and of one that it does not list, with HTTP 404::

    {"id":"BTC-USD","quote_increment":"0.01","base_increment":"0.00000001","status":"online"}
    {"message":"NotFound"}

A page of trades is a list that falls from the id before ``after``, of at most 1000; ``side`` is the
maker's here too. Prices and sizes may have more zeros at their end than in a match. Ten requests a
second are allowed from one address::

    [{"time":"2026-08-25T03:35:57.198335Z","trade_id":1081862675,"price":"80691.53000000",
      "size":"0.00000001","side":"sell"}]

Its candles are rows of numbers that fall from ``end``, included: time in seconds, low, high, open,
close, volume. Of a minute without trades there is none; more than 300 are refused::

    [[1787628900,80690.01,80702.5,80690.01,80691.53,1.20340567]]

(Source: Coinbase Exchange's public documentation, "WebSocket Channels", "Get single product", "Get
product trades", "Get product candles", "Pagination", "REST Rate Limits".)
"""

import datetime
import json
from decimal import Decimal

import msgspec

from bus.errors import BadDecimal, BadFrame
from bus.messages import HistoryCandle, Side, Trade, Wanted
from market.decimals import check
from market.moments import microseconds
from procs.feed.exchanges import (
    Beat,
    Event,
    Ids,
    Listing,
    Refused,
    TradeEvent,
    doubtful,
    page,
    quarantined,
    step,
)
from procs.feed.published import published

_CHANNELS = ["matches", "heartbeat"]


class _Match(msgspec.Struct, tag_field="type", tag="match"):
    trade_id: int
    side: str
    size: str
    price: str
    product_id: str
    time: datetime.datetime


class _LastMatch(_Match, tag_field="type", tag="last_match"):
    pass


class _PageTrade(msgspec.Struct):
    trade_id: int
    side: str
    size: str
    price: str
    time: datetime.datetime


class _Heartbeat(msgspec.Struct, tag_field="type", tag="heartbeat"):
    last_trade_id: int
    product_id: str


class _Subscriptions(msgspec.Struct, tag_field="type", tag="subscriptions"):
    pass


class _Error(msgspec.Struct, tag_field="type", tag="error"):
    message: str = ""
    reason: str = ""


class _Time(msgspec.Struct):
    iso: datetime.datetime


class _Product(msgspec.Struct):
    id: str
    quote_increment: str | None = None
    base_increment: str | None = None
    status: str | None = None


class _Candle(msgspec.Struct, array_like=True):
    time: int
    low: Decimal
    high: Decimal
    open: Decimal
    close: Decimal
    volume: Decimal


class _Failure(msgspec.Struct):
    message: str


_message = msgspec.json.Decoder(_Match | _LastMatch | _Heartbeat | _Subscriptions | _Error).decode
_page_trade = msgspec.json.Decoder(_PageTrade).decode
_time = msgspec.json.Decoder(_Time).decode
_product = msgspec.json.Decoder(_Product).decode
_products = msgspec.json.Decoder(list[_Product]).decode
_candles = msgspec.json.Decoder(list[_Candle]).decode
_failure = msgspec.json.Decoder(_Failure).decode
_TAKER: dict[str, Side] = {"buy": "sell", "sell": "buy"}


class Exchange:
    """Coinbase, as ``procs.feed.exchanges.Exchange`` asks."""

    name = "coinbase"
    websocket_url = "wss://ws-feed.exchange.coinbase.com"
    rest_url = "https://api.exchange.coinbase.com"
    ids: Ids = "consecutive"
    lifetime_s: float | None = None
    rest_per_s = 5.0
    candles_per_page = 300

    def __init__(self, symbols: tuple[str, ...]) -> None:
        self._symbols = set(symbols)

    def connect_url(self, base: str) -> str:
        """Return the address as it is."""
        return base

    def subscribe(self) -> list[str]:
        """Return a request for each symbol: an unknown one spoils its own request alone."""
        return [self._request("subscribe", symbol) for symbol in sorted(self._symbols)]

    def resubscribe(self, symbol: str) -> list[str]:
        """Return the requests that leave and take up one symbol."""
        return [self._request("unsubscribe", symbol), self._request("subscribe", symbol)]

    def _request(self, kind: str, symbol: str) -> str:
        return json.dumps({"type": kind, "product_ids": [symbol], "channels": _CHANNELS})

    def time_url(self, base: str) -> str:
        """Return the address of the clock."""
        return f"{base}/time"

    def parse_time(self, body: bytes) -> int:
        """Return the clock's time, µs UTC."""
        try:
            return microseconds(_time(body).iso)
        except (msgspec.MsgspecError, TypeError, RecursionError, UnicodeDecodeError) as error:
            raise BadFrame(f"not a time: {error}") from None

    def listing_url(self, base: str, symbol: str) -> str:
        """Return the address of one product."""
        return f"{base}/products/{symbol}"

    def parse_listing(self, status: int, body: bytes) -> Listing | None:
        """Return the product's steps; None for a 404 in Coinbase's own form, and no other's."""
        try:
            if status == 404 and _failure(body).message:
                return None
            if status == 200:
                found = _product(body)
                return Listing(step(found.quote_increment), step(found.base_increment))
        except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError) as error:
            raise BadFrame(f"not a listing: {str(error)[:120]}") from None
        raise BadFrame(f"not a listing: HTTP {status}")

    def catalogue_url(self, base: str) -> str:
        """Return the address of all products."""
        return f"{base}/products"

    def parse_catalogue(self, body: bytes) -> list[str]:
        """Return the products that are traded."""
        try:
            return [one.id for one in _products(body) if one.status != "delisted"]
        except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError) as error:
            raise BadFrame(f"not a list of products: {str(error)[:120]}") from None

    def page_url(self, base: str, wanted: Wanted) -> str:
        """Return the address of the newest of the wanted trades and the 999 before it."""
        query = f"limit=1000&after={wanted.last_id + 1}"
        return f"{base}/products/{wanted.symbol}/trades?{query}"

    def parse_page(self, symbol: str, body: bytes, ts_recv: int) -> tuple[TradeEvent, ...]:
        """Return the trades of a page."""

        def read(part: bytes) -> TradeEvent:
            return _read(symbol, _page_trade(part), part, ts_recv)

        return page(body, symbol, "trade_id", ts_recv, read)

    def candles_url(self, base: str, symbol: str, interval_s: int, start: int, end: int) -> str:
        """Return the address of a product's candles; ``end`` would be included."""
        first, last = _second(start), _second(end - interval_s * 1_000_000)
        query = f"granularity={interval_s}&start={first}&end={last}"
        return f"{base}/products/{symbol}/candles?{query}"

    def parse_candles(self, symbol: str, interval_s: int, body: bytes) -> list[HistoryCandle]:
        """Return the candles of an answer."""
        try:
            rows = _candles(body)
        except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError) as error:
            raise BadFrame(f"not candles: {str(error)[:120]}") from None
        return published(
            (
                (row.time * 1_000_000, row.open, row.high, row.low, row.close, row.volume)
                for row in rows
            ),
            interval_s,
        )

    def parse(self, frame: bytes, ts_recv: int) -> tuple[Event, ...]:
        """Return the trade or the heartbeat in ``frame``."""
        try:
            found = _message(frame)
        except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
            return self._parse_other(frame, ts_recv)
        if isinstance(found, _Match):
            return (_read(self._known(found.product_id), found, frame, ts_recv),)
        if isinstance(found, _Heartbeat):
            self._known(found.product_id)
            return (Beat(found.product_id, found.last_trade_id),)
        if isinstance(found, _Error):
            return (Refused(f"{found.message}: {found.reason}"[:200]),)
        return ()

    def _known(self, product_id: str) -> str:
        if product_id not in self._symbols:
            raise BadFrame(f"a symbol we did not ask for: {product_id[:40]!r}")
        return product_id

    def _parse_other(self, frame: bytes, ts_recv: int) -> tuple[Event, ...]:
        """Read what is none of the messages we know, or one with a field of the wrong type."""
        try:
            found = msgspec.json.decode(frame)
        except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError) as error:
            raise BadFrame(f"not JSON: {str(error)[:120]}") from None
        if not isinstance(found, dict):
            raise BadFrame(f"not an object but {type(found).__name__}")
        if found.get("type") not in ("match", "last_match"):
            raise BadFrame("an unknown kind of message")
        symbol, trade_id = found.get("product_id"), found.get("trade_id")
        # Anything may stand there: a list cannot be looked up, and true is an int.
        known = isinstance(symbol, str) and symbol in self._symbols
        return (doubtful(symbol if known else None, trade_id, ts_recv, frame),)


def _second(ts: int) -> str:
    """Return ``2026-08-25T03:35:00Z``."""
    moment = datetime.datetime.fromtimestamp(ts // 1_000_000, datetime.UTC)
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def _read(symbol: str, match: _Match | _PageTrade, frame: bytes, ts_recv: int) -> TradeEvent:
    try:
        side = _TAKER.get(match.side)
        if side is None or match.time.tzinfo is None:
            raise BadDecimal("a side or time that is none")
        price, size = check(match.price), check(match.size)
    except BadDecimal as bad:
        return quarantined(symbol, match.trade_id, ts_recv, bad.reason, frame)
    return Trade(symbol, match.trade_id, microseconds(match.time), ts_recv, price, size, side)

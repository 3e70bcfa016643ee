"""Binance spot: the combined ``trade`` streams. Keyless.

A trade, as received (the wrapper ``stream``/``data`` is absent on the raw stream)::

    {"stream":"btcusdt@trade","data":{"e":"trade","E":1723161255343,"s":"BTCUSDT","t":3735683259,
     "p":"61837.63000000","q":"0.02000000","T":1723161255342,"m":true,"M":true}}

``t`` is consecutive per symbol. ``T`` is milliseconds. ``m`` says that the buyer was the maker, so
the taker sold. Futures carry records whose ``X`` is not ``MARKET``: their id counts, their trade
does not. Every connection is cut after 24 hours. Unknown symbols are accepted without a word.

What it says of a symbol (cut), and of one that it does not list, with HTTP 400. A step of 0 means
that there is no such rule::

    {"symbols":[{"symbol":"BTCUSDT","status":"TRADING","filters":[
     {"filterType":"PRICE_FILTER","minPrice":"0.01000000","tickSize":"0.01000000"},
     {"filterType":"LOT_SIZE","minQty":"0.00001000","stepSize":"0.00001000"}]}]}
    {"code":-1121,"msg":"Invalid symbol."}

A page of trades is a list that rises from ``fromId``, of at most 1000. Its weight is 25, of the
6000 that one address has in a minute; since August 2023 it asks for no key::

    [{"id":3735683259,"price":"61837.63000000","qty":"0.02000000","quoteQty":"1236.75260000",
      "time":1723161255342,"isBuyerMaker":true,"isBestMatch":true}]

Its candles are rows that rise from ``startTime``, of at most 1000: time in milliseconds, open,
high, low, close, volume, the last millisecond, and more. Their weight is 2::

    [[1723161240000,"61836.00","61840.00","61830.01","61837.63","3.20010",1723161299999,"197890.1",
      512,"1.50000","92756.4","0"]]

(Source: Binance's public documentation, "WebSocket Streams", "General endpoints", "Filters", "Old
trade lookup", "Kline/Candlestick data"; for the key, the change log of binance-connector-python
3.2.0.)
"""

import json
from collections.abc import Mapping
from urllib.parse import urlsplit, urlunsplit

import msgspec

from bus.errors import BadDecimal, BadFrame
from bus.messages import HistoryCandle, Side, Trade, Wanted
from bus.topics import INTERVAL_NAMES
from market.decimals import check
from market.symbols import pair
from procs.feed.exchanges import (
    Closing,
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


class _Trade(msgspec.Struct, tag_field="e", tag="trade"):
    s: str
    t: int
    p: str
    q: str
    T: int
    m: bool
    X: str = "MARKET"


class _Combined(msgspec.Struct):
    data: _Trade


class _PageTrade(msgspec.Struct):
    id: int
    price: str
    qty: str
    time: int
    isBuyerMaker: bool  # noqa: N815 (Binance's word)


class _Time(msgspec.Struct):
    serverTime: int  # noqa: N815


class _Filter(msgspec.Struct):
    filterType: str  # noqa: N815
    tickSize: str | None = None  # noqa: N815
    stepSize: str | None = None  # noqa: N815


class _Symbol(msgspec.Struct):
    filters: list[_Filter]


class _Info(msgspec.Struct):
    symbols: list[_Symbol]


class _Pair(msgspec.Struct):
    base: str = msgspec.field(name="baseAsset")
    quote: str = msgspec.field(name="quoteAsset")


class _Catalogue(msgspec.Struct):
    symbols: list[_Pair]


class _Candle(msgspec.Struct, array_like=True):
    time: int
    open: str
    high: str
    low: str
    close: str
    volume: str


class _Failure(msgspec.Struct):
    code: int


PAGE_TRADES = 1000
_NO_SUCH_SYMBOL = -1121
_UNREADABLE = (msgspec.MsgspecError, RecursionError, UnicodeDecodeError)
_combined = msgspec.json.Decoder(_Combined).decode
_raw = msgspec.json.Decoder(_Trade).decode
_page_trade = msgspec.json.Decoder(_PageTrade).decode
_time = msgspec.json.Decoder(_Time).decode
_info = msgspec.json.Decoder(_Info).decode
_catalogue = msgspec.json.Decoder(_Catalogue).decode
_candles = msgspec.json.Decoder(list[_Candle]).decode
_failure = msgspec.json.Decoder(_Failure).decode


class Exchange:
    """Binance, as ``procs.feed.exchanges.Exchange`` asks."""

    name = "binance"
    websocket_url = "wss://stream.binance.com:9443/stream"
    rest_url = "https://api.binance.com"
    ids: Ids = "consecutive"
    lifetime_s: float | None = 86400.0
    rest_per_s = 2.0
    candles_per_page = 1000
    needs: tuple[str, ...] = ()

    def __init__(self, symbols: tuple[str, ...]) -> None:
        self._symbols = {pair(symbol): symbol for symbol in symbols}
        self._request_id = 0
        self.headers: Mapping[str, str] = {}

    def configure(self, options: Mapping[str, str]) -> None:
        """Send the key, if there is one, with each question; none is needed."""
        if "api_key" in options:
            self.headers = {"X-MBX-APIKEY": options["api_key"]}

    def connect_url(self, base: str) -> str:
        """Return the combined stream's address; ``…:9443/ws`` and ``…/stream`` are both taken."""
        parts = urlsplit(base)
        path = parts.path.rstrip("/")
        path = path.removesuffix("/ws").removesuffix("/stream") + "/stream"
        streams = "/".join(f"{native.lower()}@trade" for native in self._symbols)
        return urlunsplit((parts.scheme, parts.netloc, path, f"streams={streams}", ""))

    def subscribe(self) -> list[str]:
        """Return nothing: the address names the streams."""
        return []

    def resubscribe(self, symbol: str) -> list[str]:
        """Return the texts that leave and take up one stream."""
        stream = f"{pair(symbol).lower()}@trade"
        texts = []
        for method in ("UNSUBSCRIBE", "SUBSCRIBE"):
            self._request_id += 1
            texts.append(json.dumps({"method": method, "params": [stream], "id": self._request_id}))
        return texts

    def time_url(self, base: str) -> str:
        """Return the address of the clock."""
        return f"{base}/api/v3/time"

    def parse_time(self, body: bytes) -> int:
        """Return the clock's time, µs UTC."""
        try:
            return _time(body).serverTime * 1000
        except _UNREADABLE as error:
            raise BadFrame(f"not a time: {error}") from None

    def listing_url(self, base: str, symbol: str) -> str:
        """Return the address of one symbol's rules."""
        return f"{base}/api/v3/exchangeInfo?symbol={pair(symbol)}"

    def parse_listing(self, status: int, body: bytes) -> Listing | None:
        """Return the symbol's steps. One whose trading is halted is listed all the same."""
        try:
            if status == 400 and _failure(body).code == _NO_SUCH_SYMBOL:
                return None
            if status == 200:
                (found,) = _info(body).symbols
                rules = {rule.filterType: rule for rule in found.filters}
                price, size = rules.get("PRICE_FILTER"), rules.get("LOT_SIZE")
                return Listing(
                    step(price.tickSize if price else None), step(size.stepSize if size else None)
                )
        except (msgspec.MsgspecError, RecursionError, ValueError) as error:
            raise BadFrame(f"not a listing: {str(error)[:120]}") from None
        raise BadFrame(f"not a listing: HTTP {status}")

    def catalogue_url(self, base: str) -> str:
        """Return the address of the rules of all symbols, a few MiB."""
        query = "permissions=SPOT&symbolStatus=TRADING&showPermissionSets=false"
        return f"{base}/api/v3/exchangeInfo?{query}"

    def parse_catalogue(self, body: bytes) -> list[str]:
        """Return the symbols that are traded."""
        try:
            return [f"{one.base}-{one.quote}" for one in _catalogue(body).symbols]
        except _UNREADABLE as error:
            raise BadFrame(f"not a list of symbols: {str(error)[:120]}") from None

    def page_url(self, base: str, wanted: Wanted) -> str:
        """Return the address of a page that rises to the wanted range or, if it is long, from it.

        What is missing is mostly strewn among the newest: so a page has more of it.
        """
        first_id = max(0, min(wanted.first_id, wanted.last_id - PAGE_TRADES + 1))
        query = f"symbol={pair(wanted.symbol)}&limit={PAGE_TRADES}&fromId={first_id}"
        return f"{base}/api/v3/historicalTrades?{query}"

    def parse_page(self, symbol: str, body: bytes, ts_recv: int) -> tuple[TradeEvent, ...]:
        """Return the trades of a page."""

        def read(part: bytes) -> TradeEvent:
            one = _page_trade(part)
            trade = _Trade(pair(symbol), one.id, one.price, one.qty, one.time, one.isBuyerMaker)
            return _read(symbol, trade, part, ts_recv)

        return page(body, symbol, "id", ts_recv, read)

    def candles_url(self, base: str, symbol: str, interval_s: int, start: int, end: int) -> str:
        """Return the address of a symbol's candles; ``endTime`` would be included."""
        query = f"symbol={pair(symbol)}&interval={INTERVAL_NAMES[interval_s]}&limit=1000"
        return f"{base}/api/v3/klines?{query}&startTime={start // 1000}&endTime={end // 1000 - 1}"

    def parse_candles(self, symbol: str, interval_s: int, body: bytes) -> list[HistoryCandle]:
        """Return the candles of an answer."""
        try:
            rows = _candles(body)
        except _UNREADABLE as error:
            raise BadFrame(f"not candles: {str(error)[:120]}") from None
        return published(
            ((row.time * 1000, row.open, row.high, row.low, row.close, row.volume) for row in rows),
            interval_s,
        )

    def parse(self, frame: bytes, ts_recv: int) -> tuple[Event, ...]:
        """Return the trade in ``frame``."""
        try:
            trade = _combined(frame).data
        except _UNREADABLE:
            return self._parse_other(frame, ts_recv)
        return self._trade(trade, frame, ts_recv)

    def _trade(self, trade: _Trade, frame: bytes, ts_recv: int) -> tuple[Event, ...]:
        symbol = self._symbols.get(trade.s)
        if symbol is None:
            raise BadFrame(f"a symbol we did not ask for: {trade.s[:40]!r}")
        return (_read(symbol, trade, frame, ts_recv),)

    def _parse_other(self, frame: bytes, ts_recv: int) -> tuple[Event, ...]:
        """Read what is not a well-formed trade of the combined stream."""
        try:
            return self._trade(_raw(frame), frame, ts_recv)
        except _UNREADABLE:
            pass  # not a raw trade either
        try:
            found = msgspec.json.decode(frame)
        except _UNREADABLE as error:
            raise BadFrame(f"not JSON: {str(error)[:120]}") from None
        if not isinstance(found, dict):
            raise BadFrame(f"not an object but {type(found).__name__}")
        if "result" in found and "id" in found:
            return ()
        if "error" in found or "code" in found:
            return (Refused(str(found)[:200]),)
        inner = found.get("data", found.get("event", found))
        if isinstance(inner, dict):
            if inner.get("e") == "serverShutdown":
                return (Closing("serverShutdown"),)
            if inner.get("e") == "trade":
                symbol = self._symbols.get(str(inner.get("s")))
                return (doubtful(symbol, inner.get("t"), ts_recv, frame),)
        raise BadFrame("an unknown kind of message")


def _read(symbol: str, trade: _Trade, frame: bytes, ts_recv: int) -> TradeEvent:
    try:
        if trade.X != "MARKET":
            raise BadDecimal(f"not a market trade: X={trade.X[:20]!r}")
        price, size = check(trade.p), check(trade.q)
    except BadDecimal as bad:
        return quarantined(symbol, trade.t, ts_recv, bad.reason, frame)
    side: Side = "sell" if trade.m else "buy"
    return Trade(symbol, trade.t, trade.T * 1000, ts_recv, price, size, side)

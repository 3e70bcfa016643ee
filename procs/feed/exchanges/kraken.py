"""Kraken spot: the ``trade`` channel of WebSocket version 2. Keyless.

Trades, an acknowledgement, and a refusal, as received::

    {"channel":"trade","type":"snapshot","data":[{"symbol":"BTC/USD","side":"buy","price":81011.5,
     "qty":0.00123440,"ord_type":"limit","trade_id":100320028,
     "timestamp":"2026-05-14T15:06:09.020392Z"}]}
    {"method":"subscribe","result":{"channel":"trade","snapshot":true,"symbol":"BTC/USD"},
     "success":true,"time_in":"2026-10-03T20:58:30.560234Z","time_out":"…"}
    {"error":"Currency pair not supported XX/USD","method":"subscribe","success":false,
     "symbol":"XX/USD","time_in":"…","time_out":"…"}

``trade_id`` is consecutive per pair, ``side`` the taker's. The snapshot on subscribing has the last
50 trades, often ones we have. A heartbeat comes each second in which nothing else does, ``status``
on connecting and when the engine's state changes. An announced maintenance is no reason for a
hand-over: a new connection would be told the same, and leads to what is about to stop.

By REST everything comes with HTTP 200, errors included. There is no other way to a missing trade
than from a time on: at most 1000 that rise from ``since`` (nanoseconds), or the newest; about one
call a second is allowed from one address. It spells some coins in its own way (XBT, XDG)::

    {"error":["EQuery:Unknown asset pair"]}
    {"error":[],"result":{"XXBTZUSD":{"altname":"XBTUSD","wsname":"XBT/USD","lot_decimals":8,
     "tick_size":"0.1","status":"online"}}}
    {"error":[],"result":{"XXBTZUSD":[["81011.50000","0.00123440",1778771169.0203921,"b","l","",
     100320028]],"last":"1778771169020392100"}}

The same trade must be equal whichever way it came. A number here and a text there have different
zeros at their end, so none is kept; the list's times are finer than a microsecond, and cut off.

Its candles are rows that rise: time in seconds, open, high, low, close, VWAP, volume, count. Only
the last 720 of each interval are to be had; the running one is always among them.

(Source: Kraken's public documentation, "Spot WebSocket v2", "Trade", "Status", "Get Recent Trades",
"Get OHLC Data", "Get Tradable Asset Pairs", "Errors"; its support page "What are the API rate
limits?", which says one call a second for each address and pair.)
"""

import datetime
import json
import re
from collections.abc import Sequence
from typing import Any

import msgspec

from bus.coins import RENAMED
from bus.errors import BadDecimal, BadFrame, Throttled, WrongQuestion
from bus.messages import HistoryCandle, Side, Trade, Wanted
from market.decimals import FRACTION_DIGITS_MAX, check, trimmed
from market.moments import microseconds
from procs.feed.exchanges import (
    Event,
    Ids,
    Listing,
    Refused,
    TradeEvent,
    doubtful,
    number,
    page,
    quarantined,
    step,
)
from procs.feed.published import published

UNKNOWN_PAIR = "EQuery:Unknown asset pair"
_OWN_CODES = {"BTC": "XBT", "DOGE": "XDG"}
_ID_AT = 6
"""Where a trade of a page has its id."""
_UNREADABLE = (msgspec.MsgspecError, RecursionError, UnicodeDecodeError)
_LIMITS = ("Rate limit", "Too many requests", "Throttled", "lockout")
_is_seconds = re.compile(r"([0-9]{1,10})(?:\.([0-9]{1,9}))?", re.ASCII).fullmatch


class _Trades(msgspec.Struct, tag_field="channel", tag="trade"):
    type: str
    data: list[msgspec.Raw]


class _Heartbeat(msgspec.Struct, tag_field="channel", tag="heartbeat"):
    pass


class _Status(msgspec.Struct, tag_field="channel", tag="status"):
    pass


class _Trade(msgspec.Struct):
    symbol: str
    side: str
    price: msgspec.Raw
    qty: msgspec.Raw
    trade_id: int
    timestamp: datetime.datetime


class _PageTrade(msgspec.Struct, array_like=True):
    price: str
    volume: str
    time: msgspec.Raw
    side: str
    order_type: str
    miscellaneous: str
    trade_id: int


class _Answer(msgspec.Struct):
    error: list[str]
    result: dict[str, msgspec.Raw] | None = None


class _Pair(msgspec.Struct):
    lot_decimals: int
    tick_size: str | None = None
    wsname: str | None = None


class _Candle(msgspec.Struct, array_like=True):
    time: int
    open: str
    high: str
    low: str
    close: str
    vwap: str
    volume: str


_message = msgspec.json.Decoder(_Trades | _Heartbeat | _Status).decode
_trade = msgspec.json.Decoder(_Trade).decode
_page_trade = msgspec.json.Decoder(_PageTrade).decode
_answer = msgspec.json.Decoder(_Answer).decode
_pair = msgspec.json.Decoder(_Pair).decode
_candles = msgspec.json.Decoder(list[_Candle]).decode
_integer = msgspec.json.Decoder(int).decode
_SIDES: dict[str, Side] = {"buy": "buy", "sell": "sell"}
_PAGE_SIDES: dict[str, Side] = {"b": "buy", "s": "sell"}


class Exchange:
    """Kraken, as ``procs.feed.exchanges.Exchange`` asks."""

    name = "kraken"
    websocket_url = "wss://ws.kraken.com/v2"
    rest_url = "https://api.kraken.com"
    ids: Ids = "consecutive"
    lifetime_s: float | None = None
    rest_per_s = 1.0
    page_trades = 1000
    candles_per_page = 720

    def __init__(self, symbols: tuple[str, ...]) -> None:
        self._symbols = {symbol.replace("-", "/"): symbol for symbol in symbols}

    def connect_url(self, base: str) -> str:
        """Return the address as it is."""
        return base

    def subscribe(self) -> list[str]:
        """Return a request for each symbol: an unknown one spoils its own request alone."""
        return [_request("subscribe", symbol) for symbol in self._symbols.values()]

    def resubscribe(self, symbol: str) -> list[str]:
        """Return the requests that leave and take up one symbol."""
        return [_request("unsubscribe", symbol), _request("subscribe", symbol)]

    def time_url(self, base: str) -> str:
        """Return the address of the clock."""
        return f"{base}/0/public/Time"

    def parse_time(self, body: bytes) -> int:
        """Return the clock's time, whole seconds in µs UTC."""
        try:
            return _integer(_results(body)["unixtime"]) * 1_000_000
        except (*_UNREADABLE, KeyError) as error:
            raise BadFrame(f"not a time: {str(error)[:120]}") from None

    def listing_url(self, base: str, symbol: str) -> str:
        """Return the address of one pair."""
        return f"{base}/0/public/AssetPairs?pair={_spelled(symbol)}"

    def parse_listing(self, status: int, body: bytes) -> Listing | None:
        """Return the pair's steps; None where Kraken says, in its own words, that there is none."""
        if status != 200:
            raise BadFrame(f"not a listing: HTTP {status}")
        try:
            if UNKNOWN_PAIR in _answer(body).error:
                return None
            found = _pair(_only(_results(body)))
        except _UNREADABLE as error:
            raise BadFrame(f"not a listing: {str(error)[:120]}") from None
        return Listing(step(found.tick_size), _lot(found.lot_decimals))

    def catalogue_url(self, base: str) -> str:
        """Return the address of all pairs."""
        return f"{base}/0/public/AssetPairs"

    def parse_catalogue(self, body: bytes) -> list[str]:
        """Return the symbols of all pairs that have one."""
        try:
            names = [_pair(pair).wsname for pair in _results(body).values()]
        except _UNREADABLE as error:
            raise BadFrame(f"not a list of pairs: {str(error)[:120]}") from None
        pairs = [name.split("/") for name in names if name is not None]
        return ["-".join(RENAMED.get(code, code) for code in pair) for pair in pairs]

    def page_url(self, base: str, wanted: Wanted) -> str:
        """Return the address of the trades that rise from ``wanted.since``, or of the newest.

        It begins a microsecond before: then it does not matter how a time was cut or rounded.
        """
        query = f"pair={_spelled(wanted.symbol)}&count={self.page_trades}"
        if wanted.since is not None:
            query += f"&since={max(0, wanted.since - 1) * 1000}"
        return f"{base}/0/public/Trades?{query}"

    def parse_page(self, symbol: str, body: bytes, ts_recv: int) -> tuple[TradeEvent, ...]:
        """Return the trades of a page."""

        def read(part: bytes) -> TradeEvent:
            return _read_row(symbol, _page_trade(part), part, ts_recv)

        return page(bytes(_only(_results(body))), symbol, _ID_AT, ts_recv, read)

    def candles_url(self, base: str, symbol: str, interval_s: int, start: int, end: int) -> str:
        """Return the address of a pair's candles after a time, as far back as there are some."""
        query = f"interval={interval_s // 60}&since={max(0, start // 1_000_000 - 1)}"
        return f"{base}/0/public/OHLC?pair={_spelled(symbol)}&{query}"

    def parse_candles(self, symbol: str, interval_s: int, body: bytes) -> list[HistoryCandle]:
        """Return the candles of an answer."""
        try:
            found = _candles(_only(_results(body)))
        except _UNREADABLE as error:
            raise BadFrame(f"not candles: {str(error)[:120]}") from None
        return published(
            (
                (row.time * 1_000_000, row.open, row.high, row.low, row.close, row.volume)
                for row in found
            ),
            interval_s,
        )

    def parse(self, frame: bytes, ts_recv: int) -> tuple[Event, ...]:
        """Return the trades in ``frame``."""
        try:
            found = _message(frame)
        except _UNREADABLE:
            return _parse_answer(frame)
        return self._trades(found.data, ts_recv) if isinstance(found, _Trades) else ()

    def _trades(self, parts: Sequence[msgspec.Raw], ts_recv: int) -> tuple[Event, ...]:
        """Read each trade of a batch; one that nobody can use does not take the others along."""
        events: list[Event] = []
        strange: BadFrame | None = None
        usable = 0
        for part in map(bytes, parts):
            try:
                events.append(self._trade(part, ts_recv))
                usable += 1
            except BadFrame as bad:
                strange = bad
                events.append(quarantined(None, None, ts_recv, str(bad), part))
        if strange is not None and not usable:
            raise strange
        return tuple(events)

    def _trade(self, part: bytes, ts_recv: int) -> TradeEvent:
        try:
            found = _trade(part)
        except _UNREADABLE:
            return self._doubtful(part, ts_recv)
        symbol = self._symbols.get(found.symbol)
        if symbol is None:
            raise BadFrame(f"a symbol we did not ask for: {found.symbol[:40]!r}")
        return _read(symbol, found, part, ts_recv)

    def _doubtful(self, part: bytes, ts_recv: int) -> TradeEvent:
        found = _object(part)
        name = found.get("symbol")
        # Anything may stand there: a list cannot be looked up.
        symbol = self._symbols.get(name) if isinstance(name, str) else None
        return doubtful(symbol, found.get("trade_id"), ts_recv, part)


def _request(method: str, symbol: str) -> str:
    params = {"channel": "trade", "symbol": [symbol.replace("-", "/")], "snapshot": True}
    if method == "unsubscribe":
        del params["snapshot"]
    return json.dumps({"method": method, "params": params})


def _spelled(symbol: str) -> str:
    """Return ``XBTUSD`` for ``BTC-USD``, as the REST interface spells it."""
    return "".join(_OWN_CODES.get(code, code) for code in symbol.split("-"))


def _object(text: bytes) -> dict[str, Any]:
    """Return a JSON object.

    Raises:
        BadFrame: it is none.
    """
    try:
        found = msgspec.json.decode(text)
    except _UNREADABLE as error:
        raise BadFrame(f"not JSON: {str(error)[:120]}") from None
    if not isinstance(found, dict):
        raise BadFrame(f"not an object but {type(found).__name__}")
    return found


def _parse_answer(frame: bytes) -> tuple[Event, ...]:
    """Read what is no message of a channel that we know."""
    found = _object(frame)
    error = found.get("error", found.get("Error"))
    if isinstance(error, str):
        return (Refused(error[:200]),)
    if found.get("success") is True or found.get("method") == "pong":
        return ()
    raise BadFrame("an unknown kind of message")


def _results(body: bytes) -> dict[str, msgspec.Raw]:
    """Return what an answer of the REST interface holds, by name.

    Raises:
        BadFrame: it is no such answer, or says what went wrong.
        Throttled: it says that too much was asked.
        WrongQuestion: it says that there is no use in asking this again.
    """
    try:
        found = _answer(body)
    except _UNREADABLE as error:
        raise BadFrame(f"not an answer: {str(error)[:120]}") from None
    for said in found.error:
        shown = f"Kraken says {said[:100]!r}"
        if any(word in said for word in _LIMITS):
            raise Throttled(shown)
        if said.startswith(("EQuery:", "EGeneral:Invalid arguments")):
            raise WrongQuestion(shown)
        if not said.startswith("W"):  # that is a warning
            raise BadFrame(shown)
    if found.result is None:
        raise BadFrame("an answer without a result")
    return found.result


def _only(results: dict[str, msgspec.Raw]) -> msgspec.Raw:
    """Return what is said of the one pair that was asked for, whatever Kraken calls it.

    Raises:
        BadFrame: there are none or several.
    """
    found = [result for name, result in results.items() if name != "last"]
    if len(found) != 1:
        raise BadFrame(f"an answer about {len(found)} pairs")
    return found[0]


def _lot(decimals: int) -> str:
    """Return the smallest step of a size with so many decimals."""
    if not 0 <= decimals <= FRACTION_DIGITS_MAX:
        raise BadFrame(f"not a listing: {decimals} decimals of a lot")
    return f"0.{1:0{decimals}d}" if decimals else "1"


def _read(symbol: str, trade: _Trade, part: bytes, ts_recv: int) -> TradeEvent:
    try:
        if trade.timestamp.tzinfo is None:
            raise BadDecimal("a time without a zone")
        price, size = trimmed(number(trade.price)), trimmed(number(trade.qty))
        side = _side(_SIDES, trade.side)
    except BadDecimal as bad:
        return quarantined(symbol, trade.trade_id, ts_recv, bad.reason, part)
    ts_event = microseconds(trade.timestamp)
    return Trade(symbol, trade.trade_id, ts_event, ts_recv, price, size, side)


def _read_row(symbol: str, trade: _PageTrade, part: bytes, ts_recv: int) -> TradeEvent:
    try:
        ts_event = _cut_off(trade.time)
        price, size = trimmed(check(trade.price)), trimmed(check(trade.volume))
        side = _side(_PAGE_SIDES, trade.side)
    except BadDecimal as bad:
        return quarantined(symbol, trade.trade_id, ts_recv, bad.reason, part)
    return Trade(symbol, trade.trade_id, ts_event, ts_recv, price, size, side)


def _side(words: dict[str, Side], text: str) -> Side:
    if text not in words:
        raise BadDecimal(f"a side that is none: {text[:20]!r}")
    return words[text]


def _cut_off(raw: msgspec.Raw) -> int:
    """Return seconds with a fraction as whole µs."""
    found = _is_seconds(bytes(raw).decode("ascii", "replace"))
    if found is None:
        raise BadDecimal("a time that is none")
    return int(found[1]) * 1_000_000 + int((found[2] or "").ljust(6, "0")[:6])

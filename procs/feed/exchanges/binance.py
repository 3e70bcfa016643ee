"""Binance spot: the combined ``trade`` streams. Keyless.

A trade, as received (the wrapper ``stream``/``data`` is absent on the raw stream)::

    {"stream":"btcusdt@trade","data":{"e":"trade","E":1723161255343,"s":"BTCUSDT","t":3735683259,
     "p":"61837.63000000","q":"0.02000000","T":1723161255342,"m":true,"M":true}}

``t`` is consecutive per symbol. ``T`` is milliseconds. ``m`` says that the buyer was the maker, so
the taker sold. Futures carry records whose ``X`` is not ``MARKET``: their id counts, their trade
does not. Every connection is cut after 24 hours. Unknown symbols are accepted without a word.
(Source: Binance's public documentation, "WebSocket Streams" and "General endpoints".)
"""

import json
from urllib.parse import urlsplit, urlunsplit

import msgspec

from bus.errors import BadDecimal, BadFrame
from bus.messages import Trade
from market.decimals import check
from market.symbols import pair
from procs.feed.exchanges import Closing, Event, Refused, quarantined


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


class _Time(msgspec.Struct):
    serverTime: int  # noqa: N815 (Binance's word)


_combined = msgspec.json.Decoder(_Combined).decode
_raw = msgspec.json.Decoder(_Trade).decode
_time = msgspec.json.Decoder(_Time).decode


class Exchange:
    """Binance, as ``procs.feed.exchanges.Exchange`` asks."""

    name = "binance"
    websocket_url = "wss://stream.binance.com:9443/stream"
    rest_url = "https://api.binance.com"
    gapless = True
    lifetime_s: float | None = 86400.0

    def __init__(self, symbols: tuple[str, ...]) -> None:
        self._symbols = {pair(symbol): symbol for symbol in symbols}
        self._request_id = 0

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
        except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError) as error:
            raise BadFrame(f"not a time: {error}") from None

    def parse(self, frame: bytes, ts_recv: int) -> tuple[Event, ...]:
        """Return the trade in ``frame``."""
        try:
            trade = _combined(frame).data
        except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
            return self._parse_other(frame, ts_recv)
        return self._trade(trade, frame, ts_recv)

    def _trade(self, trade: _Trade, frame: bytes, ts_recv: int) -> tuple[Event, ...]:
        symbol = self._symbols.get(trade.s)
        if symbol is None:
            raise BadFrame(f"a symbol we did not ask for: {trade.s[:40]!r}")
        try:
            if trade.X != "MARKET":
                raise BadDecimal(f"not a market trade: X={trade.X[:20]!r}")
            return (
                Trade(
                    symbol,
                    trade.t,
                    trade.T * 1000,
                    ts_recv,
                    check(trade.p),
                    check(trade.q),
                    "sell" if trade.m else "buy",
                ),
            )
        except BadDecimal as bad:
            return (quarantined(symbol, trade.t, ts_recv, bad.reason, frame),)

    def _parse_other(self, frame: bytes, ts_recv: int) -> tuple[Event, ...]:
        """Read what is not a well-formed trade of the combined stream."""
        try:
            return self._trade(_raw(frame), frame, ts_recv)
        except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
            pass  # not a raw trade either
        try:
            found = msgspec.json.decode(frame)
        except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError) as error:
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
                return (self._doubtful(inner, frame, ts_recv),)
        raise BadFrame("an unknown kind of message")

    def _doubtful(self, trade: dict[str, object], frame: bytes, ts_recv: int) -> Event:
        """Quarantine a trade whose fields have wrong types, if it says which trade it is."""
        symbol = self._symbols.get(str(trade.get("s")))
        trade_id = trade.get("t")
        if symbol is None or not isinstance(trade_id, int) or isinstance(trade_id, bool):
            raise BadFrame("a trade without symbol or id")
        return quarantined(symbol, trade_id, ts_recv, "a field has the wrong type", frame)

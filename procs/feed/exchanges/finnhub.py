"""Finnhub: the trades of another exchange, passed on. It needs a token.

Several trades in one frame, as received; a sign of life, about once a minute; an error::

    {"data":[{"c":null,"p":1731.1,"s":"BINANCE:ETHUSDT","t":1696250801782,"v":0.014},
             {"c":null,"p":1731.09,"s":"BINANCE:ETHUSDT","t":1696250802070,"v":1.001}],
     "type":"trade"}
    {"type":"ping"}
    {"msg":"Subscribing to too many symbols","type":"error"}

``s`` is the symbol, ``p`` the price, ``v`` the size, ``t`` the time in ms, ``c`` says of some
markets under which conditions. Prices and sizes are JSON numbers in short form. There are no ids:
trades that are missed are never known to be, and two that are equal are two. Nor is there a side.

The token stands in the address of the WebSocket, where Finnhub wants it, and in a header of each
question by REST. A wrong one is refused with HTTP 401. Of one exchange it lists all symbols::

    [{"description":"Binance ETHUSDT","displaySymbol":"ETH/USDT","symbol":"BINANCE:ETHUSDT"}]

(Source: Finnhub's public documentation, "Trades", "Crypto Symbols", "Authentication"; its issues
346 and 465.)
"""

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode, urlsplit, urlunsplit

import msgspec

from bus.errors import BadDecimal, BadFrame
from bus.messages import Trade
from procs.feed.exchanges import (
    ID_MAX,
    Event,
    Ids,
    Refused,
    TradeEvent,
    number,
    quarantined,
)

_UNREADABLE = (msgspec.MsgspecError, RecursionError, UnicodeDecodeError)
_NONE = msgspec.Raw(b"")
_BETWEEN = {"COINBASE": "-", "KUCOIN": "-", "OKEX": "-"}
"""What stands between base and quote in an exchange's own spelling, where anything does."""


class _Trade(msgspec.Struct):
    s: str
    p: msgspec.Raw
    t: int
    v: msgspec.Raw = _NONE


class _Trades(msgspec.Struct, tag_field="type", tag="trade"):
    data: list[msgspec.Raw]


class _Ping(msgspec.Struct, tag_field="type", tag="ping"):
    pass


class _Error(msgspec.Struct, tag_field="type", tag="error"):
    msg: str = ""


class _Listed(msgspec.Struct):
    displaySymbol: str  # noqa: N815


_message = msgspec.json.Decoder(_Trades | _Ping | _Error).decode
_trade = msgspec.json.Decoder(_Trade).decode
_fields = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_any: Any = msgspec.json.Decoder().decode
_catalogue = msgspec.json.Decoder(list[_Listed]).decode


class Exchange:
    """Finnhub, as ``procs.feed.exchanges.Exchange`` asks."""

    name = "finnhub"
    websocket_url = "wss://ws.finnhub.io"
    rest_url = "https://finnhub.io"
    ids: Ids = "none"
    lifetime_s: float | None = None
    needs: tuple[str, ...] = ("token",)

    def __init__(self, symbols: tuple[str, ...]) -> None:
        self._asked = symbols
        self._token = ""
        self.headers: Mapping[str, str] = {}
        self._spell("BINANCE")

    def configure(self, options: Mapping[str, str]) -> None:
        """Take the token, and the exchange whose trades are asked for."""
        self._token = options.get("token", "")
        self.headers = {"X-Finnhub-Token": self._token} if self._token else {}
        self._spell(options.get("exchange", "BINANCE").upper())

    def _spell(self, exchange: str) -> None:
        self._exchange = exchange
        self._symbols = {self._native(symbol): symbol for symbol in self._asked}

    def _native(self, symbol: str) -> str:
        return f"{self._exchange}:{symbol.replace('-', _BETWEEN.get(self._exchange, ''))}"

    def connect_url(self, base: str) -> str:
        """Return the address with the token in it, and none that stood there before."""
        if not self._token:
            return base
        parts = urlsplit(base)
        query = [pair for pair in parse_qsl(parts.query) if pair[0] != "token"]
        query.append(("token", self._token))
        return urlunsplit((parts.scheme, parts.netloc, parts.path, urlencode(query), ""))

    def subscribe(self) -> list[str]:
        """Return a request for each symbol; that is how Finnhub takes them."""
        return [self._request("subscribe", native) for native in self._symbols]

    def resubscribe(self, symbol: str) -> list[str]:
        """Return the requests that leave and take up one symbol."""
        return [self._request(kind, self._native(symbol)) for kind in ("unsubscribe", "subscribe")]

    def _request(self, kind: str, native: str) -> str:
        return json.dumps({"type": kind, "symbol": native})

    def catalogue_url(self, base: str) -> str:
        """Return the address of the list of the exchange's symbols."""
        return f"{base}/api/v1/crypto/symbol?exchange={quote(self._exchange.lower(), safe='')}"

    def parse_catalogue(self, body: bytes) -> list[str]:
        """Return the symbols; Finnhub shows each in one spelling, whatever the exchange's own."""
        try:
            return [one.displaySymbol.replace("/", "-") for one in _catalogue(body)]
        except _UNREADABLE as error:
            raise BadFrame(f"not a list of symbols: {str(error)[:120]}") from None

    def parse(self, frame: bytes, ts_recv: int) -> tuple[Event, ...]:
        """Return the trades in ``frame``.

        One that cannot be believed is quarantined alone, and so is one of a symbol that was not
        asked for, without its symbol: the others come. A frame of such alone is bad.
        """
        try:
            found = _message(frame)
        except _UNREADABLE as error:
            raise BadFrame(f"not a message: {str(error)[:120]}") from None
        if isinstance(found, _Error):
            return (Refused(found.msg[:200] or "an error without a message"),)
        if isinstance(found, _Ping):
            return ()
        events = tuple(self._read(bytes(part), ts_recv) for part in found.data)
        if all(event.symbol is None for event in events):
            raise BadFrame("no trade of a symbol that we asked for")
        return events

    def _read(self, part: bytes, ts_recv: int) -> TradeEvent:
        try:
            found = _trade(part)
        except _UNREADABLE:
            return quarantined(
                self._symbol_in(part), None, ts_recv, "a field has the wrong type", part
            )
        symbol = self._symbols.get(found.s)
        if symbol is None:
            return quarantined(None, None, ts_recv, "a symbol we did not ask for", part)
        try:
            price = number(found.p)
            size = number(found.v) if bytes(found.v) else None
            if not 0 <= found.t <= ID_MAX // 1000:
                raise BadDecimal("a time out of range")
        except BadDecimal as bad:
            return quarantined(symbol, None, ts_recv, bad.reason, part)
        return Trade(symbol, 0, found.t * 1000, ts_recv, price, size, None)

    def _symbol_in(self, part: bytes) -> str | None:
        """Return the symbol of a trade that has something wrong in it, None where it is not ours.

        Each field is read for itself: a number that is too large for JSON spoils the whole.
        """
        try:
            name = _any(_fields(part)["s"])
        except (*_UNREADABLE, KeyError):
            return None
        return self._symbols.get(name) if isinstance(name, str) else None

"""Finnhub: the trades of its WebSocket, those of symbols of Binance.

WebSocket ``/finnhub/ws?token=…``; without a token the handshake is refused with 401. Subscribing,
``{"type":"subscribe","symbol":"BINANCE:ETHUSDT"}``, is not answered. The trades of a while come in
one message, of all symbols together::

    {"data":[{"c":null,"p":1731.1,"s":"BINANCE:ETHUSDT","t":1696250801782,"v":0.014}],"type":"trade"}

There are no trade ids, and what was missed cannot be had. A symbol that it does not have is
answered with ``{"msg":"Invalid symbol X","type":"error"}`` (issues 20 and 472 of
finnhubio/Finnhub-API). Protocol: Finnhub API documentation, "Trades"; REST: ``rest/finnhub.py``.
"""

import json
import re
from collections.abc import Sequence
from typing import Any
from urllib.parse import parse_qs

import msgspec
from starlette.routing import BaseRoute

from procs.simulator.listing import (
    Grid,
    Listing,
    dashed,
    price_decimals,
    price_level,
    size_decimals,
)
from procs.simulator.market import Execution, Market
from procs.simulator.numbers import GO, plain, short
from procs.simulator.protocol import Denied, Render
from procs.simulator.rest import finnhub as rest
from procs.simulator.truth import Truth
from procs.simulator.wire import framed, unframed

SYMBOLS_MAX = 50
"""Of one connection, without paying."""
TRADES_PER_FRAME = 10
PING_EVERY_S = 60
PLACE = "BINANCE:"
_HEAD, _TAIL = '{"data":[', '],"type":"trade"}'
_PING = '{"type":"ping"}'
_SYMBOL = re.compile(r'"s":"([^"]+)"')
_TIME = re.compile(r'"t":([0-9]{13})\b')
_PRICE = re.compile(r'"p":[^,}]+')
_NUMBER = re.compile(r"-?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?")


class Exchange:
    """Finnhub."""

    name = "finnhub"
    subscribe_within_s: float | None = None
    lifetime_s: float | None = None
    gathers_us = 200_000

    def listing(self, symbol: str) -> Listing:
        """Return what the exchange would say of a symbol: Binance's grid, milliseconds."""
        grid = Grid(price_decimals(price_level(symbol)), size_decimals(symbol.partition("-")[0]))
        native = PLACE + symbol.replace("-", "")
        return Listing(self.name, symbol, native, grid, time_unit_us=1000)

    def session(self, path: str, query: str, market: Market) -> "Session | None":
        """Return a conversation for ``/finnhub/ws``, if there is a token."""
        if path.rstrip("/") != "ws":
            return None
        if not parse_qs(query).get("token"):
            raise Denied(401, rest.NO_KEY)
        return Session(market)

    def routes(self, market: Market) -> list[BaseRoute]:
        """Return the REST routes."""
        return rest.routes(market)

    def recorded_streams(self, text: str) -> set[str]:
        """Return the symbols of a recorded message; one without trades is not played."""
        return set(_SYMBOL.findall(text)) if '"type":"trade"' in text else set()

    def recorded_trades(self, text: str) -> list[tuple[str, Execution]]:
        """Return each trade of a recorded message, with id 0."""
        if '"type":"trade"' not in text:
            return []
        found: dict[str, Any] = json.loads(text, parse_float=str, parse_int=str)
        return [
            (
                one["s"],
                Execution(0, int(one["t"]) * 1000, plain(one["p"]), plain(one["v"]), None),
            )
            for one in found["data"]
        ]

    def shifted(self, text: str, shift_us: int) -> str:
        """Return a recorded message with its trades' times moved by whole milliseconds."""
        shift_ms = shift_us // 1000
        return _TIME.sub(lambda found: f'"t":{int(found[1]) + shift_ms}', text)

    def repriced(self, text: str, price: str) -> str:
        """Return a message with another price; one that JSON does not know becomes a text."""
        written = price if _NUMBER.fullmatch(price) else f'"{price}"'
        return _PRICE.sub(f'"p":{written}', text)

    def symbol_of(self, native: str) -> str | None:
        """Return ``ETH-USDT`` for ``BINANCE:ETHUSDT``."""
        return dashed(native.removeprefix(PLACE)) if native.startswith(PLACE) else None

    def gathered(self, frames: Sequence[str]) -> list[str]:
        """Return messages of up to ten trades each."""
        out: list[str] = []
        trades: list[str] = []
        for made in frames:
            ours = made.endswith(_TAIL)
            if ours:
                trades.append(unframed(made)[len(_HEAD) : -len(_TAIL)])
            if trades and (not ours or len(trades) == TRADES_PER_FRAME):
                out.append(_message(trades))
                trades = []
            if not ours:
                out.append(made)
        return [*out, _message(trades)] if trades else out


class Session:
    """One connection."""

    def __init__(self, market: Market) -> None:
        self._market = market
        self._seconds = 0
        self.streams: set[str] = set()

    def receive(self, text: str, position: int) -> list[str]:
        """Take ``subscribe`` and ``unsubscribe``; only what is wrong is answered."""
        try:
            request = msgspec.json.decode(text)
        except (msgspec.DecodeError, RecursionError):
            return [_error("Invalid message")]
        symbol = request.get("symbol") if isinstance(request, dict) else None
        kind = request.get("type") if isinstance(request, dict) else None
        if kind not in ("subscribe", "unsubscribe") or not isinstance(symbol, str):
            return [_error("Invalid message")]
        if symbol not in self._market.listings:
            return [_error(f"Invalid symbol {symbol}")]
        if kind == "unsubscribe":
            self.streams.discard(symbol)
        elif len(self.streams | {symbol}) > SYMBOLS_MAX:
            return [_error("Subscribing to too many symbols")]
        else:
            self.streams.add(symbol)
        return []

    def each_second(self, position: int) -> list[str]:
        """Return a ping, once a minute."""
        self._seconds += 1
        return [_PING] if self._seconds % PING_EVERY_S == 0 else []

    def renderers(self, native: str, truth: Truth) -> tuple[Render, ...]:
        """Return what makes the message of each trade of a symbol."""
        return (_renderer(truth),) if native in self.streams else ()

    def as_sent(self, text: str) -> str:
        """Return a recorded message without the trades of other symbols."""
        if self.streams.issuperset(_SYMBOL.findall(text)):
            return text
        trades = msgspec.json.decode(text, type=_Recorded).data
        texts = [bytes(trade).decode() for trade in trades]
        mine = [one for one in texts if self.streams.issuperset(_SYMBOL.findall(one))]
        return f"{_HEAD}{','.join(mine)}{_TAIL}"

    def farewell(self, now: int) -> list[str]:
        """Return nothing: Finnhub closes without a word."""
        return []


class _Recorded(msgspec.Struct):
    data: list[msgspec.Raw]


def _renderer(truth: Truth) -> Render:
    listing, draw = truth.listing, truth.draw
    template = f'{_HEAD}{{"c":null,"p":%s,"s":"{listing.native}","t":%d,"v":%s}}{_TAIL}'

    def render(trade_id: int, ts: int) -> str:
        price, size, _, _ = draw(trade_id, ts)
        texts = short(listing.price_text(price), GO), short(listing.size_text(size), GO)
        return framed(template % (texts[0], ts // 1000, texts[1]))

    return render


def _message(trades: list[str]) -> str:
    return framed(f"{_HEAD}{','.join(trades)}{_TAIL}")


def _error(message: str) -> str:
    return msgspec.json.encode({"msg": message, "type": "error"}).decode()

"""Binance spot: the trade streams of its WebSocket market data and its public REST API.

WebSocket ``/binance/ws/<stream>[/<stream>…]`` (raw) and ``/binance/stream?streams=a/b`` or
``/binance/ws/stream?streams=a/b`` (combined), with SUBSCRIBE and UNSUBSCRIBE on each. A trade,
combined::

    {"stream":"btcusdt@trade","data":{"e":"trade","E":1723161255343,"s":"BTCUSDT","t":3735683259,
     "p":"61837.63000000","q":"0.02000000","T":1723161255342,"m":true,"M":true}}

``m``: the buyer was the maker, so the taker sold. Unknown streams are accepted and stay silent;
every connection ends after 24 h. Protocol: Binance spot API documentation, "WebSocket Streams".
"""

import re
from typing import Any
from urllib.parse import parse_qs

import msgspec
from starlette.routing import BaseRoute

from bus.messages import Side
from procs.simulator.listing import (
    Grid,
    Listing,
    dashed,
    price_decimals,
    price_level,
    size_decimals,
)
from procs.simulator.market import Execution, Market
from procs.simulator.protocol import Render
from procs.simulator.rest import binance as rest
from procs.simulator.truth import Truth
from procs.simulator.wire import framed

STREAMS_MAX = 1024
_COMBINED = '{"stream":"'
_TIMES = re.compile(r'"([ET])":([0-9]{13})\b')
_PRICE = re.compile(r'"p":"[^"]*"')
_ID = re.compile(r'"t":[0-9]+')
_EVENT = re.compile(r'"e":"([A-Za-z0-9]+)".*?"s":"([A-Z0-9]+)"')


class Exchange:
    """Binance spot."""

    name = "binance"
    subscribe_within_s: float | None = None
    lifetime_s: float | None = 86_400.0

    def listing(self, symbol: str) -> Listing:
        """Return what the exchange would say of a symbol: eight decimals, milliseconds."""
        grid = Grid(price_decimals(price_level(symbol)), size_decimals(symbol.partition("-")[0]), 8)
        return Listing(self.name, symbol, symbol.replace("-", ""), grid, time_unit_us=1000)

    def session(self, path: str, query: str, market: Market) -> "Session | None":
        """Return a conversation for a raw or a combined address."""
        path = path.strip("/")
        if path in ("stream", "ws/stream"):
            return Session(
                market, parse_qs(query).get("streams", [""])[0].split("/"), combined=True
            )
        if path == "ws" or path.startswith("ws/"):
            return Session(market, path.split("/")[1:], combined=False)
        return None

    def routes(self, market: Market) -> list[BaseRoute]:
        """Return the REST routes."""
        return rest.routes(market)

    def recorded_streams(self, text: str) -> tuple[str, ...]:
        """Return the stream's name; what has none (a REST snapshot) is not played."""
        if text.startswith(_COMBINED):
            return (text[len(_COMBINED) : text.index('"', len(_COMBINED))],)
        found = _EVENT.search(text)
        return (f"{found[2].lower()}@{found[1]}",) if found else ()

    def recorded_trades(self, text: str) -> tuple[tuple[str, Execution], ...]:
        """Return (``BTCUSDT``, trade). A record whose ``X`` is not MARKET (futures) is no trade."""
        if '"e":"trade"' not in text:
            return ()
        found: dict[str, Any] = msgspec.json.decode(text)
        fields = found.get("data", found)
        if fields.get("X", "MARKET") != "MARKET":
            return ()
        side: Side = "sell" if fields["m"] else "buy"
        trade = Execution(fields["t"], fields["T"] * 1000, fields["p"], fields["q"], side)
        return ((fields["s"], trade),)

    def shifted(self, text: str, shift_us: int) -> str:
        """Return a recorded frame with event and trade time moved by whole milliseconds."""
        shift_ms = shift_us // 1000
        return _TIMES.sub(lambda found: f'"{found[1]}":{int(found[2]) + shift_ms}', text)

    def repriced(self, text: str, price: str) -> str:
        """Return a trade's frame with another price."""
        return _PRICE.sub(f'"p":"{price}"', text)

    def renumbered(self, text: str, trade_id: int) -> str:
        """Return a trade's frame with another id."""
        return _ID.sub(f'"t":{trade_id}', text)

    def symbol_of(self, native: str) -> str | None:
        """Return ``BTC-USDT`` for ``BTCUSDT``."""
        return dashed(native)


class Session:
    """One connection."""

    def __init__(self, market: Market, streams: list[str], *, combined: bool) -> None:
        self._market = market
        self._combined = combined
        self.streams = {stream for stream in streams if stream}

    def receive(self, text: str, position: int) -> list[str]:
        """Answer SUBSCRIBE, UNSUBSCRIBE, LIST_SUBSCRIPTIONS, SET_PROPERTY and GET_PROPERTY."""
        try:
            request = msgspec.json.decode(text)
        except (msgspec.DecodeError, RecursionError):
            return [_error(3, "Invalid JSON: expected value at line 1 column 1", None)]
        if not isinstance(request, dict) or not isinstance(request.get("id"), int | str | None):
            return [_error(2, "Invalid request: request must be an object with an id", None)]
        number, params = request.get("id"), request.get("params", [])
        method = request.get("method")
        if method in ("SUBSCRIBE", "UNSUBSCRIBE"):
            if not isinstance(params, list) or not all(isinstance(name, str) for name in params):
                return [_error(2, "Invalid request: params must be an array of strings", number)]
            if method == "UNSUBSCRIBE":
                self.streams.difference_update(params)
            elif len(self.streams.union(params)) > STREAMS_MAX:
                return [_error(2, f"Invalid request: more than {STREAMS_MAX} streams", number)]
            else:
                self.streams.update(params)
            return [_json({"result": None, "id": number})]
        if method == "LIST_SUBSCRIPTIONS":
            return [_json({"result": sorted(self.streams), "id": number})]
        if method == "SET_PROPERTY" and params in (["combined", True], ["combined", False]):
            self._combined = params[1]
            return [_json({"result": None, "id": number})]
        if method == "GET_PROPERTY" and params == ["combined"]:
            return [_json({"result": self._combined, "id": number})]
        return [_error(2, f"Invalid request: unknown variant {method!r}", number)]

    def each_second(self, position: int) -> list[str]:
        """Return nothing: Binance's sign of life is the ping frame, every 20 s."""
        return []

    def renderers(self, native: str, truth: Truth) -> tuple[Render, ...]:
        """Return what makes the ``@trade`` frames of a symbol."""
        stream = f"{native.lower()}@trade"
        return (_trade_renderer(truth, stream, self._combined),) if stream in self.streams else ()

    def as_sent(self, text: str) -> str:
        """Return a recorded frame, raw or combined as this connection has them."""
        wrapped = text.startswith(_COMBINED)
        if wrapped and not self._combined:
            return text[text.index('"data":') + 7 : -1]
        if not wrapped and self._combined and (found := _EVENT.search(text)):
            return f'{_COMBINED}{found[2].lower()}@{found[1]}","data":{text}}}'
        return text

    def farewell(self, now: int) -> list[str]:
        """Return the event that announces the end of the connection."""
        event = f'{{"e":"serverShutdown","E":{now // 1000}}}'
        return [f'{_COMBINED}!serverShutdown","data":{event}}}' if self._combined else event]


def _trade_renderer(truth: Truth, stream: str, combined: bool) -> Render:
    listing, draw = truth.listing, truth.draw
    price_unit, size_unit = listing.price_unit, listing.size_unit
    template = (
        f'{{"e":"trade","E":%d,"s":"{listing.native}","t":%d,"p":"'
        + listing.price_format
        + '","q":"'
        + listing.size_format
        + '","T":%d,"m":%s,"M":true}'
    )
    if combined:
        template = f'{_COMBINED}{stream}","data":{template}}}'

    def render(trade_id: int, ts: int) -> str:
        price, size, buys, _ = draw(trade_id, ts)
        ms = ts // 1000
        return framed(
            template
            % (
                ms,
                trade_id,
                price // price_unit,
                price % price_unit,
                size // size_unit,
                size % size_unit,
                ms,
                "false" if buys else "true",
            )
        )

    return render


def _error(code: int, message: str, number: int | str | None) -> str:
    return _json({"error": {"code": code, "msg": message}, "id": number})


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode()

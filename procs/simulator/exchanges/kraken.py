"""Kraken spot: the trade channel of its WebSocket version 2, and its public REST API.

WebSocket ``/kraken/ws`` (also ``/kraken/ws/v2``). On connecting comes the engine's status; each
symbol of a request is answered by itself; a snapshot has the last 50 trades; a heartbeat comes in
each second without a trade::

    {"channel":"trade","type":"update","data":[{"symbol":"BTC/USD","side":"buy","price":81011.5,
     "qty":0.00123440,"ord_type":"limit","trade_id":100320028,
     "timestamp":"2026-05-14T15:06:09.020392Z"}]}

Prices and sizes are JSON numbers with as many decimals as the pair has; ``side`` is the taker's.
What was recorded is told (``recorded_trades``) without zeros at the end of a number: REST writes
other ones. Protocol: Kraken's documentation, "Spot WebSocket v2"; the REST side is
``rest/kraken.py``.
"""

import json
import re
from collections.abc import Iterable
from typing import Any

from starlette.routing import BaseRoute

from procs.simulator.listing import Grid, Listing, price_decimals, price_level
from procs.simulator.market import Execution, Market
from procs.simulator.protocol import Render
from procs.simulator.rest import kraken as rest
from procs.simulator.times import iso, iso_second, parse_iso
from procs.simulator.truth import Truth
from procs.simulator.wire import framed

SNAPSHOT_TRADES = 50
_TRADES = '{"channel":"trade",'
_SYMBOL = re.compile(r'"symbol":"([^"]+)"')
_TIME = re.compile(r'"timestamp":"([^"]+)"')
_PRICE = re.compile(r'"price":[^,]*,')
_ID = re.compile(r'"trade_id":[0-9]+')
_ORDER_TYPES = ("limit", "market")


class Exchange:
    """Kraken spot."""

    name = "kraken"
    subscribe_within_s: float | None = None
    lifetime_s: float | None = None

    def listing(self, symbol: str) -> Listing:
        """Return what the exchange would say of a symbol: sizes have eight decimals."""
        grid = Grid(price_decimals(price_level(symbol)), 8)
        return Listing(self.name, symbol, symbol.replace("-", "/"), grid)

    def session(self, path: str, query: str, market: Market) -> "Session | None":
        """Return a conversation for ``/kraken/ws``."""
        return Session(market) if path.strip("/") in ("ws", "ws/v2") else None

    def routes(self, market: Market) -> list[BaseRoute]:
        """Return the REST routes."""
        return rest.routes(market)

    def recorded_streams(self, text: str) -> tuple[str, ...]:
        """Return ``trade:BTC/USD`` for each symbol of a batch; other frames are not played."""
        if not text.startswith(_TRADES):
            return ()
        return tuple(dict.fromkeys(f"trade:{native}" for native in _SYMBOL.findall(text)))

    def recorded_trades(self, text: str) -> tuple[tuple[str, Execution], ...]:
        """Return the pair and the trade of each that a recorded batch has."""
        if not text.startswith(_TRADES):
            return ()
        # Numbers with a fraction stay the text that they are.
        found: dict[str, Any] = json.loads(text, parse_float=str)
        return tuple((fields["symbol"], _execution(fields)) for fields in found["data"])

    def shifted(self, text: str, shift_us: int) -> str:
        """Return a recorded batch with all its times moved."""
        return _TIME.sub(lambda at: f'"timestamp":"{iso(parse_iso(at[1]) + shift_us)}"', text)

    def repriced(self, text: str, price: str) -> str:
        """Return a trade's frame with another price, a number or no JSON at all."""
        return _PRICE.sub(f'"price":{price},', text)

    def renumbered(self, text: str, trade_id: int) -> str:
        """Return a trade's frame with another id."""
        return _ID.sub(f'"trade_id":{trade_id}', text)

    def symbol_of(self, native: str) -> str | None:
        """Return ``BTC-USD`` for ``BTC/USD``."""
        return native.replace("/", "-")


def _execution(fields: dict[str, Any]) -> Execution:
    price, size = (_short(str(fields[name])) for name in ("price", "qty"))
    ts_event = parse_iso(fields["timestamp"])
    return Execution(fields["trade_id"], ts_event, price, size, fields["side"])


def _short(text: str) -> str:
    return text.rstrip("0").removesuffix(".") if "." in text else text


class Session:
    """One connection."""

    def __init__(self, market: Market) -> None:
        self._market = market
        self._greeted = False
        self._beaten: list[int] = []
        self.streams: set[str] = set()

    def receive(self, text: str, position: int) -> list[str]:
        """Answer ``subscribe``, ``unsubscribe`` and ``ping``."""
        try:
            request = json.loads(text)
        except (ValueError, RecursionError):
            request = None
        return [*self._greeting(), *self._answers(request, position)]

    def _greeting(self) -> list[str]:
        """Return the status that comes first of all, once."""
        if self._greeted:
            return []
        self._greeted = True
        return [_status("online")]

    def _answers(self, request: Any, position: int) -> list[str]:
        method = request.get("method") if isinstance(request, dict) else None
        if method == "ping":
            return [self._answer(request, {"method": "pong"})]
        params = request.get("params") if isinstance(request, dict) else None
        if method not in ("subscribe", "unsubscribe") or not isinstance(params, dict):
            return [self._answer({}, {"error": "Malformed request", "method": "error"})]
        names = params.get("symbol")
        if params.get("channel") != "trade" or not isinstance(names, list):
            return [self._refusal(request, "Channel not supported", None)]
        out = []
        for name in names:
            out += self._one(request, name, position)
        return out

    def _one(self, request: dict[str, Any], name: object, position: int) -> list[str]:
        """Answer for one symbol of a request."""
        if not isinstance(name, str) or name not in self._market.listings:
            return [self._refusal(request, f"Currency pair not supported {name}", name)]
        stream, result = f"trade:{name}", {"channel": "trade"}
        if request["method"] == "unsubscribe":
            if stream not in self.streams:
                return [self._refusal(request, "Subscription Not Found", name)]
            self.streams.discard(stream)
            return [self._accepted(request, {**result, "symbol": name})]
        if stream in self.streams:
            return [self._refusal(request, "Already subscribed", name)]
        self.streams.add(stream)
        snapshot = request["params"].get("snapshot") is True
        answer = self._accepted(request, {**result, "snapshot": snapshot, "symbol": name})
        return [answer, *(self._snapshot(name, position) if snapshot else ())]

    def _accepted(self, request: dict[str, Any], result: dict[str, object]) -> str:
        return self._answer(
            request, {"method": request["method"], "result": result, "success": True}
        )

    def _refusal(self, request: dict[str, Any], error: str, name: object) -> str:
        named = {} if name is None else {"symbol": name}
        says = {"error": error, "method": request["method"], "success": False, **named}
        return self._answer(request, says)

    def _answer(self, request: dict[str, Any], says: dict[str, object]) -> str:
        number = {"req_id": request["req_id"]} if "req_id" in request else {}
        now = iso(self._market.now())
        return _json({**says, **number, "time_in": now, "time_out": now})

    def _snapshot(self, native: str, position: int) -> list[str]:
        last = self._market.last_id(native, position)
        trades = list(self._market.executions(native, last - SNAPSHOT_TRADES + 1, last))
        return [_batch("snapshot", native, trades)] if trades else []

    def each_second(self, position: int) -> list[str]:
        """Return a heartbeat, if no trade has come since the last second."""
        natives = sorted(stream.partition(":")[2] for stream in self.streams)
        newest = [self._market.last_id(native, position) for native in natives]
        quiet, self._beaten = newest == self._beaten, newest
        return [*self._greeting(), *(['{"channel":"heartbeat"}'] if quiet and natives else ())]

    def renderers(self, native: str, truth: Truth) -> tuple[Render, ...]:
        """Return what makes the frame of each trade of a pair."""
        return (_renderer(truth),) if f"trade:{native}" in self.streams else ()

    def as_sent(self, text: str) -> str:
        """Return the frame: there is only one form."""
        return text

    def farewell(self, now: int) -> list[str]:
        """Return the status of an engine that stops for maintenance."""
        return [_status("maintenance")]


def _renderer(truth: Truth) -> Render:
    listing, draw = truth.listing, truth.draw
    price_unit, size_unit = listing.price_unit, listing.size_unit
    template = (
        f'{{"channel":"trade","type":"update","data":[{{"symbol":"{listing.native}","side":"%s",'
        f'"price":{listing.price_format},"qty":{listing.size_format},"ord_type":"%s",'
        '"trade_id":%d,"timestamp":"%s%06dZ"}]}'
    )

    def render(trade_id: int, ts: int) -> str:
        price, size, buys, bits = draw(trade_id, ts)
        return framed(
            template
            % (
                "buy" if buys else "sell",
                price // price_unit,
                price % price_unit,
                size // size_unit,
                size % size_unit,
                _ORDER_TYPES[bits & 1],
                trade_id,
                iso_second(ts // 1_000_000),
                ts % 1_000_000,
            )
        )

    return render


def _batch(kind: str, native: str, trades: Iterable[Execution]) -> str:
    parts = (
        f'{{"symbol":"{native}","side":"{trade.side}","price":{trade.price},"qty":{trade.size},'
        f'"ord_type":"limit","trade_id":{trade.trade_id},"timestamp":"{iso(trade.ts_event)}"}}'
        for trade in trades
    )
    return f'{{"channel":"trade","type":"{kind}","data":[{",".join(parts)}]}}'


def _status(system: str) -> str:
    data = {"version": "2.0.10", "system": system, "api_version": "v2", "connection_id": 1}
    return _json({"channel": "status", "type": "update", "data": [data]})


def _json(value: object) -> str:
    return json.dumps(value, separators=(",", ":"))

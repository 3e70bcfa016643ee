"""Coinbase Exchange: the public part of its WebSocket feed and REST API.

WebSocket ``/coinbase/ws``: subscribe to ``matches``, ``ticker`` and ``heartbeat`` within 5 s. A
match::

    {"type":"match","trade_id":1081862675,"maker_order_id":"…","taker_order_id":"…","side":"sell",
     "size":"0.00000001","price":"80691.53","product_id":"BTC-USD","sequence":134905860111,
     "time":"2026-08-25T03:35:57.198335Z"}

``side`` is the maker's (a ticker's is the taker's); ``sequence`` rises, with holes. Protocol:
Coinbase Exchange documentation, "WebSocket feed"; the REST side is ``rest/coinbase.py``.
"""

import re
from typing import Any

import msgspec
from starlette.routing import BaseRoute

from bus.messages import Side
from procs.simulator.days import Days
from procs.simulator.listing import Grid, Listing, price_decimals, price_level
from procs.simulator.market import Execution, Market
from procs.simulator.protocol import Render
from procs.simulator.rest import coinbase as rest
from procs.simulator.times import iso, iso_second, parse_iso
from procs.simulator.truth import Truth
from procs.simulator.wire import framed

CHANNELS = ("matches", "ticker", "heartbeat")
CLOSED_CHANNELS = ("level2", "level2_batch", "level3", "full", "user")
_SIZE_DECIMALS = {"DOGE": 1, "SHIB": 1, "XRP": 6}
_STREAM_OF = {"match": "matches", "last_match": "matches", "ticker": "ticker"}
_RECORDED = re.compile(r'"type":"(match|last_match|ticker)".*?"product_id":"([^"]+)"')
_PRICE = re.compile(r'"price":"[^"]*"')
_ID = re.compile(r'"trade_id":[0-9]+')
_TIME = re.compile(r'"time":"([^"]+)"')
_MAKER = {True: "sell", False: "buy"}
"""The maker's side, by whether the taker buys."""


class Exchange:
    """Coinbase Exchange."""

    name = "coinbase"
    subscribe_within_s: float | None = 5.0
    lifetime_s: float | None = None

    def listing(self, symbol: str) -> Listing:
        """Return what the exchange would say of a symbol."""
        grid = Grid(
            price_decimals(price_level(symbol)), _SIZE_DECIMALS.get(symbol.partition("-")[0], 8)
        )
        return Listing(self.name, symbol, symbol, grid)

    def session(self, path: str, query: str, market: Market) -> "Session | None":
        """Return a conversation for ``/coinbase/ws``."""
        return Session(market) if path.rstrip("/") == "ws" else None

    def routes(self, market: Market) -> list[BaseRoute]:
        """Return the REST routes."""
        return rest.routes(market)

    def recorded_streams(self, text: str) -> tuple[str, ...]:
        """Return ``matches:BTC-USD`` or ``ticker:BTC-USD``; other frames are not played."""
        found = _RECORDED.search(text)
        return (f"{_STREAM_OF[found[1]]}:{found[2]}",) if found else ()

    def recorded_trades(self, text: str) -> tuple[tuple[str, Execution], ...]:
        """Return the product and the trade of a recorded ``match`` or ``last_match``."""
        if not text.startswith(('{"type":"match"', '{"type":"last_match"')):
            return ()
        fields: dict[str, Any] = msgspec.json.decode(text)
        side: Side = "buy" if fields["side"] == "sell" else "sell"
        trade = Execution(
            fields["trade_id"], parse_iso(fields["time"]), fields["price"], fields["size"], side
        )
        return ((fields["product_id"], trade),)

    def shifted(self, text: str, shift_us: int) -> str:
        """Return a recorded frame with its ``time`` moved."""
        return _TIME.sub(lambda found: f'"time":"{iso(parse_iso(found[1]) + shift_us)}"', text)

    def repriced(self, text: str, price: str) -> str:
        """Return a trade's frame with another price."""
        return _PRICE.sub(f'"price":"{price}"', text)

    def renumbered(self, text: str, trade_id: int) -> str:
        """Return a trade's frame with another id."""
        return _ID.sub(f'"trade_id":{trade_id}', text)

    def symbol_of(self, native: str) -> str | None:
        """Return the product id: it is the symbol."""
        return native


class Session:
    """One connection to the feed."""

    def __init__(self, market: Market) -> None:
        self._market = market
        self._days = Days(market)
        self.streams: set[str] = set()

    def receive(self, text: str, position: int) -> list[str]:
        """Answer ``subscribe`` and ``unsubscribe``; anything unknown in it, and nothing changes."""
        try:
            request = msgspec.json.decode(text)
        except (msgspec.DecodeError, RecursionError):
            return [_error("Malformed JSON", "")]
        kind = request.get("type") if isinstance(request, dict) else None
        if kind not in ("subscribe", "unsubscribe"):
            return [_error("Failed to subscribe", f"{kind} is not a valid type")]
        wanted, wrong = self._wanted(request, unsubscribe=kind == "unsubscribe")
        if wrong:
            return [_error(f"Failed to {kind}", wrong)]
        if kind == "unsubscribe":
            self.streams.difference_update(wanted)
            return [self._subscriptions()]
        new = [stream for stream in dict.fromkeys(wanted) if stream not in self.streams]
        self.streams.update(new)
        return [self._subscriptions(), *self._first_frames(new, position)]

    def _wanted(self, request: dict[str, Any], *, unsubscribe: bool) -> tuple[list[str], str]:
        """Return the streams that a request names, or what is wrong with it."""
        shared = request.get("product_ids") or []
        channels = request.get("channels")
        if not isinstance(channels, list) or not isinstance(shared, list) or not channels:
            return [], "No channels provided"
        wanted = []
        for entry in channels:
            named = entry if isinstance(entry, dict) else {"name": entry}
            channel = named.get("name")
            own = named.get("product_ids") or []
            products = [*own, *shared] if isinstance(own, list) else [own]
            if channel in CLOSED_CHANNELS:
                return [], "level2, level3, and full channels now require authentication."
            if channel not in CHANNELS:
                return [], f"{channel} is not a valid channel"
            if unsubscribe and not products:
                products = list(self._market.listings)
            if not products:
                return [], f"You need to specify at least one product ID for channel {channel}"
            for product in products:
                if not isinstance(product, str) or product not in self._market.listings:
                    return [], f"{product} is not a valid product"
                wanted.append(f"{channel}:{product}")
        return wanted, ""

    def _subscriptions(self) -> str:
        channels = []
        for channel in CHANNELS:
            products = sorted(
                stream.partition(":")[2]
                for stream in self.streams
                if stream.startswith(channel + ":")
            )
            if products:
                channels.append({"name": channel, "product_ids": products, "account_ids": None})
        return _json({"type": "subscriptions", "channels": channels})

    def _first_frames(self, new: list[str], position: int) -> list[str]:
        """Return the last trade of each product newly subscribed to: ``last_match``, ``ticker``."""
        out = []
        for stream in new:
            channel, _, product = stream.partition(":")
            last_id = self._market.last_id(product, position)
            for trade in self._market.executions(product, last_id, last_id):
                if channel == "matches":
                    out.append(_last_match(product, trade))
                elif channel == "ticker":
                    out.append(
                        _ticker(
                            self._market.listings[product],
                            trade,
                            self._days.texts(product, self._market.now()),
                        )
                    )
        return out

    def each_second(self, position: int) -> list[str]:
        """Return one heartbeat per subscribed product."""
        now = self._market.now()
        out = []
        for stream in sorted(self.streams):
            channel, _, product = stream.partition(":")
            if channel == "heartbeat":
                last = self._market.last_id(product, position)
                out.append(
                    f'{{"type":"heartbeat","last_trade_id":{last},"product_id":"{product}",'
                    f'"sequence":{last * 8 + 7},"time":"{iso(now)}"}}'
                )
        return out

    def renderers(self, native: str, truth: Truth) -> tuple[Render, ...]:
        """Return what makes the frames of each trade of a product."""
        makers = {"matches": _match_renderer, "ticker": self._ticker_renderer}
        return tuple(
            make(truth) for channel, make in makers.items() if f"{channel}:{native}" in self.streams
        )

    def _ticker_renderer(self, truth: Truth) -> Render:
        listing = truth.listing

        def render(trade_id: int, ts: int) -> str:
            price, size, buys, _ = truth.draw(trade_id, ts)
            texts = listing.price_text(price), listing.size_text(size)
            trade = Execution(trade_id, ts, *texts, "buy" if buys else "sell")
            return framed(_ticker(listing, trade, self._days.texts(listing.native, ts)))

        return render

    def as_sent(self, text: str) -> str:
        """Return the frame: there is only one form."""
        return text

    def farewell(self, now: int) -> list[str]:
        """Return nothing: Coinbase closes without a word."""
        return []


def _match_renderer(truth: Truth) -> Render:
    listing, draw = truth.listing, truth.draw
    price_unit, size_unit = listing.price_unit, listing.size_unit
    template = (
        '{"type":"match","trade_id":%d,"maker_order_id":"7c1e4d2a-0000-4000-8000-%012x",'
        '"taker_order_id":"7c1e4d2a-0000-4000-9000-%012x","side":"%s","size":"'
        + listing.size_format
        + '","price":"'
        + listing.price_format
        + f'","product_id":"{listing.native}","sequence":%d,"time":"%s%06dZ"}}'
    )

    def render(trade_id: int, ts: int) -> str:
        price, size, buys, bits = draw(trade_id, ts)
        return framed(
            template
            % (
                trade_id,
                bits & 0xFFFFFFFFFFFF,
                bits >> 16,
                "sell" if buys else "buy",
                size // size_unit,
                size % size_unit,
                price // price_unit,
                price % price_unit,
                trade_id * 8 + (bits >> 60 & 7),
                iso_second(ts // 1_000_000),
                ts % 1_000_000,
            )
        )

    return render


def _last_match(product: str, trade: Execution) -> str:
    return (
        f'{{"type":"last_match","trade_id":{trade.trade_id},'
        '"maker_order_id":"7c1e4d2a-0000-4000-8000-000000000000",'
        '"taker_order_id":"7c1e4d2a-0000-4000-9000-000000000000",'
        f'"side":"{_MAKER[trade.side == "buy"]}","size":"{trade.size}","price":"{trade.price}",'
        f'"product_id":"{product}","sequence":{trade.trade_id * 8},"time":"{iso(trade.ts_event)}"}}'
    )


def _ticker(listing: Listing, trade: Execution, day: tuple[str, str, str, str]) -> str:
    opened, volume, low, high = day
    return (
        f'{{"type":"ticker","sequence":{trade.trade_id * 8 + 7},"product_id":"{listing.native}",'
        f'"price":"{trade.price}","open_24h":"{opened}","volume_24h":"{volume}",'
        f'"low_24h":"{low}","high_24h":"{high}","best_bid":"{trade.price}",'
        f'"best_bid_size":"{trade.size}","best_ask":"{trade.price}","best_ask_size":"{trade.size}",'
        f'"side":"{trade.side}","time":"{iso(trade.ts_event)}","trade_id":{trade.trade_id},'
        f'"last_size":"{trade.size}"}}'
    )


def _error(message: str, reason: str) -> str:
    return _json({"type": "error", "message": message, "reason": reason})


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode()

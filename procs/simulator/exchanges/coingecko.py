"""CoinGecko: prices in dollars to ask for; there is no WebSocket, no trade and no trade id.

``/coingecko/rest/coins/markets?vs_currency=usd&ids=bitcoin,ethereum`` answers with the newest price
of each coin and the time of its last update (``rest/coingecko.py``). A coin is updated at most
every ``updates_every_us``: the executions of its market (``stepped``), what ``/truth`` tells, are
its updates. Their ids are the times of update in µs, and they have neither size nor side. A
recorded answer is told as it is, without the coins that were not asked for.
"""

import json
import re
from typing import Any

from starlette.routing import BaseRoute

from bus.coins import COIN_IDS
from market.symbols import coin_id
from procs.simulator.listing import (
    Grid,
    Listing,
    price_decimals,
    price_level,
    size_decimals,
)
from procs.simulator.market import Execution, Market
from procs.simulator.numbers import plain
from procs.simulator.rest import coingecko as rest
from procs.simulator.times import iso_ms, parse_iso

_TIME = re.compile(r'"last_updated": ?"([^"]+)"')
_PRICE = re.compile(r'"current_price": ?[^,}]+')


class Exchange:
    """CoinGecko."""

    name = "coingecko"
    subscribe_within_s: float | None = None
    lifetime_s: float | None = None
    updates_every_us = 5_000_000
    calls_per_min = rest.CALLS_PER_MIN
    """What one address may ask for."""

    def listing(self, symbol: str) -> Listing:
        """Return what is known of a symbol such as ``BTC-USD``; it is spelled ``bitcoin``."""
        grid = Grid(price_decimals(price_level(symbol)), size_decimals(symbol.partition("-")[0]))
        return Listing(self.name, symbol, coin_id(symbol), grid, time_unit_us=1000)

    def session(self, path: str, query: str, market: Market) -> None:
        """Return nothing: it has no WebSocket."""

    def routes(self, market: Market) -> list[BaseRoute]:
        """Return the REST routes."""
        return rest.routes(market, self.calls_per_min)

    def recorded_streams(self, text: str) -> tuple[str, ...]:
        """Return nothing: answers are asked for, not sent."""
        return ()

    def recorded_trades(self, text: str) -> list[tuple[str, Execution]]:
        """Return the update of each coin with a price and a time in a recorded answer."""
        found: list[dict[str, Any]] = json.loads(text, parse_float=str, parse_int=str)
        out = []
        for coin in found:
            price, updated = coin["current_price"], coin["last_updated"]
            if price is not None and updated is not None:
                ts = parse_iso(updated)
                out.append((coin["id"], Execution(ts, ts, plain(price), None, None)))
        return out

    def shifted(self, text: str, shift_us: int) -> str:
        """Return a recorded answer with its times of update moved."""
        return _TIME.sub(
            lambda found: f'"last_updated":"{iso_ms(parse_iso(found[1]) + shift_us)}"', text
        )

    def repriced(self, text: str, price: str) -> str:
        """Return an answer with another price."""
        return _PRICE.sub(f'"current_price":{price}', text)

    def symbol_of(self, native: str) -> str | None:
        """Return ``BTC-USD`` for ``bitcoin``; an unknown coin is called by its id."""
        return f"{COIN_IDS.get(native, native.upper())}-USD"

"""Kraken's public REST API, as far as a market-data client needs it.

``/kraken/rest/0/public/`` + ``Time``, ``AssetPairs``, ``Trades`` (rising from after ``since``,
nanoseconds, or the newest) and ``OHLC`` (the last 720 candles, of which the running one is always
there). Everything has HTTP 200: an error is ``{"error":["EQuery:Unknown asset pair"]}``. Pairs may
be named ``XBTUSD``, ``XXBTZUSD`` or ``XBT/USD``. Source: Kraken REST API documentation.
"""

from collections.abc import Callable
from email.utils import formatdate

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from procs.simulator.listing import Listing
from procs.simulator.market import Execution, Market
from procs.simulator.rest import Refused, answering
from procs.simulator.truth import Bar

TRADES_MAX = 1000
CANDLES_MAX = 720
INTERVALS_MIN = (1, 5, 15, 30, 60, 240, 1440, 10_080, 21_600)
_CODES = {"BTC": "XBT", "DOGE": "XDG"}
_OLD_COINS = ("XBT", "ETH", "LTC", "XRP", "XLM", "XMR", "ETC", "ZEC")
_OLD_MONEY = ("USD", "EUR", "GBP", "JPY", "CAD")
_PRICE_DECIMALS = 5
"""REST writes prices with at least so many."""


class _Refused(Refused):
    def __init__(self, error: str) -> None:
        super().__init__(error, JSONResponse({"error": [error]}))


def routes(market: Market) -> list[BaseRoute]:
    """Return the routes, with their paths below ``/kraken``."""
    api = _Api(market)
    endpoints: dict[str, Callable[[Request], Response]] = {
        "Time": api.time,
        "AssetPairs": api.pairs,
        "Trades": api.trades,
    }
    found: list[BaseRoute] = [
        Route(f"/rest/0/public/{name}", answering(endpoint)) for name, endpoint in endpoints.items()
    ]
    return [*found, Route("/rest/0/public/OHLC", api.candles)]


class _Api:
    def __init__(self, market: Market) -> None:
        self._market = market

    def time(self, request: Request) -> Response:
        second = self._market.now() // 1_000_000
        said = {"unixtime": second, "rfc1123": formatdate(second, usegmt=True)}
        return JSONResponse({"error": [], "result": said})

    def pairs(self, request: Request) -> Response:
        asked = request.query_params.get("pair")
        found = (
            list(self._market.listings.values())
            if asked is None
            else [self._named(name) for name in asked.split(",")]
        )
        said = {_key(listing): _pair(listing) for listing in found}
        return JSONResponse({"error": [], "result": said})

    def trades(self, request: Request) -> Response:
        listing, since = self._listing(request), _integer(request, "since")
        count = _integer(request, "count")
        count = TRADES_MAX if count is None else max(1, min(count, TRADES_MAX))
        native = listing.native
        last = self._market.last_id(native, self._market.position())
        if since is None:
            found = list(self._market.executions(native, last - count + 1, last))
        else:
            found = []
            for trade in self._market.executions(native, self._after(native, since, last), last):
                found.append(trade)
                if len(found) == count:
                    break
        cursor = _nanoseconds(found[-1]) if found else since or 0
        rows = ",".join(map(_row, found))
        text = f'{{"error":[],"result":{{"{_key(listing)}":[{rows}],"last":"{cursor}"}}}}'
        return Response(text, media_type="application/json")

    def _after(self, native: str, since: int, last: int) -> int:
        """Return the least id from which on all trades are later than ``since``, nanoseconds."""
        low, high = 0, last + 1
        while low < high:
            middle = (low + high) // 2
            trade = next(self._market.executions(native, middle, last), None)
            if trade is None or _nanoseconds(trade) > since:
                high = middle
            else:
                low = trade.trade_id + 1
        return low

    def candles(self, request: Request) -> Response:
        """Runs in a thread: many candles take a while."""
        try:
            listing, since = self._listing(request), _integer(request, "since") or 0
            minutes = _integer(request, "interval") or 1
            if minutes not in INTERVALS_MIN:
                raise _Refused("EGeneral:Invalid arguments")
        except _Refused as refused:
            return refused.answer
        step, now = minutes * 60_000_000, self._market.now()
        running = now // step * step
        start = max(since * 1_000_000 + 1, running - (CANDLES_MAX - 1) * step)
        bars = self._market.bars(listing.native, minutes * 60, min(start, running), now + 1)
        rows = [_candle(listing, bar) for bar in bars]
        last = (running - step) // 1_000_000
        return JSONResponse({"error": [], "result": {_key(listing): rows, "last": last}})

    def _listing(self, request: Request) -> Listing:
        return self._named(request.query_params.get("pair", ""))

    def _named(self, name: str) -> Listing:
        wanted = name.upper()
        for listing in self._market.listings.values():
            if wanted in (_key(listing), _altname(listing), _wsname(listing)):
                return listing
        raise _Refused("EQuery:Unknown asset pair" if name else "EGeneral:Invalid arguments")


def _integer(request: Request, name: str) -> int | None:
    text = request.query_params.get(name)
    if text is None:
        return None
    if not (text.isascii() and text.isdigit() and len(text) <= 19):
        raise _Refused("EGeneral:Invalid arguments")
    return int(text)


def _codes(listing: Listing) -> tuple[str, str]:
    return _CODES.get(listing.base, listing.base), _CODES.get(listing.quote, listing.quote)


def _altname(listing: Listing) -> str:
    return "".join(_codes(listing))


def _wsname(listing: Listing) -> str:
    return "/".join(_codes(listing))


def _key(listing: Listing) -> str:
    """Return ``XXBTZUSD`` for a pair that is as old as that way of naming, else ``SOLUSD``."""
    base, quote = _codes(listing)
    if base in _OLD_COINS and quote in (*_OLD_COINS, *_OLD_MONEY):
        return f"X{base}{'Z' if quote in _OLD_MONEY else 'X'}{quote}"
    return base + quote


def _pair(listing: Listing) -> dict[str, object]:
    base, quote = _codes(listing)
    return {
        "altname": base + quote,
        "wsname": f"{base}/{quote}",
        "aclass_base": "currency",
        "base": base,
        "aclass_quote": "currency",
        "quote": quote,
        "lot": "unit",
        "cost_decimals": 5,
        "pair_decimals": listing.grid.price_decimals,
        "lot_decimals": listing.grid.size_decimals,
        "lot_multiplier": 1,
        "ordermin": listing.step_size,
        "costmin": "0.5",
        "tick_size": listing.tick_size,
        "status": "online",
    }


def _padded(text: str, decimals: int) -> str:
    whole, _, fraction = text.partition(".")
    return f"{whole}.{fraction.ljust(decimals, '0')}"


def _nanoseconds(trade: Execution) -> int:
    """Return when a trade was, to a digit that the WebSocket does not tell."""
    return trade.ts_event * 1000 + trade.ts_event % 10 * 100


def _row(trade: Execution) -> str:
    seconds, rest = divmod(_nanoseconds(trade) // 100, 10_000_000)
    price, size = _padded(trade.price, _PRICE_DECIMALS), _padded(trade.size or "0", 8)
    side = "b" if trade.side == "buy" else "s"
    return f'["{price}","{size}",{seconds}.{rest:07d},"{side}","l","",{trade.trade_id}]'


def _candle(listing: Listing, bar: Bar) -> list[object]:
    prices = [
        _padded(listing.price_text(price), _PRICE_DECIMALS)
        for price in (bar.open, bar.high, bar.low, bar.close, (bar.high + bar.low) // 2)
    ]
    volume = _padded(listing.size_text(bar.volume), 8)
    return [bar.ts_open // 1_000_000, *prices, volume, bar.n]

"""Binance spot's public REST API, as far as a market-data client needs it.

``/binance/rest/api/v3/`` + ``ping``, ``time``, ``exchangeInfo``, ``trades``, ``historicalTrades``
(oldest first, from ``fromId``) and ``klines``. Errors are ``{"code":-1121,"msg":"Invalid
symbol."}`` with 400. Source: Binance spot REST reference.
"""

from collections.abc import Callable
from decimal import Decimal
from itertools import islice

import msgspec
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from procs.simulator.listing import Listing
from procs.simulator.market import Execution, Market
from procs.simulator.rest import Refused, answering
from procs.simulator.truth import Bar

INTERVALS = {
    "1m": 60, "3m": 180, "5m": 300, "15m": 900, "30m": 1800, "1h": 3600, "2h": 7200, "4h": 14_400,
    "6h": 21_600, "8h": 28_800, "12h": 43_200, "1d": 86_400,
}  # fmt: skip
LIMIT, LIMIT_MAX = 500, 1000


class _Refused(Refused):
    def __init__(self, code: int, message: str) -> None:
        super().__init__(message, JSONResponse({"code": code, "msg": message}, 400))


def routes(market: Market) -> list[BaseRoute]:
    """Return the routes, with their paths below ``/binance``."""
    api = _Api(market)
    endpoints: dict[str, Callable[[Request], Response]] = {
        "ping": api.ping,
        "time": api.time,
        "exchangeInfo": api.exchange_info,
        "trades": api.trades,
        "historicalTrades": api.historical_trades,
    }
    found: list[BaseRoute] = [
        Route(f"/rest/api/v3/{name}", answering(endpoint)) for name, endpoint in endpoints.items()
    ]
    return [*found, Route("/rest/api/v3/klines", api.klines)]


class _Api:
    def __init__(self, market: Market) -> None:
        self._market = market

    def ping(self, request: Request) -> Response:
        return JSONResponse({})

    def time(self, request: Request) -> Response:
        return JSONResponse({"serverTime": self._market.now() // 1000})

    def exchange_info(self, request: Request) -> Response:
        wanted = list(self._market.listings)
        if "symbol" in request.query_params:
            wanted = [self._listing(request).native]
        elif "symbols" in request.query_params:
            try:
                wanted = msgspec.json.decode(request.query_params["symbols"], type=list[str])
            except msgspec.DecodeError:
                raise _Refused(-1100, "Illegal characters found in parameter 'symbols'.") from None
        if any(native not in self._market.listings for native in wanted):
            raise _Refused(-1121, "Invalid symbol.")
        return JSONResponse(
            {
                "timezone": "UTC",
                "serverTime": self._market.now() // 1000,
                "rateLimits": [],
                "exchangeFilters": [],
                "symbols": [_symbol(self._market.listings[native]) for native in wanted],
            }
        )

    def trades(self, request: Request) -> Response:
        return self._page(request, None)

    def historical_trades(self, request: Request) -> Response:
        return self._page(request, _integer(request, "fromId"))

    def _page(self, request: Request, first: int | None) -> Response:
        listing, limit = self._listing(request), _limit(request)
        if first is None:
            last = self._market.last_id(listing.native, self._market.position())
            first = last - limit + 1
        found = self._market.executions(listing.native, first, first + limit - 1)
        return JSONResponse([_trade(trade) for trade in found])

    def klines(self, request: Request) -> Response:
        """Runs in a thread: many candles take a while."""
        try:
            listing, limit = self._listing(request), _limit(request)
            interval_s = INTERVALS.get(request.query_params.get("interval", ""))
            if interval_s is None:
                raise _Refused(-1120, "Invalid interval.")
            start, end = _integer(request, "startTime"), _integer(request, "endTime")
        except _Refused as refused:
            return refused.answer
        step = interval_s * 1_000_000
        stop = self._market.now() if end is None else end * 1000
        begin = stop - limit * step + 1 if start is None else start * 1000
        bars = self._market.bars(listing.native, interval_s, begin, stop + 1)
        return JSONResponse([_kline(listing, bar, step) for bar in islice(bars, limit)])

    def _listing(self, request: Request) -> Listing:
        native = request.query_params.get("symbol")
        if not native:
            raise _Refused(
                -1102,
                "Mandatory parameter 'symbol' was not sent, was empty/null, or malformed.",
            )
        if native not in self._market.listings:
            raise _Refused(-1121, "Invalid symbol.")
        return self._market.listings[native]


def _integer(request: Request, name: str) -> int | None:
    text = request.query_params.get(name)
    if text is None:
        return None
    if not (text.isascii() and text.isdigit() and len(text) <= 18):
        raise _Refused(
            -1100,
            f"Illegal characters found in parameter '{name}'; legal range is '^[0-9]{{1,20}}$'.",
        )
    return int(text)


def _limit(request: Request) -> int:
    found = _integer(request, "limit")
    return LIMIT if found is None else max(1, min(found, LIMIT_MAX))


def _trade(trade: Execution) -> dict[str, object]:
    worth = Decimal(trade.price) * Decimal(trade.size or 0)
    return {
        "id": trade.trade_id,
        "price": trade.price,
        "qty": trade.size,
        "quoteQty": _eight(int(worth * 10**8)),
        "time": trade.ts_event // 1000,
        "isBuyerMaker": trade.side == "sell",
        "isBestMatch": True,
    }


def _eight(units: int) -> str:
    """Return so many hundred-millionths as text."""
    return f"{units // 10**8}.{units % 10**8:08d}"


def _kline(listing: Listing, bar: Bar, step: int) -> list[object]:
    worth = bar.volume * (bar.high + bar.low) // 2 * 10**8
    worth //= listing.price_unit * listing.size_unit
    texts = [listing.price_text(price) for price in (bar.open, bar.high, bar.low, bar.close)]
    return [
        bar.ts_open // 1000,
        *texts,
        listing.size_text(bar.volume),
        (bar.ts_open + step) // 1000 - 1,
        _eight(worth),
        bar.n,
        listing.size_text(bar.volume // 2),
        _eight(worth // 2),
        "0",
    ]


def _symbol(listing: Listing) -> dict[str, object]:
    return {
        "symbol": listing.native,
        "status": "TRADING",
        "baseAsset": listing.base,
        "baseAssetPrecision": 8,
        "quoteAsset": listing.quote,
        "quotePrecision": 8,
        "quoteAssetPrecision": 8,
        "orderTypes": ["LIMIT", "MARKET"],
        "isSpotTradingAllowed": True,
        "filters": [
            {
                "filterType": "PRICE_FILTER",
                "minPrice": listing.tick_size,
                "maxPrice": "1000000.00000000",
                "tickSize": listing.tick_size,
            },
            {
                "filterType": "LOT_SIZE",
                "minQty": listing.step_size,
                "maxQty": "9000000.00000000",
                "stepSize": listing.step_size,
            },
        ],
        "permissions": ["SPOT"],
    }

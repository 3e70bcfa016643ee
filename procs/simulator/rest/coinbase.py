"""Coinbase Exchange's public REST API, as far as a market-data client needs it.

``/coinbase/rest/`` + ``time``, ``products``, ``products/{id}``, ``products/{id}/trades`` (newest
first, paged by ``after`` and ``before``, which the headers CB-AFTER and CB-BEFORE name) and
``products/{id}/candles``. Source: Coinbase Exchange REST reference.
"""

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from procs.simulator.listing import Listing
from procs.simulator.market import Execution, Market
from procs.simulator.rest import Refused, answering
from procs.simulator.times import iso, parse_iso

GRANULARITIES = (60, 300, 900, 3600, 21_600, 86_400)
CANDLES_MAX = 300
TRADES_MAX = 1000


class _Refused(Refused):
    def __init__(self, message: str, status: int = 400) -> None:
        super().__init__(message, JSONResponse({"message": message}, status))


def routes(market: Market) -> list[BaseRoute]:
    """Return the routes, with their paths below ``/coinbase``."""
    api = _Api(market)
    return [
        Route("/rest/time", api.time),
        Route("/rest/products", api.products),
        Route("/rest/products/{product}", answering(api.product)),
        Route("/rest/products/{product}/trades", answering(api.trades)),
        Route("/rest/products/{product}/candles", api.candles),
    ]


class _Api:
    def __init__(self, market: Market) -> None:
        self._market = market

    async def time(self, request: Request) -> Response:
        now = self._market.now()
        return JSONResponse({"iso": iso(now), "epoch": now / 1_000_000})

    async def products(self, request: Request) -> Response:
        return JSONResponse([_product(listing) for listing in self._market.listings.values()])

    def product(self, request: Request) -> Response:
        return JSONResponse(_product(self._listing(request)))

    def trades(self, request: Request) -> Response:
        listing = self._listing(request)
        limit = min(_integer(request, "limit", TRADES_MAX), TRADES_MAX)
        after, before = _integer(request, "after", 0), _integer(request, "before", 0)
        last = self._market.last_id(listing.native, self._market.position())
        if after:
            last = min(last, after - 1)
        first = max(last - limit + 1, before + 1)
        page = list(self._market.executions(listing.native, first, last))[::-1]
        answer = JSONResponse([_trade(trade) for trade in page])
        if page:
            answer.headers["CB-BEFORE"] = str(page[0].trade_id)
            answer.headers["CB-AFTER"] = str(page[-1].trade_id)
        return answer

    def candles(self, request: Request) -> Response:
        """Runs in a thread: many candles take a while."""
        try:
            listing = self._listing(request)
            granularity = _integer(request, "granularity", 60)
            if granularity not in GRANULARITIES:
                raise _Refused("Unsupported granularity")
            step = granularity * 1_000_000
            end = _moment(request, "end", self._market.now())
            start = _moment(request, "start", end - (CANDLES_MAX - 1) * step)
        except _Refused as refused:
            return refused.answer
        if (end - start) // step > CANDLES_MAX:
            return _Refused(
                "granularity too small for the requested time range. "
                f"Count of aggregations requested exceeds {CANDLES_MAX}"
            ).answer
        rows = [
            f"[{bar.ts_open // 1_000_000},{listing.price_text(bar.low)},"
            f"{listing.price_text(bar.high)},{listing.price_text(bar.open)},"
            f"{listing.price_text(bar.close)},{listing.size_text(bar.volume)}]"
            for bar in self._market.bars(listing.native, granularity, start, end + 1)
        ]
        return Response(f"[{','.join(reversed(rows))}]", media_type="application/json")

    def _listing(self, request: Request) -> Listing:
        listing = self._market.listings.get(request.path_params["product"].upper())
        if listing is None:
            raise _Refused("NotFound", 404)
        return listing


def _integer(request: Request, name: str, default: int) -> int:
    text = request.query_params.get(name)
    if text is None:
        return default
    if not (text.isascii() and text.isdigit() and len(text) <= 18 and int(text) > 0):
        raise _Refused(f"{name} must be a positive integer")
    return int(text)


def _moment(request: Request, name: str, default: int) -> int:
    text = request.query_params.get(name)
    if text is None:
        return default
    try:
        if text.isascii() and text.isdigit() and len(text) <= 12:
            return int(text) * 1_000_000
        return parse_iso(text)
    except ValueError:
        raise _Refused(f"{name} is not a valid time") from None


def _trade(trade: Execution) -> dict[str, object]:
    return {
        "time": iso(trade.ts_event),
        "trade_id": trade.trade_id,
        "price": trade.price,
        "size": trade.size,
        "side": "sell" if trade.side == "buy" else "buy",  # the maker's
    }


def _product(listing: Listing) -> dict[str, object]:
    return {
        "id": listing.native,
        "base_currency": listing.base,
        "quote_currency": listing.quote,
        "quote_increment": listing.tick_size,
        "base_increment": listing.step_size,
        "display_name": listing.native,
        "min_market_funds": "1",
        "margin_enabled": False,
        "post_only": False,
        "limit_only": False,
        "cancel_only": False,
        "status": "online",
        "status_message": "",
        "trading_disabled": False,
        "fx_stablecoin": False,
        "auction_mode": False,
    }

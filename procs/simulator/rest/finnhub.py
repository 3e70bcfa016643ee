"""Finnhub's REST API, as far as a client of its free trades needs it.

``/finnhub/rest/api/v1/`` + ``crypto/exchange`` and ``crypto/symbol?exchange=binance``. Each
question carries a token, in the header X-Finnhub-Token or as ``?token=``; any is right. Source:
Finnhub API documentation, "Crypto Symbol", "Authentication".
"""

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from procs.simulator.listing import Listing
from procs.simulator.market import Market

NO_KEY = '{"error":"Please use an API key."}'


def routes(market: Market) -> list[BaseRoute]:
    """Return the routes, with their paths below ``/finnhub``."""
    api = _Api(market)
    return [
        Route("/rest/api/v1/crypto/exchange", api.exchanges),
        Route("/rest/api/v1/crypto/symbol", api.symbols),
    ]


class _Api:
    def __init__(self, market: Market) -> None:
        self._market = market

    async def exchanges(self, request: Request) -> Response:
        return _refused(request) or JSONResponse(["BINANCE"])

    async def symbols(self, request: Request) -> Response:
        refused = _refused(request)
        if refused is not None:
            return refused
        if request.query_params.get("exchange", "").upper() != "BINANCE":
            return JSONResponse([])
        return JSONResponse([_symbol(one) for one in self._market.listings.values()])


def _refused(request: Request) -> Response | None:
    if request.headers.get("x-finnhub-token") or request.query_params.get("token"):
        return None
    return Response(NO_KEY, 401, media_type="application/json")


def _symbol(listing: Listing) -> dict[str, str]:
    shown = listing.symbol.replace("-", "/")
    return {
        "description": f"Binance {shown}",
        "displaySymbol": shown,
        "symbol": listing.native,
    }

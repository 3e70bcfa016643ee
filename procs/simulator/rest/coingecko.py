"""CoinGecko's REST API, as far as somebody who asks for prices needs it.

``/coingecko/rest/ping`` and ``/coingecko/rest/coins/markets?vs_currency=usd``, optionally with
``ids``, ``per_page`` and ``page``, largest coins first. Coins that it does not have are left out,
and so is, now and then, one that it has; another time its price is null, as it is before the first
update. More than so many questions a minute from one address are refused with 429, unless a
recording answers. Source: CoinGecko API reference, "Coins List with Market Data".
"""

from collections import deque
from decimal import Decimal
from fractions import Fraction
from typing import NamedTuple

import msgspec
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from bus.coins import ASSETS
from procs.simulator.days import Days
from procs.simulator.listing import Listing, usd_price
from procs.simulator.market import Execution, Market
from procs.simulator.numbers import RUBY, short
from procs.simulator.times import iso_ms
from procs.simulator.truth import key_of, mix

CALLS_PER_MIN = 30
PER_PAGE = 100
MINUTE_US = 60_000_000
_NAMES = {asset.coin_id: asset.name for asset in ASSETS}
_MAX_SUPPLY = {"bitcoin": "21000000.0"}
_ROI = {"ethereum": '{"times":40.72,"currency":"btc","percentage":4072.12}'}
NO_DAY_ONE_IN = 37
"""Of the updates, so many come without high, low and change."""


def routes(market: Market, calls_per_min: int) -> list[BaseRoute]:
    """Return the routes, with their paths below ``/coingecko``."""
    api = _Api(market, calls_per_min)
    return [Route("/rest/ping", api.ping), Route("/rest/coins/markets", api.markets)]


class _Limit:
    """Who has asked how often in the last minute."""

    def __init__(self, calls_per_min: int) -> None:
        self._calls_per_min = calls_per_min
        self._calls: dict[str, deque[int]] = {}

    def wait_us(self, address: str, now: int) -> int:
        """Count a question; return how long to wait when it is one too many, else 0."""
        calls = self._calls.setdefault(address, deque())
        while calls and calls[0] <= now - MINUTE_US:
            calls.popleft()
        if len(calls) >= self._calls_per_min:
            return calls[0] + MINUTE_US - now
        calls.append(now)
        return 0


class _Api:
    def __init__(self, market: Market, calls_per_min: int) -> None:
        self._market = market
        self._limit = _Limit(calls_per_min)
        self._days = Days(market)

    async def ping(self, request: Request) -> Response:
        return JSONResponse({"gecko_says": "(V3) To the Moon!"})

    async def markets(self, request: Request) -> Response:
        recorded = self._market.answer()
        # The time of a playback may stand still: it cannot say when a minute is over.
        if recorded is None and (refused := self._refused(request)) is not None:
            return refused
        currency = request.query_params.get("vs_currency")
        if currency != "usd":
            wrong = "Missing parameter vs_currency" if currency is None else "invalid vs_currency"
            return JSONResponse({"error": wrong}, 422)
        wanted = request.query_params.get("ids")
        ids = None if wanted is None else set(wanted.split(","))
        if recorded == "":
            return JSONResponse({"error": "the playback begins"}, 503, {"Retry-After": "1"})
        if recorded is not None:
            text = _only(recorded, ids)
        else:
            per_page, page = _count(request, "per_page", PER_PAGE), _count(request, "page", 1)
            rows = await run_in_threadpool(self._rows, ids)
            text = f"[{','.join(rows[(page - 1) * per_page : page * per_page])}]"
        return Response(text, media_type="application/json")

    def _refused(self, request: Request) -> Response | None:
        address = request.client.host if request.client else ""
        wait_us = self._limit.wait_us(address, self._market.now())
        if not wait_us:
            return None
        said = (
            "You've exceeded the Rate Limit. Please visit https://www.coingecko.com/en/api/pricing"
        )
        return JSONResponse(
            {"status": {"error_code": 429, "error_message": said}},
            429,
            {"Retry-After": str(-(-wait_us // 1_000_000))},
        )

    def _rows(self, ids: set[str] | None) -> list[str]:
        """Return the coins asked for as JSON, the largest first."""
        found = []
        now, position = self._market.now(), self._market.position()
        for listing in self._market.listings.values():
            last = self._market.last_id(listing.native, position)
            if ids is not None and listing.native not in ids:
                continue
            trade = (
                next(self._market.executions(listing.native, last, last), None) if last else None
            )
            if trade is None and last and mix(last) % 2:
                continue  # left out
            opened, volume, low, high = self._days.texts(listing.native, now)
            day = _Day(Decimal(opened), Decimal(volume), Decimal(low), Decimal(high))
            found.append((_worth(listing, day.open), listing, last or now, trade, day))
        found.sort(key=lambda coin: -coin[0])
        return [_coin(rank, *coin[1:]) for rank, coin in enumerate(found, 1)]


class _Day(NamedTuple):
    """The last 24 hours of a coin."""

    open: Decimal
    volume: Decimal
    low: Decimal
    high: Decimal


def _worth(listing: Listing, price: Decimal) -> int:
    """Return the market's capitalisation in dollars."""
    return int(price * _supply(listing))


def _supply(listing: Listing) -> int:
    """Return how many there are of a coin, so that all are worth some thousand millions."""
    dollars = (1 + key_of("supply", listing.native) % 900) * 100_000_000
    return int(dollars / usd_price(listing.base))


def _coin(rank: int, listing: Listing, last: int, trade: Execution | None, day: _Day) -> str:
    """Return a coin as JSON; without a trade its price is null."""
    price = None if trade is None else Decimal(trade.price)
    known = day.open if price is None else price
    change = None
    if price is not None and mix(~last) % NO_DAY_ONE_IN:
        change = price - day.open
    part = None
    if change is not None and day.open:
        ten_millionths = Fraction(change) / Fraction(day.open) * 10**7
        part = Decimal(int(ten_millionths)).scaleb(-5)
    supply = _supply(listing)
    fields: dict[str, object] = {
        "id": listing.native,
        "symbol": listing.base.lower(),
        "name": _NAMES.get(listing.native, listing.base),
        "image": f"https://assets.coingecko.com/coins/images/{rank}/large/{listing.native}.png",
        "current_price": _number(price),
        "market_cap": _worth(listing, known),
        "market_cap_rank": rank,
        "fully_diluted_valuation": None if rank % 5 == 4 else _worth(listing, known),
        "total_volume": int(day.volume * known),
        "high_24h": None if change is None else _number(max(day.high, known)),
        "low_24h": None if change is None else _number(min(day.low, known)),
        "price_change_24h": _number(change),
        "price_change_percentage_24h": _number(part),
        "market_cap_change_24h": None if change is None else _worth(listing, change),
        "market_cap_change_percentage_24h": _number(part),
        "circulating_supply": msgspec.Raw(f"{supply}.0".encode()),
        "total_supply": msgspec.Raw(f"{supply}.0".encode()),
        "max_supply": _raw(_MAX_SUPPLY.get(listing.native)),
        "ath": _number(known * 2),
        "ath_change_percentage": msgspec.Raw(b"-50.0"),
        "ath_date": "2021-11-10T14:24:11.849Z",
        "atl": _number(known / 8),
        "atl_change_percentage": msgspec.Raw(b"700.0"),
        "atl_date": "2015-10-20T00:00:00.000Z",
        "roi": _raw(_ROI.get(listing.native)),
        "last_updated": iso_ms(last),
    }
    return msgspec.json.encode(fields).decode()


def _number(value: Decimal | None) -> msgspec.Raw | None:
    """Return a number as the API writes it."""
    return None if value is None else msgspec.Raw(short(format(value, "f"), RUBY).encode())


def _raw(text: str | None) -> msgspec.Raw | None:
    return None if text is None else msgspec.Raw(text.encode())


def _only(recorded: str, ids: set[str] | None) -> str:
    """Return a recorded answer without the coins that were not asked for."""
    coins = msgspec.json.decode(recorded, type=list[msgspec.Raw])
    texts = [bytes(coin).decode() for coin in coins]
    kept = [one for one in texts if ids is None or msgspec.json.decode(one)["id"] in ids]
    return f"[{','.join(kept)}]"


def _count(request: Request, name: str, default: int) -> int:
    """Return a positive number of the query; one that is none counts as not given."""
    text = request.query_params.get(name, "")
    return max(1, int(text)) if text.isascii() and text.isdigit() and len(text) < 9 else default

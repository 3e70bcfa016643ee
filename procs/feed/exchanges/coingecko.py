"""CoinGecko: prices in dollars that are averages over many exchanges. Polled, keyless.

An answer is a list of coins, of which each may lack anything (cut)::

    [{"id":"bitcoin","symbol":"btc","current_price":29309,"total_volume":7555609615,
      "high_24h":29507,"low_24h":29119,"price_change_24h":143.86,
      "price_change_percentage_24h":0.49325,"last_updated":"2023-07-28T20:03:29.093Z"}]

A price holds from ``last_updated`` on; the same is told again until there is a newer one, about
once a minute. So the time of update, in µs, is the id, and only a later one is a trade. It has
neither size nor side. A coin that CoinGecko has no price of, or does not know, brings nothing.
``price_change_24h`` and its like are CoinGecko's own figures of the last 24 hours,
``total_volume`` those in dollars. Numbers may have an exponent: ``8.36e-06``.

Without a key an address shares some ten calls a minute with its neighbours; one more is refused
with HTTP 429 and ``Retry-After``. A key of the free plan may be sent along.

(Source: CoinGecko's public documentation, "Coins List with Market Data", "Errors & Rate Limits",
"Authentication (Demo API)".)
"""

import datetime
from collections.abc import Mapping
from typing import Any

import msgspec

from bus.errors import BadDecimal, BadFrame
from bus.messages import Day, Trade
from market.decimals import plain, quotient
from market.moments import microseconds
from market.symbols import coin_id, quote
from procs.feed.exchanges import (
    DayFigures,
    Event,
    Ids,
    Refused,
    decimal_of,
    number,
    quarantined,
)

_UNREADABLE = (msgspec.MsgspecError, RecursionError, UnicodeDecodeError)
_NULL = msgspec.Raw(b"null")
SHOWN_DIGITS_MAX = 12
"""Fraction digits of a figure that is only shown, as of all quotients."""
COINS_MAX = 250
"""More do not stand in one answer."""


class _Coin(msgspec.Struct):
    id: str
    last_updated: datetime.datetime | None = None
    current_price: msgspec.Raw = _NULL
    price_change_24h: msgspec.Raw = _NULL
    price_change_percentage_24h: msgspec.Raw = _NULL
    high_24h: msgspec.Raw = _NULL
    low_24h: msgspec.Raw = _NULL
    total_volume: msgspec.Raw = _NULL


_parts = msgspec.json.Decoder(list[msgspec.Raw]).decode
_coin = msgspec.json.Decoder(_Coin).decode
_fields = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_any: Any = msgspec.json.Decoder().decode


class Exchange:
    """CoinGecko, as ``procs.feed.exchanges.Exchange`` asks."""

    name = "coingecko"
    rest_url = "https://api.coingecko.com/api/v3"
    ids: Ids = "latest"
    needs: tuple[str, ...] = ()

    def __init__(self, symbols: tuple[str, ...]) -> None:
        self._symbols = {coin_id(one): one for one in symbols if quote(one) == "USD"}
        self._others = ", ".join(one for one in symbols if quote(one) != "USD")
        self.poll_every_s = 10.0
        self.headers: Mapping[str, str] = {}

    def configure(self, options: Mapping[str, str]) -> None:
        """Take how often to ask, and the key, if there is one."""
        self.poll_every_s = int(options.get("interval_ms", "10000")) / 1000
        if "api_key" in options:
            self.headers = {"x-cg-demo-api-key": options["api_key"]}

    def poll_url(self, base: str) -> str:
        """Return the address of all coins' prices."""
        ids = ",".join(self._symbols)
        return f"{base}/coins/markets?vs_currency=usd&ids={ids}&per_page={COINS_MAX}"

    def parse(self, frame: bytes, ts_recv: int) -> tuple[Event, ...]:
        """Return the prices in an answer. Coins that were not asked for are passed over."""
        events: list[Event] = []
        if self._others:
            events.append(Refused(f"priced in dollars alone, not {self._others}"[:200]))
        ours = 0
        try:
            for part in map(bytes, _parts(frame)):
                symbol = self._symbol_in(part)
                if symbol is not None:
                    ours += 1
                    events += self._read(symbol, part, ts_recv)
        except _UNREADABLE as error:
            raise BadFrame(f"not a list of coins: {str(error)[:120]}") from None
        if not ours:
            raise BadFrame("none of the coins that we asked for")
        return tuple(events)

    def _symbol_in(self, part: bytes) -> str | None:
        """Return the symbol of a coin, whatever else is wrong with it; None: it is not ours."""
        try:
            name = _any(_fields(part)["id"])
        except KeyError:
            return None
        return self._symbols.get(name) if isinstance(name, str) else None

    def _read(self, symbol: str, part: bytes, ts_recv: int) -> list[Event]:
        try:
            coin = _coin(part)
        except msgspec.ValidationError:
            return [quarantined(symbol, None, ts_recv, "a field has the wrong type", part)]
        if coin.current_price == _NULL:
            return []
        try:
            moment = coin.last_updated
            if moment is None or moment.tzinfo is None:
                raise BadDecimal("no time of update")
            price = number(coin.current_price)
        except BadDecimal as bad:
            return [quarantined(symbol, None, ts_recv, bad.reason, part)]
        ts_event = microseconds(moment)
        day = Day(
            change=_figure(coin.price_change_24h),
            change_pct=_figure(coin.price_change_percentage_24h),
            high=_figure(coin.high_24h),
            low=_figure(coin.low_24h),
            turnover=_figure(coin.total_volume),
        )
        trade = Trade(symbol, ts_event, ts_event, ts_recv, price, None, None)
        return [trade, DayFigures(symbol, day)]


def _figure(raw: msgspec.Raw) -> str | None:
    """Return a figure that is only shown, plain and to at most 1e-12; None where there is none."""
    try:
        value = decimal_of(raw)
    except BadDecimal:
        return None
    exponent = value.as_tuple().exponent
    longer = isinstance(exponent, int) and exponent < -SHOWN_DIGITS_MAX
    return plain(quotient(value, 1) if longer else value)

"""Quayside, an exchange that does not exist: what a contributor would write, for the tests alone.

Messages are JSON arrays, several of them separated by pipes. Trades, a heartbeat, answers::

    ["t","BTC~USD",17,1723161255000123,"61837.63","0.02","b"]|["t","ETH~USD",4,…]
    ["h","BTC~USD",17]
    ["ok","BTC~USD"]
    ["no","XX~USD is not known"]

Ids are consecutive, times µs, the last field of a trade is the taker's side. A page of trades, that
rises from a given id, is a JSON array of the same.
"""

import msgspec

from bus.errors import BadDecimal, BadFrame
from bus.messages import Side, Trade, Wanted
from market.decimals import check
from procs.feed.exchanges import (
    Beat,
    Event,
    Ids,
    Listing,
    Refused,
    TradeEvent,
    page,
    quarantined,
    step,
)


class _Trade(msgspec.Struct, array_like=True, tag="t"):
    pair: str
    trade_id: int
    ts: int
    price: str
    size: str
    taker: str


class _Heartbeat(msgspec.Struct, array_like=True, tag="h"):
    pair: str
    last_trade_id: int


class _Accepted(msgspec.Struct, array_like=True, tag="ok"):
    pair: str


class _Rejected(msgspec.Struct, array_like=True, tag="no"):
    reason: str


class _Steps(msgspec.Struct):
    tick: str
    lot: str


_part = msgspec.json.Decoder(_Trade | _Heartbeat | _Accepted | _Rejected).decode
_trade = msgspec.json.Decoder(_Trade).decode
_steps = msgspec.json.Decoder(_Steps).decode


class Exchange:
    """Quayside, as ``procs.feed.exchanges.Exchange`` asks."""

    name = "quayside"
    websocket_url = "wss://feed.quayside.invalid"
    rest_url = "https://api.quayside.invalid"
    ids: Ids = "consecutive"
    lifetime_s: float | None = None
    rest_per_s = 10.0

    def __init__(self, symbols: tuple[str, ...]) -> None:
        self._symbols = {symbol.replace("-", "~"): symbol for symbol in symbols}

    def connect_url(self, base: str) -> str:
        """Return the address as it is."""
        return base

    def subscribe(self) -> list[str]:
        """Return the request for all symbols."""
        return ["|".join(f'["+","{pair}"]' for pair in self._symbols)]

    def resubscribe(self, symbol: str) -> list[str]:
        """Return the requests that leave and take up one symbol."""
        pair = symbol.replace("-", "~")
        return [f'["-","{pair}"]', f'["+","{pair}"]']

    def time_url(self, base: str) -> str:
        """Return the address of the clock."""
        return f"{base}/clock"

    def parse_time(self, body: bytes) -> int:
        """Return the clock's time, µs UTC: sixteen digits."""
        if len(body) != 16 or not body.isdigit():
            raise BadFrame("not a time")
        return int(body)

    def listing_url(self, base: str, symbol: str) -> str:
        """Return the address of one pair."""
        return f"{base}/pairs/{symbol.replace('-', '~')}"

    def parse_listing(self, status: int, body: bytes) -> Listing | None:
        """Return the pair's steps; a 410 is one that there is not."""
        if status == 410 and body == b"gone":
            return None
        try:
            found = _steps(body)
        except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError) as error:
            raise BadFrame(f"not a listing: {str(error)[:120]}") from None
        if status != 200:
            raise BadFrame(f"not a listing: HTTP {status}")
        return Listing(step(found.tick), step(found.lot))

    def page_url(self, base: str, wanted: Wanted) -> str:
        """Return the address of the newest wanted trade and what is before it, a hundred a page."""
        first_id = max(0, min(wanted.first_id, wanted.last_id - 99))
        return f"{base}/past/{wanted.symbol.replace('-', '~')}/{first_id}"

    def parse_page(self, symbol: str, body: bytes, ts_recv: int) -> tuple[TradeEvent, ...]:
        """Return the trades of a page."""

        def read(part: bytes) -> TradeEvent:
            return self._trade(_trade(part), part, ts_recv)

        return page(body, symbol, "", ts_recv, read)

    def parse(self, frame: bytes, ts_recv: int) -> tuple[Event, ...]:
        """Return the trades in ``frame``, or what else it says."""
        try:
            parts = [_part(part) for part in frame.split(b"|")]
        except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError) as error:
            raise BadFrame(f"not a message: {str(error)[:120]}") from None
        events: list[Event] = []
        for part in parts:
            if isinstance(part, _Trade):
                events.append(self._trade(part, frame, ts_recv))
            elif isinstance(part, _Heartbeat):
                events.append(Beat(self._symbol(part.pair), part.last_trade_id))
            elif isinstance(part, _Rejected):
                events.append(Refused(part.reason[:200]))
        return tuple(events)

    def _symbol(self, pair: str) -> str:
        if pair not in self._symbols:
            raise BadFrame(f"a symbol we did not ask for: {pair[:40]!r}")
        return self._symbols[pair]

    def _trade(self, part: _Trade, frame: bytes, ts_recv: int) -> TradeEvent:
        symbol = self._symbol(part.pair)
        try:
            price, size = check(part.price), check(part.size)
            if part.taker not in ("b", "s"):
                raise BadDecimal("a side that is none")
        except BadDecimal as bad:
            return quarantined(symbol, part.trade_id, ts_recv, bad.reason, frame)
        side: Side = "buy" if part.taker == "b" else "sell"
        return Trade(symbol, part.trade_id, part.ts, ts_recv, price, size, side)

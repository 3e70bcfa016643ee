"""``/ws/prices`` and ``/api/market/stream``: the prices of coins, in dollars.

A connection begins with the present price of each coin that ``?coins=`` names, by default of every
coin with a price in dollars, then gets each change, newest value first after a pause. Each coin is
priced by one symbol: the first that trades it for dollars, or the very symbol that was named.
A coin that nothing trades for dollars is refused: a frame does not say what it is priced in.
What cannot be served is said in an ``error``; the rest is served, the socket stays.
"""

from collections.abc import Iterable

import msgspec
from starlette.websockets import WebSocket

from bus.actor import Instant, instant
from bus.errors import UnknownSymbol
from market.symbols import DOLLARS, Directory, coin_id, quote
from web.codecs import prices
from web.codecs.prices import PricesCodec
from web.cohort import Client, Outlet, Traffic
from web.conversation import converse
from web.frames import prices as frames
from web.hub import Hub
from web.incoming import BadRequest, read
from web.limits import Limits
from web.protocol import connection_of
from web.services import Services
from web.stream import wanted, websocket
from web.update import WatchKey


class Coins:
    """The coins of one connection, without its socket.

    Args:
        hub: who is sent what.
        directory: the configured symbols.
        limits: of one connection.
        outlet: where frames go.
        traffic: counts them.
    """

    def __init__(
        self,
        hub: Hub,
        directory: Directory,
        limits: Limits,
        outlet: Outlet,
        traffic: Traffic,
    ) -> None:
        self._hub = hub
        self._directory = directory
        self._limits = limits
        self._chosen: dict[str, tuple[str, str]] = {}
        """The symbol that prices a coin, by the coin's id."""
        self.client: Client = hub.join(PricesCodec(), outlet, traffic)

    def begin(self, names: Iterable[str] | None, now: Instant) -> None:
        """Send these coins from now on, None: all with a price in dollars."""
        if names is None:
            for exchange, symbol in self._directory.all:
                if quote(symbol) in DOLLARS:
                    self._chosen.setdefault(coin_id(symbol), (exchange, symbol))
            self._watch(self._chosen, now)
        else:
            self._watch(self._accept(names), now)

    def hear(self, text: str | bytes, now: Instant) -> None:
        """Take one incoming message; answers go into the client's queue."""
        try:
            kind, fields = read(text, "data")
            if kind == "ping":
                self._say(frames.CoinPongFrame(frames.CoinNothing()))
            elif kind == "subscribe":
                named = self._accept(_convert(fields))
                self._say(frames.CoinsSubscribedFrame(frames.Coins(list(self._chosen))))
                self._watch(named, now)
            elif kind == "unsubscribe":
                self._remove(_convert(fields), now)
                self._say(frames.CoinsUnsubscribedFrame(frames.Coins(list(self._chosen))))
            else:
                raise BadRequest("UNKNOWN_TYPE", f"no message type {kind[:64]!r}")
        except BadRequest as wrong:
            self._complain(wrong.code, wrong.sentence)

    def _accept(self, names: Iterable[str]) -> list[str]:
        """Choose what these names mean, as far as that goes; return the coins' ids.

        Of two symbols of one coin the last one named counts.
        """
        accepted: dict[str, None] = {}
        unknown: list[str] = []
        too_many: list[str] = []
        for name in names:
            try:
                suggest = len(unknown) < self._limits.suggestions
                found = self._directory.coin(name, suggest=suggest)
            except UnknownSymbol as error:
                unknown.append(str(error))
                continue
            coin = coin_id(found[1])
            if coin in self._chosen or len(self._chosen) < self._limits.symbols:
                self._chosen[coin] = found
                accepted[coin] = None
            else:
                too_many.append(name[:64])
        if unknown:
            self._complain("RESOURCE_NOT_FOUND", "; ".join(unknown))
        if too_many:
            most = f"a connection may name {self._limits.symbols} coins"
            self._complain("TOO_MANY_COINS", f"{most}, these are not sent: {', '.join(too_many)}")
        return list(accepted)

    def _watch(self, coins: Iterable[str], now: Instant) -> None:
        """Watch what is chosen and nothing else, and say the present prices of ``coins``."""
        chosen: list[WatchKey] = [("ticker", *symbol, 0) for symbol in self._chosen.values()]
        self._hub.unwatch(self.client, self.client.watches - set(chosen))
        self._hub.watch(self.client, chosen, now)
        present = self._hub.latest.present([("ticker", *self._chosen[coin], 0) for coin in coins])
        for update in present:
            self.client.put(prices.frame(update))

    def _remove(self, names: Iterable[str], now: Instant) -> None:
        for name in names:
            try:
                found = self._directory.resolve(name, suggest=False)
                self._chosen.pop(coin_id(found[1]), None)
            except UnknownSymbol:
                continue  # it is not sent, as is asked
        self._watch([], now)

    def _complain(self, code: str, sentence: str) -> None:
        self._say(frames.CoinErrorFrame(frames.CoinComplaint(code, sentence)))

    def _say(self, frame: msgspec.Struct) -> None:
        self.client.put(prices.message(frame))


def _convert(fields: dict[str, object]) -> list[str]:
    try:
        return msgspec.convert(fields, frames.CoinNames).coins
    except msgspec.ValidationError as wrong:
        raise BadRequest("BAD_REQUEST", str(wrong)) from None


class PricesQuery(msgspec.Struct):
    """``coins``: a comma list of ids, codes or symbols; by default all with a price in dollars."""

    coins: str | None = None


@websocket("/ws/prices", query=PricesQuery, sends=frames.SENDS, hears=frames.HEARS)
async def ws_prices(websocket: WebSocket, services: Services, query: PricesQuery) -> None:
    """Be sent the present price of each coin, then each change."""
    await _serve(websocket, services, query)


@websocket("/api/market/stream", query=PricesQuery, sends=frames.SENDS, hears=frames.HEARS)
async def market_stream(websocket: WebSocket, services: Services, query: PricesQuery) -> None:
    """Be sent the same as on ``/ws/prices``."""
    await _serve(websocket, services, query)


async def _serve(websocket: WebSocket, services: Services, query: PricesQuery) -> None:
    coins = Coins(
        services.hub,
        services.directory,
        services.limits,
        connection_of(websocket.scope),
        services.traffic("prices"),
    )
    coins.begin(None if query.coins is None else wanted(query.coins), instant())
    await converse(websocket, services, coins.client, coins.hear)

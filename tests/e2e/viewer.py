"""A client of ``/ws`` as the documents describe it: it reconnects, resumes, and believes ``seq``.

Comes in: an installation's live stream, over connections that die. Goes out: how often it had to
come back and what it was told then, and a failure when anything was lost or came twice without a
word: two trades of a symbol that do not follow each other, an id that never came, a last value that
is not the last one. (The protocol: docs/wire-format.md, ``/ws``.)
"""

import threading
import time
from decimal import Decimal
from typing import Any, NamedTuple

import msgspec
import websocket

from bus.messages import Candle, Trade
from tests.beside import Beside

RECV_S = 0.5
CONNECT_S = 5.0
RETRY_S = 0.1
_decode = msgspec.json.Decoder(float_hook=Decimal).decode
Place = tuple[str, str]


class Position(NamedTuple):
    """Of a trade in its exchange's stream."""

    epoch: int
    seq: int
    place: int
    """In its batch."""


class Viewer(Beside):
    """Watches all tickers, and of one symbol of each exchange every trade and the hour's candle.

    Args:
        url: of ``/ws``.
        symbols: for each exchange the symbol that is watched closely.
    """

    def __init__(self, url: str, symbols: dict[str, str]) -> None:
        super().__init__(self._watch)
        self._url = url
        self._symbols = symbols
        self._names = [f"{exchange}:{symbol}" for exchange, symbol in symbols.items()]
        self._lock = threading.Lock()
        self._at: dict[str, Position] = {}
        """The last trade of each exchange."""
        self._ids: dict[str, set[int]] = {exchange: set() for exchange in symbols}
        self._unbroken: dict[str, bool] = dict.fromkeys(symbols, False)
        """Nothing was missed by an exchange's stream since it was last looked at."""
        self._resuming = True
        self._last: dict[tuple[str, ...], dict[str, Any]] = {}
        self.trades = self.connections = self.recovered = self.not_recovered = self.holes = 0
        self.process = ""
        """Which one serves it, by name."""
        self.wrong: list[str] = []

    # ---- what it saw

    def lacks(self, executed: dict[Place, int], since: dict[Place, int]) -> list[str]:
        """Return what is missing of the ids after ``since``, where nothing was said to be lost."""
        with self._lock:
            found = []
            for exchange, symbol in self._symbols.items():
                place = exchange, symbol
                if self._unbroken[exchange]:
                    wanted = range(since[place] + 1, executed[place] + 1)
                    missing = [one for one in wanted if one not in self._ids[exchange]]
                    if missing:
                        found.append(f"{exchange}:{symbol} {len(missing)}, {missing[:5]}")
            return found

    def forget(self) -> int:
        """Begin anew to note ids; return how many exchanges' streams were whole up to here."""
        with self._lock:
            whole = sum(self._unbroken.values())
            for exchange in self._symbols:
                self._ids[exchange].clear()
                self._unbroken[exchange] = exchange in self._at
            return whole

    def differs(self, newest: dict[Place, Trade], hours: dict[Place, Candle]) -> list[str]:
        """Return which last ticker, and which last candle of an hour, is not the last one."""
        with self._lock:
            found = []
            for (exchange, symbol), trade in newest.items():
                shown = self._last.get(("ticker", exchange, symbol))
                if shown is None or Decimal(shown["price"]) != Decimal(trade.price):
                    found.append(f"ticker {exchange}:{symbol}: {shown}, must be {trade.price}")
            for exchange, symbol in self._symbols.items():
                made = hours.get((exchange, symbol))
                shown = self._last.get(("candle", exchange, symbol))
                if made is not None and (
                    shown is None
                    or (shown["n"], Decimal(shown["c"]), Decimal(shown["v"]))
                    != (made.n, made.close, made.volume)
                ):
                    found.append(f"candle {exchange}:{symbol}: {shown}, must be {made}")
            return found

    # ---- its connection

    def _watch(self) -> None:
        while not self.ended.is_set():
            try:
                made = websocket.create_connection(self._url, timeout=CONNECT_S)
            except (OSError, websocket.WebSocketException):
                self.ended.wait(RETRY_S)
                continue
            self.connections += 1
            try:
                self._begin(made)
                self._read(made)
            except (OSError, websocket.WebSocketException):
                self.ended.wait(RETRY_S)
            finally:
                made.shutdown()  # type: ignore[no-untyped-call]

    def _begin(self, made: websocket.WebSocket) -> None:
        self._say(made, {"symbols": "*", "channel": "ticker"})
        self._say(made, {"symbols": self._names, "channel": "candle", "interval": "1h"})
        self._resume(made)

    def _resume(self, made: websocket.WebSocket) -> None:
        """Ask for what was missed, if anything was had before."""
        wish: dict[str, Any] = {"symbols": self._names, "channel": "trade"}
        if self._at:
            wish["resume"] = self._at
        self._resuming = True
        self._say(made, wish)

    def _say(self, made: websocket.WebSocket, wish: dict[str, Any]) -> None:
        made.send(msgspec.json.encode({"type": "subscribe", **wish}).decode())

    def _read(self, made: websocket.WebSocket) -> None:
        made.settimeout(RECV_S)
        silent_since = time.monotonic()
        while not self.ended.is_set():
            try:
                text = made.recv()
            except websocket.WebSocketTimeoutException:
                if time.monotonic() - silent_since > 10 * CONNECT_S:
                    return  # a client that is told nothing for so long comes back, too
                continue
            silent_since = time.monotonic()
            if not text:
                return
            with self._lock:
                hole = self._take(_decode(text))
            if hole:
                self._resume(made)

    # ---- what it is told

    def _take(self, frame: dict[str, Any]) -> bool:
        """Take one frame; True when it shows that trades are missing."""
        kind, payload = frame["type"], frame["payload"]
        if kind == "trade_update":
            return self._trade(payload)
        if kind == "connection_status":
            self.process = payload["process"]
        elif kind == "subscribed" and payload["channel"] == "trade":
            self._resuming = False
            self._answered(payload["recovered"])
        elif kind == "snapshot" and payload["channel"] == "trade":
            for one in payload["updates"]:
                if one["seq"] is not None:
                    self._at[one["exchange"]] = Position(one["epoch"], one["seq"], one["index"])
        elif kind in ("snapshot", "batch_update"):
            for one in payload["updates"]:
                self._value("candle" if "interval" in one else "ticker", one)
        elif kind in ("price_update", "candle_update"):
            self._value("ticker" if kind == "price_update" else "candle", payload)
        return False

    def _answered(self, recovered: bool | None) -> None:
        if recovered:
            self.recovered += 1
            return
        if recovered is False:
            self.not_recovered += 1
        self._at.clear()
        self._unbroken = dict.fromkeys(self._symbols, False)

    def _value(self, kind: str, one: dict[str, Any]) -> None:
        key = (kind, one["exchange"], one["symbol"])
        before = self._last.get(key)
        if kind == "candle" and before is not None and before["t"] > one["t"]:
            return  # a late trade has changed an hour that is over
        self._last[key] = one

    def _trade(self, one: dict[str, Any]) -> bool:
        exchange = one["exchange"]
        if self._resuming or one["seq"] is None:  # it will come again; it is not stored
            return False
        here = Position(one["epoch"], one["seq"], one["index"])
        before = self._at.get(exchange)
        if before is not None:
            if here.epoch == before.epoch and here <= before:
                self.wrong.append(f"{exchange} {one['trade_id']}: {here} came after {before}")
            follows = one["prev_seq"] == before.seq if here.seq != before.seq else True
            if here.epoch != before.epoch or not follows:
                self.holes += 1
                return True
        if one["trade_id"] in self._ids[exchange]:
            self.wrong.append(f"{exchange} {one['trade_id']} came twice")
        self._at[exchange] = here
        self._ids[exchange].add(one["trade_id"])
        self.trades += 1
        return False

"""What one client of tickwire must have seen: nothing older after newer, no hole in its trades.

In come the frames of a client in order; out goes what was wrong with each. Tickers: ``seq`` never
falls within an epoch. Trades: each names the ``seq`` before it of its symbol, unless the server
said ``recovered: false``. What a frame says is kept for a while, so that one that thousands are
sent is decoded once, and a ticker in it once however many frames it is in. Pure.
"""

import re
from collections.abc import Sequence
from typing import Any, NamedTuple

import msgspec

Symbol = tuple[str, str]
"""(exchange, symbol)"""
_OF_THE_MOMENT = ("age_ms", "stale")
"""Fields of a ticker that change although nothing was published."""
_moment = re.compile(rb',"age_ms":\d+,"stale":(?:true|false)}\Z')
KEPT_MAX = 4096
"""Frames, and tickers, of which it is kept what they say; then all are forgotten."""


class Shown(NamedTuple):
    """The last value that a client was sent of a symbol, as it stood in the frame."""

    epoch: int
    seq: int
    fields: frozenset[tuple[str, bytes]]


class Place(NamedTuple):
    """A trade's place in its exchange's journal: the position of its batch, and where in it."""

    epoch: int
    seq: int
    nth: int


class Message(NamedTuple):
    """What one frame says."""

    tickers: Sequence[tuple[Symbol, Shown]] = ()
    trades: Sequence[tuple[Symbol, Place, int | None]] = ()
    """With the ``seq`` of the batch before that had the symbol."""
    begins: bool = False
    """The trades before it and after it need not be contiguous."""
    snapshot: bool = False
    """Its trades are the newest, each of them whatever came before."""


class _Frame(msgspec.Struct):
    type: str
    payload: msgspec.Raw = msgspec.Raw(b"{}")


class _Update(msgspec.Struct):
    exchange: str
    symbol: str
    epoch: int
    seq: int | None
    index: int = 0
    prev_seq: int | None = None


class _Many(msgspec.Struct):
    updates: list[msgspec.Raw]
    channel: str = "ticker"


class _Subscribed(msgspec.Struct):
    channel: str
    recovered: bool | None = None


_frame = msgspec.json.Decoder(_Frame).decode
_update = msgspec.json.Decoder(_Update).decode
_many = msgspec.json.Decoder(_Many).decode
_subscribed = msgspec.json.Decoder(_Subscribed).decode
_fields = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode


class Frames:
    """Reads frames of tickwire, each distinct one once."""

    def __init__(self) -> None:
        self._messages: dict[bytes, Message] = {}
        self._tickers: dict[bytes, tuple[Symbol, Shown]] = {}

    def read(self, frame: bytes) -> Message:
        """Return what a frame says; nothing for frames of other kinds."""
        found = self._messages.get(frame)
        if found is None:
            if len(self._messages) >= KEPT_MAX:
                self._messages.clear()
            found = self._messages[frame] = self._decode(frame)
        return found

    def _decode(self, frame: bytes) -> Message:
        message = _frame(frame)
        payload = message.payload
        if message.type == "price_update":
            return Message([self._ticker(bytes(payload))])
        if message.type == "batch_update":
            return Message([self._ticker(bytes(each)) for each in _many(payload).updates])
        if message.type == "trade_update":
            return Message(trades=_trades([_update(payload)]))
        if message.type == "subscribed":
            answer = _subscribed(payload)
            return Message(begins=answer.channel == "trade" and not answer.recovered)
        if message.type == "snapshot":
            many = _many(payload)
            if many.channel == "ticker":
                return Message([self._ticker(bytes(each)) for each in many.updates])
            if many.channel == "trade":
                trades = _trades([_update(each) for each in many.updates])
                return Message(trades=trades, snapshot=True)
        return Message()

    def _ticker(self, payload: bytes) -> tuple[Symbol, Shown]:
        """Return what a ticker says; one that differs in the moment alone says the same."""
        moment = _moment.search(payload)
        lasting = payload[: moment.start()] if moment else payload
        found = self._tickers.get(lasting)
        if found is None:
            if len(self._tickers) >= KEPT_MAX:
                self._tickers.clear()
            update = _update(payload)
            shown = Shown(update.epoch, update.seq or 0, fields_of(payload))
            found = self._tickers[lasting] = ((update.exchange, update.symbol), shown)
        return found


class Seen:
    """What one client has seen last: the ticker and the trade of each symbol."""

    __slots__ = ("shown", "trades")

    def __init__(self) -> None:
        self.shown: dict[Symbol, Shown] = {}
        self.trades: dict[Symbol, Place] = {}

    def take(self, message: Message) -> str:
        """Take the next message; return what is wrong with it, "" if nothing is."""
        wrong = ""
        for key, after in message.tickers:
            before = self.shown.get(key)
            if before is not None and before.epoch == after.epoch and before is not after:
                if after.seq < before.seq:
                    wrong = f"{key[0]}:{key[1]} went from seq {before.seq} back to {after.seq}"
                elif after.seq == before.seq and after.fields != before.fields:
                    wrong = f"{key[0]}:{key[1]} has two values of seq {after.seq}"
            self.shown[key] = after
        if message.begins:
            self.trades.clear()
        for key, place, previous in message.trades:
            if not message.snapshot:
                wrong = self._gap(key, place, previous) or wrong
            self.trades[key] = place
        return wrong

    def positions(self) -> dict[str, Place]:
        """Return from where the trades of each exchange are to be resumed."""
        found: dict[str, Place] = {}
        for (exchange, _), place in self.trades.items():
            found[exchange] = max(found.get(exchange, place), place)
        return found

    def _gap(self, key: Symbol, after: Place, previous: int | None) -> str:
        before = self.trades.get(key)
        if before is None:
            return ""
        if before[:2] == after[:2]:
            follows = after.nth > before.nth
        else:
            follows = before[:2] == (after.epoch, previous)
        if follows:
            return ""
        return f"{key[0]}:{key[1]} had {before}, then {after} after {previous}"


def _trades(updates: list[_Update]) -> list[tuple[Symbol, Place, int | None]]:
    """Return the trades that have a place: one that could not be stored is in no order."""
    return [
        ((each.exchange, each.symbol), Place(each.epoch, each.seq, each.index), each.prev_seq)
        for each in updates
        if each.seq is not None
    ]


def fields_of(payload: bytes) -> frozenset[tuple[str, bytes]]:
    """Return what a ticker says but for what depends on the moment of sending."""
    fields: dict[str, Any] = _fields(payload)
    return frozenset(
        (name, bytes(value)) for name, value in fields.items() if name not in _OF_THE_MOMENT
    )


def tickers_of(snapshot: str) -> dict[Symbol, Shown]:
    """Return what a ``snapshot`` frame says of each symbol."""
    return dict(Frames().read(snapshot.encode()).tickers)


def differences(held: dict[Symbol, Shown], truth: dict[Symbol, Shown]) -> list[str]:
    """Return in what a client's last values differ from the server's, as sentences."""
    found = []
    for key, value in held.items():
        right = truth.get(key)
        if right != value:
            found.append(f"{key[0]}:{key[1]} is {value[:2]}, should be {right and right[:2]}")
    return found

"""What one client of tickwire must have seen: nothing older after newer, no hole in its trades.

In come the frames of a client in order; out go its next ``State`` and what was wrong. Tickers:
``seq`` never falls within an epoch. Trades: each names the ``seq`` before it of its symbol, unless
the server said ``recovered: false``. Clients that are sent the same share a state and the frames
that led to the next one, so a frame is decoded once and not once for each of thousands. Pure.
"""

from typing import Any, NamedTuple

import msgspec

Symbol = tuple[str, str]
"""(exchange, symbol)"""
_OF_THE_MOMENT = ("age_ms", "stale")
"""Fields of a ticker that change although nothing was published."""


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


class State:
    """What a client knows. It never changes: ``after`` gives the next one.

    Args:
        shown: the last ticker of each symbol.
        trades: the last trade of each symbol.
    """

    __slots__ = ("__weakref__", "_next", "shown", "trades")

    def __init__(self, shown: dict[Symbol, Shown], trades: dict[Symbol, Place]) -> None:
        self.shown = shown
        self.trades = trades
        self._next: dict[bytes, tuple[State, str]] = {}

    def after(self, frame: bytes) -> tuple["State", str]:
        """Return the state after a frame, and what is wrong with it ("": nothing)."""
        found = self._next.get(frame)
        if found is None:
            found = self._next[frame] = self._follow(frame)
        return found

    def positions(self) -> dict[str, Place]:
        """Return from where the trades of each exchange are to be resumed."""
        found: dict[str, Place] = {}
        for (exchange, _), place in self.trades.items():
            found[exchange] = max(found.get(exchange, place), place)
        return found

    def _follow(self, frame: bytes) -> tuple["State", str]:
        message = _frame(frame)
        payload = bytes(message.payload)
        if message.type == "price_update":
            return self._tickers([payload])
        if message.type == "batch_update":
            return self._tickers([bytes(each) for each in _many(payload).updates])
        if message.type == "trade_update":
            return self._trade(_update(payload))
        if message.type == "subscribed":
            answer = _subscribed(payload)
            forgets = answer.channel == "trade" and not answer.recovered
            return (State(self.shown, {}) if forgets else self), ""
        if message.type == "snapshot":
            many = _many(payload)
            if many.channel == "ticker":
                return self._tickers([bytes(each) for each in many.updates])
            if many.channel == "trade":
                return self._snapshot([_update(each) for each in many.updates]), ""
        return self, ""

    def _tickers(self, payloads: list[bytes]) -> tuple["State", str]:
        shown, wrong = dict(self.shown), ""
        for payload in payloads:
            update = _update(payload)
            key = (update.exchange, update.symbol)
            after = Shown(update.epoch, update.seq or 0, fields_of(payload))
            before = shown.get(key)
            if before is not None and before.epoch == after.epoch:
                if after.seq < before.seq:
                    wrong = f"{key[0]}:{key[1]} went from seq {before.seq} back to {after.seq}"
                elif after.seq == before.seq and after.fields != before.fields:
                    wrong = f"{key[0]}:{key[1]} has two values of seq {after.seq}"
            shown[key] = after
        return State(shown, self.trades), wrong

    def _trade(self, update: _Update) -> tuple["State", str]:
        if update.seq is None:
            return self, ""  # not stored, so it is in no order
        key = (update.exchange, update.symbol)
        before = self.trades.get(key)
        after = Place(update.epoch, update.seq, update.index)
        wrong = ""
        if before is not None and after[:2] == before[:2]:
            if after.nth <= before.nth:
                wrong = f"{key[0]}:{key[1]} had {before}, then {after}"
        elif before is not None and (before.epoch, before.seq) != (update.epoch, update.prev_seq):
            wrong = f"{key[0]}:{key[1]} had {before}, then {after} after {update.prev_seq}"
        return State(self.shown, {**self.trades, key: after}), wrong

    def _snapshot(self, updates: list[_Update]) -> "State":
        trades = dict(self.trades)
        for each in updates:
            if each.seq is not None:
                trades[each.exchange, each.symbol] = Place(each.epoch, each.seq, each.index)
        return State(self.shown, trades)


def fields_of(payload: bytes) -> frozenset[tuple[str, bytes]]:
    """Return what a ticker says but for what depends on the moment of sending."""
    fields: dict[str, Any] = _fields(payload)
    return frozenset(
        (name, bytes(value)) for name, value in fields.items() if name not in _OF_THE_MOMENT
    )


def tickers_of(snapshot: str) -> dict[Symbol, Shown]:
    """Return what a ``snapshot`` frame says of each symbol."""
    return State({}, {}).after(snapshot.encode())[0].shown


def differences(held: dict[Symbol, Shown], truth: dict[Symbol, Shown]) -> list[str]:
    """Return in what a client's last values differ from the server's, as sentences."""
    found = []
    for key, value in held.items():
        right = truth.get(key)
        if right is None or (right.epoch, right.seq, right.fields) != value:
            found.append(f"{key[0]}:{key[1]} is {value[:2]}, should be {right and right[:2]}")
    return found

"""What a client of ``/ws`` may say, and what it is answered.

In comes the text of one frame; out go texts in the client's queue, and watches in the hub. Pure.
Whatever the text is, the answer is a frame: an ``error`` has a code and a sentence, and the socket
stays open.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol, TypeVar, get_args

import msgspec

from bus.actor import Instant
from bus.errors import UnknownSymbol
from bus.messages import JournalRecord, TradeBatch
from market import intervals
from market.symbols import Directory
from web.codecs import native
from web.codecs.events import past
from web.cohort import Client, Codec, Outlet, Traffic
from web.frames.native import (
    Complaint,
    ErrorFrame,
    Nothing,
    PongFrame,
    Rejected,
    Subscribed,
    SubscribedFrame,
    Subscription,
    Unsubscribed,
    UnsubscribedFrame,
)
from web.hub import Hub
from web.incoming import BadRequest, read
from web.limits import Bucket, Limits
from web.update import Channel, Update, WatchKey

EVERYTHING = "*"
SNAPSHOT_TRADES = 50
REPLAY_MAX = 20_000
"""Trades that are replayed at most; a client that missed more is not recovered."""
RESUME_RECORDS_MAX = 4_000
"""Records that are decoded for one resume; a client that missed more is not recovered."""
RESUME_RECORDS_PER_MINUTE = 20_000
"""And those for all resumes of one connection: its further ones are not recovered."""
_SNAPSHOT_RECORDS = 200
PRIVATE = ("alert", "portfolio")
"""Channels that are one person's."""
Payload = TypeVar("Payload")


class Shape(Codec, Protocol):
    """A codec that can also say the present state of what is subscribed to."""

    def placed(self, text: str, places: Mapping[str, Sequence[int]]) -> bytes:
        """Return the frame of a text with which a client is at these places of the streams."""

    def present(self, channel: Channel, updates: Sequence[Update], now: Instant) -> str:
        """Return the snapshot of a channel where the newest value wins."""


class Conversation:
    """One connection of ``/ws``, without its socket.

    Args:
        hub: who is sent what.
        directory: the configured symbols.
        limits: of one connection.
        shape: how updates look.
        outlet: where frames go.
        traffic: counts them.
        places: where in the streams the client was when it was sent its last frame.
    """

    def __init__(
        self,
        hub: Hub,
        directory: Directory,
        limits: Limits,
        shape: Shape,
        outlet: Outlet,
        traffic: Traffic,
        places: Mapping[str, Sequence[int]] | None = None,
    ) -> None:
        self._hub = hub
        self._directory = directory
        self._limits = limits
        self._shape = shape
        self.client: Client = hub.join(shape, outlet, traffic)
        self._places: dict[str, Sequence[int]] = dict(places or {})
        self._named: dict[Channel, set[tuple[str, str]]] = {}
        self._records = Bucket(RESUME_RECORDS_PER_MINUTE)

    def hear(self, text: str | bytes, now: Instant) -> None:
        """Take one incoming frame; answers go into the client's queue."""
        try:
            kind, fields = read(text, "payload")
            if kind == "ping":
                self._say(PongFrame, Nothing(), now)
            elif kind == "subscribe":
                self.subscribe(convert(fields), now)
            elif kind == "unsubscribe":
                self._unsubscribe(convert(fields), now)
            elif kind == "auth":
                raise BadRequest("UNAUTHORIZED", "there are no accounts here: all data is public")
            else:
                raise BadRequest("UNKNOWN_TYPE", f"no message type {kind[:64]!r}")
        except BadRequest as wrong:
            self._say(ErrorFrame, Complaint(wrong.code, wrong.sentence), now)

    def _say(
        self, kind: Callable[[Payload, str], msgspec.Struct], payload: Payload, now: Instant
    ) -> None:
        self.client.put(native.message(kind, payload, now.wall))

    def subscribe(self, wish: Subscription, now: Instant) -> None:
        """Watch what is wished, and say what is watched and its present state."""
        symbols, rejected = self._accept(wish)
        keys = self._keys(wish, symbols)
        # From here to the end nothing can come in between: the client watches first, and what it is
        # told next is the state of this very moment.
        self._hub.watch(self.client, keys, now, wish.rate_ms * 1000)
        resume, recovered, missed = self._resume(wish, symbols, now)
        answer = Subscribed(
            channel=wish.channel,
            symbols=[f"{exchange}:{symbol}" for exchange, symbol in symbols],
            rejected=rejected,
            rate_ms=None if wish.channel == "trade" else wish.rate_ms,
            resume=resume,
            recovered=recovered,
            interval=wish.interval if wish.channel == "candle" else msgspec.UNSET,
        )
        self._say(SubscribedFrame, answer, now)
        for batch, index in missed or ():
            self._places = past(self._places, batch, index)
            text = native.frame("trade_update", native.trade(batch, index), now.wall)
            self.client.put_frames(self._shape.placed(text, self._places))
        self._places.update(resume)
        if missed is not None:
            return
        if wish.channel == "trade":
            trades = [native.trade(*found) for found in self._recent(symbols)]
            text = native.snapshot("trade", trades, now.wall)
        else:
            text = self._shape.present(wish.channel, self._hub.latest.present(keys), now)
        self.client.put_frames(self._shape.placed(text, self._places))

    def _unsubscribe(self, wish: Subscription, now: Instant) -> None:
        gone = {key for key in self.client.watches if key[0] == wish.channel}
        if wish.symbols == EVERYTHING:
            self._named.pop(wish.channel, None)
            symbols = sorted({(key[1], key[2]) for key in gone})
        else:
            symbols, _ = self._resolve(wish.symbols)
            meant = set(symbols)
            gone = {key for key in gone if (key[1], key[2]) in meant}
            self._named.get(wish.channel, set()).difference_update(symbols)
        self._hub.unwatch(self.client, gone)
        names = [f"{exchange}:{symbol}" if symbol else exchange for exchange, symbol in symbols]
        self._say(UnsubscribedFrame, Unsubscribed(wish.channel, names), now)

    def _resolve(
        self, wanted: list[str] | str, suggestions_max: int = 0
    ) -> tuple[list[tuple[str, str]], list[Rejected]]:
        """Return the symbols that are meant, each once, and those that mean nothing."""
        if wanted == EVERYTHING:
            return list(self._directory.all), []
        found: dict[tuple[str, str], None] = {}
        rejected: list[Rejected] = []
        for text in [wanted] if isinstance(wanted, str) else wanted:
            suggest = len(rejected) < suggestions_max
            try:
                found[self._directory.resolve(text, suggest=suggest)] = None
            except UnknownSymbol as unknown:
                rejected.append(Rejected(text[:64], str(unknown)))
        return list(found), rejected

    def _accept(self, wish: Subscription) -> tuple[list[tuple[str, str]], list[Rejected]]:
        """Return the symbols of a wish as far as the limit goes, and the others with the reason."""
        found, rejected = self._resolve(wish.symbols, self._limits.suggestions)
        if wish.symbols == EVERYTHING or wish.channel == "status":
            return found, rejected
        accepted = []
        mine = self._named.setdefault(wish.channel, set())
        all_named = set[tuple[str, str]]().union(*self._named.values())
        for one in found:
            if one in all_named or len(all_named) < self._limits.symbols:
                accepted.append(one)
                mine.add(one)
                all_named.add(one)
            else:
                reason = f"a connection may name {self._limits.symbols} symbols"
                rejected.append(Rejected(f"{one[0]}:{one[1]}", reason))
        return accepted, rejected

    def _keys(self, wish: Subscription, symbols: list[tuple[str, str]]) -> list[WatchKey]:
        if wish.channel == "status":
            exchanges = dict.fromkeys(exchange for exchange, _ in symbols)
            return [("status", exchange, "", 0) for exchange in exchanges]
        interval_s = intervals.parse(wish.interval) if wish.channel == "candle" else 0
        return [(wish.channel, exchange, symbol, interval_s) for exchange, symbol in symbols]

    def _resume(
        self, wish: Subscription, symbols: list[tuple[str, str]], now: Instant
    ) -> tuple[dict[str, tuple[int, int]], bool | None, list[tuple[TradeBatch, int]] | None]:
        """Return the positions now, whether what was missed is here (None: not asked), and that."""
        if wish.channel != "trade":
            position = self._hub.latest.position
            here = {"aggregator": position} if position and wish.channel != "status" else {}
            # The present state is all there is to recover where the newest value wins.
            return here, None if wish.resume is None else True, None
        exchanges = dict.fromkeys(exchange for exchange, _ in symbols)
        positions = {name: self._hub.ring(name).position() for name in exchanges}
        here = {name: position for name, position in positions.items() if position is not None}
        if wish.resume is None:
            return here, None, None
        if any(name not in wish.resume for name in here):
            return here, False, None  # from there on it cannot be said what was missed
        missed: list[tuple[TradeBatch, int]] = []
        for exchange, (epoch, seq, *place) in wish.resume.items():
            if exchange not in exchanges:
                continue
            mine = {symbol for where, symbol in symbols if where == exchange}
            # With a place in the batch, the rest of that batch is missing too.
            records = self._since(exchange, epoch, seq - 1 if place else seq, now)
            if records is None:
                return here, False, None
            for record in records:
                first = place[0] + 1 if place and record.seq == seq else 0
                if isinstance(record, TradeBatch):
                    missed += [
                        (record, index)
                        for index in range(first, len(record.trades))
                        if record.trades[index].symbol in mine
                    ]
            if len(missed) > REPLAY_MAX:
                return here, False, None
        return here, True, missed

    def _since(
        self, exchange: str, epoch: int, seq: int, now: Instant
    ) -> list[JournalRecord] | None:
        """Return the records after a position; None when they are not here, or are too many."""
        ring = self._hub.ring(exchange)
        count = ring.missing(epoch, seq)
        if count is None or count > RESUME_RECORDS_MAX:
            return None
        return ring.since(epoch, seq) if self._records.take(now.mono, count) else None

    def _recent(self, symbols: list[tuple[str, str]]) -> list[tuple[TradeBatch, int]]:
        """Return the newest trades of symbols, oldest first by when they were received."""
        found: list[tuple[TradeBatch, int]] = []
        for exchange in dict.fromkeys(exchange for exchange, _ in symbols):
            mine = {symbol for where, symbol in symbols if where == exchange}
            found += self._hub.ring(exchange).recent(mine, SNAPSHOT_TRADES, _SNAPSHOT_RECORDS)
        found.sort(key=lambda each: each[0].trades[each[1]].ts_recv)
        return found[-SNAPSHOT_TRADES:]


def convert(fields: dict[str, Any]) -> Subscription:
    """Return what the fields of a ``subscribe`` ask for.

    Raises:
        BadRequest: it is nothing that can be subscribed to.
    """
    channel = fields.get("channel", "ticker")
    if channel in PRIVATE:
        sentence = f"channel {channel} is one person's, and there are no accounts here"
        raise BadRequest("UNAUTHORIZED", sentence)
    if channel not in get_args(Channel):
        known = ", ".join(get_args(Channel))
        raise BadRequest("UNKNOWN_CHANNEL", f"no channel {str(channel)[:64]!r}, there are {known}")
    if "symbols" not in fields and channel != "status":
        raise BadRequest("BAD_REQUEST", 'symbols is missing: a list of names, or "*"')
    try:
        wish = msgspec.convert(fields, Subscription)
    except msgspec.ValidationError as wrong:
        raise BadRequest("BAD_REQUEST", str(wrong)) from None
    if EVERYTHING in wish.symbols and isinstance(wish.symbols, list):
        wish.symbols = EVERYTHING
    return wish

"""The frames of ``/ws/quotes`` and ``/sse/quotes``: ``tick``, ``avg`` and ``status``, and no other.

The spelling is the published one (pairs without a dash, camelCase, epoch ms) and never changes.
Here are values in, texts out; who is sent them is the hub's business.
"""

from collections.abc import Collection, Hashable, Iterable
from typing import NamedTuple

import msgspec

from bus.actor import Instant
from bus.messages import Average, FeedStatus, Ticker, TradeBatch
from market.symbols import pair
from web.fanout import text_frame
from web.times import iso
from web.update import Channel, Derived, Update

NAME = "quotes"
STALE = "stale"


class Link(NamedTuple):
    """What is known of one exchange: its status; process silent; every price stale."""

    status: FeedStatus
    silent: bool
    stale: bool


class Status(NamedTuple):
    """The state of the data: ``connecting``, ``connected``, ``disconnected`` or ``error``."""

    status: str
    reason: str | None = None


def frame(update: Update) -> str:
    """Return the ``tick`` or ``avg`` frame of an update, made once.

    Raises:
        TypeError: the update is neither a ticker nor an average.
    """
    text = update.texts.get(NAME)
    if text is None:
        value = update.message
        if isinstance(value, Ticker):
            text = tick(value)
        elif isinstance(value, Average):
            text = avg(value)
        else:
            raise TypeError(f"{type(value).__name__} is no quote")
        update.texts[NAME] = text
    return text


def tick(value: Ticker) -> str:
    """Return ``{"type":"tick","payload":{"pair":"ETHUSDT","price":2346.1,"ts":1699999999456}}``."""
    return (
        f'{{"type":"tick","payload":{{"pair":"{pair(value.symbol)}","price":{value.price},'
        f'"ts":{value.ts_event // 1000}}}}}'
    )


def avg(value: Average) -> str:
    """Return the ``avg`` frame: ``pair``, ``hourStartUtc``, ``avg``, ``count``, ``lastTs``."""
    return (
        f'{{"type":"avg","payload":{{"pair":"{pair(value.symbol)}",'
        f'"hourStartUtc":"{iso(value.hour_start)}","avg":{value.avg},"count":{value.count},'
        f'"lastTs":{value.last_ts // 1000}}}}}'
    )


def status_frame(value: Status) -> str:
    """Return the ``status`` frame; ``reason`` stands in it only where there is one."""
    inner = {"status": value.status}
    if value.reason is not None:
        inner["reason"] = value.reason
    return msgspec.json.encode({"type": "status", "payload": inner}).decode()


def status_of(links: Iterable[Link]) -> Status:
    """Return the state of several exchanges as one: the best of them, as long as one delivers.

    An exchange that is configured and idle does not count. With nothing known yet it is
    ``connecting``; connected with stale prices is ``disconnected`` for the reason ``stale``.
    """
    found = [_status(link) for link in links if link.status.state != "idle" or link.silent]
    for wanted in ("connected", "connecting", "disconnected"):
        for one in found:
            if one.status == wanted:
                return one
    return found[0] if found else Status("connecting")


def _status(link: Link) -> Status:
    exchange, reason = link.status.exchange, link.status.reason
    if link.silent:
        return Status("error", f"{exchange}: no sign of life from its feed")
    if link.status.state == "connected":
        return Status("disconnected", STALE) if link.stale else Status("connected")
    if link.status.state == "connecting":
        return Status("connecting")
    why = f"{exchange}: {reason}" if reason else f"{exchange}: {link.status.state}"
    return Status("connecting" if link.status.state == "reconnecting" else "disconnected", why)


class QuotesCodec:
    """How the updates become frames.

    Args:
        as_event: server-sent events, with the aggregator's (epoch, seq) as id, instead of
            WebSocket frames.
    """

    without_flags: Collection[Channel] = ("ticker", "average")

    def __init__(self, *, as_event: bool) -> None:
        self._as_event = as_event
        self.kind: Hashable = (NAME, as_event)

    @property
    def plain(self) -> "QuotesCodec":
        """It: these frames are never compressed."""
        return self

    def updates(self, updates: list[Update], now: Instant) -> list[bytes]:
        """Return the frames of ticks and averages, or of a state of the data."""
        found = []
        for update in updates:
            value = update.message
            if isinstance(value, Derived):
                assert isinstance(value.value, Status)
                found.append(self.say(status_frame(value.value)))
            elif self._as_event:
                assert isinstance(value, Ticker | Average)
                event = f"id: {value.epoch}-{value.seq}\ndata: {frame(update)}\n\n"
                found.append(event.encode())
            else:
                found.append(text_frame(frame(update)))
        return found

    def trade(self, batch: TradeBatch, index: int, now: Instant) -> bytes:
        """Never asked for: nobody here watches trades."""
        raise AssertionError("a client of quotes watches no trades")

    def say(self, text: str) -> bytes:
        """Return the frame of a text."""
        return f"data: {text}\n\n".encode() if self._as_event else text_frame(text)

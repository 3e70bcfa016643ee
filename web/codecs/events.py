"""The native frames as server-sent events.

Each event with news has as its id where every stream is by then, such as
``aggregator=3-77,binance=5-120-4``: name, epoch, seq and, where a batch is half sent, the place in
it. A browser that returns says the last one as ``Last-Event-ID``. In come values, out go events.
"""

import re

from bus.actor import Instant
from bus.messages import TradeBatch
from web.codecs import native
from web.codecs.native import NativeCodec
from web.hub import Hub
from web.update import Update

_PLACE = re.compile(r"([a-z]{1,32})=(\d{1,18})-(\d{1,18})(?:-(\d{1,9}))?", re.ASCII)
PLACES_MAX = 32


class NativeEvents(NativeCodec):
    """How updates become events.

    Args:
        hub: knows where the streams are.
    """

    def __init__(self, hub: Hub) -> None:
        super().__init__(event)
        self._hub = hub

    def updates(self, updates: list[Update], now: Instant) -> list[bytes]:
        """Return their events."""
        place = self._place()
        return [event(text, place) for text in native.frames(updates, now.wall)]

    def trade(self, batch: TradeBatch, index: int, now: Instant) -> bytes:
        """Return the event of one trade."""
        text = native.frame("trade_update", native.trade(batch, index), now.wall)
        return event(text, self._place(batch, index))

    def _place(self, batch: TradeBatch | None = None, index: int = 0) -> str:
        places = dict(self._hub.positions)
        if self._hub.latest.position is not None:
            places["aggregator"] = self._hub.latest.position
        if batch is not None:
            places.pop(batch.exchange, None)
        texts = [f"{name}={epoch}-{seq}" for name, (epoch, seq) in places.items()]
        if batch is not None and batch.seq is not None:
            texts.append(f"{batch.exchange}={batch.epoch}-{batch.seq}-{index}")
        return ",".join(texts)


def places(text: str | None) -> dict[str, list[int]] | None:
    """Return the places that a ``Last-Event-ID`` names; None when it is none of ours."""
    parts = (text or "").split(",")
    if len(parts) > PLACES_MAX:
        return None
    found = {}
    for part in parts:
        match = _PLACE.fullmatch(part)
        if match is None:
            return None
        found[match[1]] = [int(each) for each in match.groups()[1:] if each is not None]
    return found


def event(text: str, place: str = "") -> bytes:
    """Return an event; without a place it has no news of the streams."""
    return f"id: {place}\ndata: {text}\n\n".encode() if place else f"data: {text}\n\n".encode()

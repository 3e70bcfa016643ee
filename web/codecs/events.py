"""The native frames as server-sent events.

A snapshot and a trade have as their id where the client is by then in every stream, such as
``aggregator=3-77,binance=5-120-4``: name, epoch, seq and, where a batch is half sent, the place in
it. A browser that returns says the last one as ``Last-Event-ID``. Other updates have no id and
leave it as it was: the trades before them may still wait. In come values, out go events.
"""

import re
from collections.abc import Mapping, Sequence

from bus.actor import Instant
from bus.messages import TradeBatch
from web.codecs import native
from web.codecs.native import NativeCodec
from web.hub import Hub

_PLACE = re.compile(r"([a-z]{1,32})=(\d{1,18})-(\d{1,18})(?:-(\d{1,9}))?", re.ASCII)
PLACES_MAX = 32


class NativeEvents(NativeCodec):
    """How updates become events.

    Args:
        hub: knows where the streams of trades are.
    """

    def __init__(self, hub: Hub) -> None:
        super().__init__(event)
        self._hub = hub

    def trade(self, batch: TradeBatch, index: int, now: Instant) -> bytes:
        """Return the event of a trade of the newest record; all trades until then went before."""
        text = native.frame("trade_update", native.trade(batch, index), now.wall)
        return self.placed(text, past(self._hub.positions, batch, index))

    def placed(self, text: str, places: Mapping[str, Sequence[int]]) -> bytes:
        """Return the event with which a client is at these places."""
        found = [f"{name}={'-'.join(map(str, at))}" for name, at in places.items()]
        return event(text, ",".join(found))


def past(
    places: Mapping[str, Sequence[int]], batch: TradeBatch, index: int
) -> dict[str, Sequence[int]]:
    """Return the places once a trade has been sent; its exchange has none if it has no seq."""
    found = {name: at for name, at in places.items() if name != batch.exchange}
    if batch.seq is not None:
        found[batch.exchange] = (batch.epoch, batch.seq, index)
    return found


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

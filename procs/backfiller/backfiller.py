"""The backfiller as an actor: what feeds miss comes in, what exchanges bring goes out to the feeds.

So do the exchanges' own candles that the persister wants. It keeps nothing but until when exchanges
do not want to be asked: what is lost with it is asked for again.
"""

from collections.abc import Mapping, Sequence

from bus.actor import Idle, Instant, Send
from bus.heartbeat import Health
from bus.messages import GapsWanted, History, HistoryWanted, decode, encode
from procs.backfiller.asking import Asking


class Backfiller(Idle):
    """The actor.

    Args:
        askings: of each exchange that can be asked, by its name. What it brings is sent on the
            output ``feed-<exchange>``, candles on ``persister``.
        health: what the process says of itself.
    """

    def __init__(self, askings: Mapping[str, Asking], health: Health) -> None:
        self._askings = askings
        self._health = health
        if not askings:
            health.state = "idle: no exchange in FEEDS can be asked for missing trades"

    def on_message(self, source: str, frames: list[bytes], now: Instant) -> Sequence[Send]:
        """Take wishes; those to an exchange that cannot be asked stay with who has them."""
        message = decode(frames[-1])
        if isinstance(message, GapsWanted) and message.exchange in self._askings:
            for wanted in message.wanted:
                self._askings[message.exchange].want(wanted)
        elif isinstance(message, HistoryWanted) and message.exchange in self._askings:
            self._askings[message.exchange].want_history(message)
        return ()

    def on_tick(self, now: Instant) -> Sequence[Send]:
        """Move every exchange on."""
        if not self._askings:
            return ()
        sends = []
        for name, asking in self._askings.items():
            brought = asking.on_tick(now)
            if brought is not None:
                output = "persister" if isinstance(brought, History) else f"feed-{name}"
                sends.append(Send(output, b"", encode(brought)))
        waits = [why for one in self._askings.values() if (why := one.waits_for(now))]
        self._health.state = f"waiting: {'; '.join(waits)}" if waits else "ready"
        self._health.queue = sum(map(len, self._askings.values()))
        return sends

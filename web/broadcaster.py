"""The open WebSockets and event streams of one process, and when they are sent what.

In come wake-ups: messages have come from the bus, a client has said something, a socket has room
again, a time has come. Each lets the hub send what may go now. Who takes nothing for too long, or
never asks for anything, is closed from here. For one event loop.
"""

import asyncio

from bus.actor import Instant, instant
from web.cohort import Client, Outlet
from web.hub import Hub
from web.limits import Limits
from web.protocol import IDLE, TOO_SLOW


class Broadcaster:
    """All of them.

    Args:
        hub: says what goes to whom.
        limits: of one connection.
    """

    def __init__(self, hub: Hub, limits: Limits) -> None:
        self._hub = hub
        self._slow_after_us = int(limits.slow_after_s * 1e6)
        self._idle_after_s = limits.idle_after_s
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = 0
        # One object each for all connections.
        self._filled, self._drained = self._no_room, self._room
        self._idle: dict[Client, float] = {}
        """Since when each client has watched nothing, by the loop's clock; oldest first."""

    def __len__(self) -> int:
        return len(self._hub.clients)

    def open(self, client: Client) -> None:
        """A connection has begun."""
        client.outlet.filled, client.outlet.drained = self._filled, self._drained
        if client.cohort is None:
            self._idle[client] = asyncio.get_running_loop().time()
        self.flush()

    def close(self, client: Client) -> None:
        """A connection has ended."""
        client.outlet.filled = client.outlet.drained = None
        self._idle.pop(client, None)
        self._hub.leave(client)

    def flush(self) -> None:
        """Send what may go now, and come back when more may."""
        now = instant()
        self._hub.flush(now)
        due = self._hub.next_due()
        if due is None or (self._timer is not None and now.mono < self._timer_at <= due):
            return
        if self._timer is not None:
            self._timer.cancel()
        self._timer_at = due
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(max(0, due - now.mono) / 1e6, self.flush)

    def _no_room(self, outlet: Outlet) -> None:
        """An outlet has not passed on everything."""
        self._hub.filled(outlet.owner, instant())

    def _room(self, outlet: Outlet) -> None:
        """Then it has."""
        self._hub.drained(outlet.owner, instant())

    def judge(self, now: Instant) -> int:
        """Close who is too slow, and who watches nothing; return how many are too slow."""
        slow = self._hub.given_up(now, self._slow_after_us)
        for client in slow:
            reason = "too far behind" if client.overflowed else "too slow"
            client.outlet.evict(TOO_SLOW, reason)
        self._end_idle()
        return len(slow)

    def _end_idle(self) -> None:
        """Close who has not subscribed to anything since it came."""
        latest = asyncio.get_running_loop().time() - self._idle_after_s
        while self._idle:
            client = next(iter(self._idle))
            if client.cohort is None:
                if self._idle[client] > latest:
                    return
                client.outlet.evict(IDLE, f"nothing subscribed to within {self._idle_after_s:g} s")
            del self._idle[client]

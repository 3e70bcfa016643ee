"""Accepts from a listening socket that several processes share, so that each gets its part.

In come connections, a few per wake; out they go to uvicorn's protocol. A process that holds clearly
more than the mean of all that live stands back for a moment while the others accept; one that holds
far more than another for seconds sends some of its clients on. Whoever hangs or is full is not
counted on, so there is always somebody who accepts. An accept that fails, because no file is left
to open or for any other reason, is tried again after a while, never at once.
"""

import asyncio
import socket
import time
from collections import Counter
from collections.abc import Callable

from web import balance
from web.occupancy import Occupancy

PER_WAKE = 8
LOOK_S = 0.25
"""Between two looks at the others."""
STANDS_BACK_S = 0.025
"""The same while standing back."""
REST_S = 0.5
"""After an accept that failed."""
SEND_ON_AFTER_S = 3.0
"""How long it must be uneven: those that come back after a restart even it out first."""


class Acceptor:
    """Accepts between ``open`` and ``close``; for one event loop.

    Args:
        listening: shared with other processes, not blocking.
        make: returns the protocol of one connection.
        held: returns how many connections this process holds.
        room: how many it may hold; those beyond are only accepted when nobody else has room.
        occupancy: who else holds how many.
        send_on: sends so many of our clients to the others.
        counters: ``accept_failed`` counts there.
    """

    def __init__(
        self,
        listening: socket.socket,
        make: Callable[[], asyncio.BaseProtocol],
        held: Callable[[], int],
        room: int,
        occupancy: Occupancy,
        send_on: Callable[[int], None],
        counters: Counter[str],
    ) -> None:
        self._listening = listening
        self._make = make
        self._held = held
        self._room = room
        self._occupancy = occupancy
        self._send_on = send_on
        self._counters = counters
        self._begun: set[asyncio.Task[None]] = set()
        self.accepts = False
        """True while what connects may be taken; the others do so all the same."""
        self._stands_back = False
        self._rests_until = 0.0
        self._refresh_at = 0.0
        self._sends_on = False
        self._send_on_at: float | None = None
        self._timer: asyncio.TimerHandle | None = None

    def open(self) -> None:
        """Begin."""
        self._loop = asyncio.get_running_loop()
        self._look()

    def close(self) -> None:
        """End, and let the others know; what is in the socket's queue is theirs."""
        if self._timer is not None:
            self._timer.cancel()
        self._listen(accepts=False)
        self._occupancy.report(self._holds(), _monotonic_us(), takes=False)

    def _look(self) -> None:
        """Look at the others from time to time, whoever comes meanwhile."""
        now = self._loop.time()
        try:
            if now >= self._refresh_at:
                self._refresh_at = now + LOOK_S
                self._occupancy.refresh()
            self._even_out(*self._decide(), now)
        finally:
            self._come_back()

    def _come_back(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        after_s = STANDS_BACK_S if self._stands_back else LOOK_S
        self._timer = self._loop.call_later(after_s, self._look)

    def _decide(self) -> tuple[int, list[int]]:
        """Say what we hold, and accept or leave it to others; return what we and they hold."""
        held, now = self._holds(), _monotonic_us()
        rests = self._loop.time() < self._rests_until
        full = held >= self._room
        self._occupancy.report(held, now, takes=not rests and not full)
        others = self._occupancy.others(now)
        sends_on = self._sends_on and balance.sent_on(held, others) > 0
        too_many = full or sends_on or balance.stands_back(held, others)
        self._stands_back = too_many and bool(others)
        self._listen(accepts=not rests and not self._stands_back)
        return held, others

    def _even_out(self, held: int, others: list[int], now: float) -> None:
        """Send clients on, a few each second, once it has been uneven for long enough."""
        if not self._sends_on:
            if not balance.is_uneven(held, others):
                self._send_on_at = None
            elif self._send_on_at is None:
                self._send_on_at = now + SEND_ON_AFTER_S
        if self._send_on_at is None or now < self._send_on_at:
            return
        count = balance.sent_on(held, others)
        self._sends_on = count > 0
        self._send_on_at = now + 1.0 if count else None
        self._send_on(count)

    def _holds(self) -> int:
        return self._held() + len(self._begun)

    def _listen(self, *, accepts: bool) -> None:
        if accepts == self.accepts:
            return
        self.accepts = accepts
        if accepts:
            self._loop.add_reader(self._listening.fileno(), self._accept)
        else:
            self._loop.remove_reader(self._listening.fileno())

    def _accept(self) -> None:
        """Accept a few, then see whether it is the others' turn."""
        for _ in range(PER_WAKE):
            try:
                accepted, _address = self._listening.accept()
            except (BlockingIOError, InterruptedError):
                break
            except ConnectionAbortedError:
                continue  # the client has gone already
            except OSError:
                self._counters["accept_failed"] += 1
                self._rests_until = self._loop.time() + REST_S
                break
            accepted.setblocking(False)
            task = self._loop.create_task(self._begin(accepted))
            self._begun.add(task)
            task.add_done_callback(self._begun.discard)
        self._decide()
        if not self.accepts:
            self._come_back()

    async def _begin(self, accepted: socket.socket) -> None:
        try:
            await self._loop.connect_accepted_socket(self._make, accepted)
        except OSError:
            accepted.close()  # the client has gone already


def _monotonic_us() -> int:
    return time.monotonic_ns() // 1000

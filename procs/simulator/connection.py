"""One client's WebSocket connection: its conversation, how far it has been served, its faults.

Frames go out through ``wire.Wire``; what arrives is answered at once, in order with the trades. A
``Source`` is where the trades come from: the seeded market or a recording.
"""

import asyncio
import heapq
import time
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Protocol

from starlette.responses import Response
from starlette.websockets import WebSocket

from procs.simulator.faults import Faults, Switch
from procs.simulator.market import Market
from procs.simulator.protocol import Denied, Exchange, Gathering, Render, Session
from procs.simulator.wire import Wire, frame, of, unframed

POLICY_VIOLATION = 1008


class Client:
    """One connection.

    Args:
        exchange: whose protocol it speaks.
        session: its conversation.
        wire: its socket.
        switch: says what is done to it.
    """

    def __init__(self, exchange: Exchange, session: Session, wire: Wire, switch: Switch) -> None:
        self.exchange = exchange
        self.session = session
        self.wire = wire
        self.gathering: Gathering | None = None
        """Who makes one frame of several trades' that are due together; None: nobody."""
        self.cursor = 0
        """Position (see ``market``) up to which it has been served."""
        self.slots: tuple[tuple[Render, ...], ...] = ()
        """What makes its frames, by a symbol's turn. Belongs to the source."""
        self._switch = switch
        self._since = time.monotonic()
        self._beat_at = self._since + 1.0
        lifetime_s = exchange.lifetime_s
        self._cut_at = float("inf") if lifetime_s is None else self._since + lifetime_s
        self._held: list[tuple[int, int, str, bool]] = []
        """(due, number, frame, whether the connection ends in the middle of it)."""
        self._holds = 0
        self._torn = False

    @property
    def faults(self) -> Faults:
        """What is done to it now."""
        return self._switch.faults

    @property
    def subscribed(self) -> bool:
        """True while it wants anything."""
        return self.wire.open and bool(self.session.streams)

    @property
    def holding(self) -> bool:
        """True while frames are held back by a fault."""
        return bool(self._held)

    def cut_within(self, seconds: float) -> None:
        """Cut the connection after that time, or before."""
        self._cut_at = min(self._cut_at, time.monotonic() + seconds)

    def ready(self) -> bool:
        """True when it can be served now. Cuts it when its time has come."""
        now, faults = time.monotonic(), self.faults
        age_s = now - self._since
        over = now >= self._cut_at or (faults.disconnect and age_s >= faults.disconnect)
        if over and self.wire.open:
            self.wire.cut()
        return self.wire.ready and not faults.silent(age_s)

    def hold(self, framed: str, number: int, due: int) -> None:
        """Take a frame due at ``due`` (µs): the fate of its trade's ``number`` decides."""
        fate = self.faults.fate(number)
        if self.gathering is not None:
            due += -due % self.gathering.gathers_us
        if fate.garbage is not None:
            self._hold(due, frame(fate.garbage).decode("latin-1"))
        if fate.spoil is not None:
            framed = self._spoilt(framed, fate.spoil)
        if fate.cut:
            self._hold(due, framed[: max(1, len(framed) // 2)], torn=True)
        for _ in range(fate.copies):
            self._hold(due + fate.delay_us, framed)

    def _spoilt(self, framed: str, spoil: str | int) -> str:
        text = unframed(framed)
        if isinstance(spoil, str):
            text = self.exchange.repriced(text, spoil)
        else:
            text = self.exchange.shifted(text, spoil)
        return frame(text).decode("latin-1")

    def _hold(self, due: int, framed: str, *, torn: bool = False) -> None:
        self._holds += 1
        heapq.heappush(self._held, (due, self._holds, framed, torn))

    def release(self, now: int) -> list[str]:
        """Return the held frames whose time has come, in the order of their times."""
        out = []
        while self._held and self._held[0][0] <= now:
            _, _, framed, torn = heapq.heappop(self._held)
            out.append(framed)
            if torn:
                self._torn = True
                self._held.clear()
        if out and self.gathering is not None:
            return self.gathering.gathered(out)
        return out

    def send(self, framed: list[str]) -> None:
        """Send these frames; after one that was torn the connection is closed."""
        self.wire.write("".join(framed).encode("latin-1"))
        if self._torn:
            self.wire.end()

    def beat(self) -> None:
        """Send what the exchange sends once a second, when the second is over."""
        now = time.monotonic()
        if now >= self._beat_at:
            self._beat_at = max(self._beat_at + 1.0, now)
            self.say(self.session.each_second(self.cursor))

    def say(self, texts: list[str]) -> None:
        """Send these messages."""
        if texts:
            self.wire.write(b"".join(map(frame, texts)))


class Source(Protocol):
    """Where trades come from."""

    seed: int
    """Of the faults."""

    @property
    def markets(self) -> Mapping[str, Market]:
        """The markets, by exchange."""

    @property
    def clients(self) -> set[Client]:
        """Who is connected."""

    @property
    def counters(self) -> Counter[str]:
        """What was done: ``frames`` sent."""

    @property
    def trading(self) -> bool:
        """False in a pause."""

    def subscribed(self, client: Client) -> None:
        """Its subscriptions have changed."""

    async def run(self) -> None:
        """Send what is due, for ever."""

    async def pause(self) -> bool:
        """Stop trading; return when all has been sent (False: somebody does not read)."""

    def resume(self) -> None:
        """Go on trading."""


async def drained(source: Source, done: Callable[[Client], bool], within_s: float = 10.0) -> bool:
    """Wait until every subscribed client has been sent all there is; False when the time is up."""
    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline:
        if all(
            done(client) and not client.holding and client.wire.unsent == 0
            for client in source.clients
            if client.subscribed
        ):
            return True
        await asyncio.sleep(0.002)
    return False


async def converse(
    websocket: WebSocket, exchange: Exchange, market: Market, source: Source, switch: Switch
) -> None:
    """Serve one connection until it ends. An address that the exchange does not have is refused."""
    query = websocket.scope["query_string"].decode("latin-1")
    try:
        session = exchange.session(websocket.path_params["path"], query, market)
    except Denied as denied:
        answer = Response(denied.body, denied.status, media_type="application/json")
        await websocket.send_denial_response(answer)
        return
    if session is None:
        await websocket.close(POLICY_VIOLATION)
        return
    await websocket.accept()
    client = Client(exchange, session, of(websocket.scope), switch)
    client.cursor = market.position()
    source.clients.add(client)
    source.subscribed(client)
    overdue = None
    if exchange.subscribe_within_s is not None:
        overdue = asyncio.ensure_future(_cut_unless_subscribed(client, exchange.subscribe_within_s))
    try:
        while True:
            message = await websocket.receive()
            if message["type"] == "websocket.disconnect":
                return
            text = message.get("text")
            if text is None:
                text = (message.get("bytes") or b"").decode("utf-8", "replace")
            if not session.streams:
                client.cursor = market.position()
            client.say(session.receive(text, client.cursor))
            source.subscribed(client)
    finally:
        source.clients.discard(client)
        if overdue is not None:
            overdue.cancel()


async def _cut_unless_subscribed(client: Client, within_s: float) -> None:
    await asyncio.sleep(within_s)
    if not client.session.streams:
        client.wire.cut()

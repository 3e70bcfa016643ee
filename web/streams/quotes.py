"""``/ws/quotes`` and ``/sse/quotes``: the same quotes over a WebSocket and as server-sent events.

A connection begins with the state of the data and the present values of its pairs, then gets each
change, newest value first after a pause. ``hello {pairs}`` or ``?pairs=`` says which pairs; all by
default. The pair of two exchanges is that of the first configured one. Where the newest value wins,
resuming is the present state: a ``Last-Event-ID`` changes nothing.
"""

import asyncio
from collections.abc import AsyncIterator, Iterable

import msgspec
from starlette.requests import Request
from starlette.responses import StreamingResponse
from starlette.websockets import WebSocket

from bus.actor import Instant, instant
from bus.errors import UnknownSymbol
from bus.messages import FeedStatus, TradeBatch
from market.symbols import Directory, pair
from web.answers import Refused
from web.codecs import quotes
from web.codecs.quotes import Link, Status
from web.conversation import converse
from web.frames import quotes as frames
from web.frames.quotes import Wanted
from web.hub import Client, Hub
from web.incoming import BadRequest, read
from web.services import Services
from web.stream import events, wanted, websocket
from web.traffic import Connections
from web.update import Sent, Update, WatchKey

RETRY_MS = 2000
PAIRS_MAX = 200


class Chosen:
    """The pairs of one connection, and what it was last told of the state of the data.

    It is the codec of its client in the hub.

    Args:
        hub: who is sent what.
        directory: the configured symbols.
        as_event: updates as server-sent events instead of WebSocket frames.
    """

    def __init__(self, hub: Hub, directory: Directory, *, as_event: bool) -> None:
        self._hub = hub
        self._directory = directory
        self._as_event = as_event
        self._told: Status | None = None
        self._sent = Sent()
        self._chosen: list[tuple[str, str]] = []
        self._exchanges: tuple[str, ...] = ()
        self.client: Client = hub.join(self)

    def updates(self, updates: list[Update], now: Instant) -> list[str]:
        """Return the frames of ticks and averages, and of the status where it has changed."""
        if updates[0].channel == "status":
            return self._status(now)
        # A price that turns stale is no new tick: it shows in the status.
        encode = quotes.event if self._as_event else quotes.frame
        return [*self._status(now), *(encode(update) for update in self._sent.news(updates))]

    def trade(self, batch: TradeBatch, index: int, now: Instant) -> str:
        """Never asked for: nobody here watches trades."""
        raise AssertionError("a client of quotes watches no trades")

    def choose(self, names: Iterable[str] | None, now: Instant) -> None:
        """Watch the named pairs (None: all), unknown ones aside, and say their present values."""
        chosen = self._resolve(names)
        self._chosen = chosen
        self._exchanges = tuple(dict.fromkeys(exchange for exchange, _ in chosen))
        values: list[WatchKey] = [
            (channel, exchange, symbol, 0)
            for exchange, symbol in chosen
            for channel in ("ticker", "average")
        ]
        feeds: list[WatchKey] = [("status", exchange, "", 0) for exchange in self._exchanges]
        self._hub.unwatch(self.client, set(self.client.watches))
        self._hub.watch(self.client, [*values, *feeds])
        self._told = None
        encode = quotes.event if self._as_event else quotes.frame
        for text in self._status(now):
            self.client.put(text)
        present = self._hub.present(values)
        self._sent.note(present)
        for update in present:
            self.client.put(encode(update))

    def leave(self) -> None:
        """The connection has ended."""
        self._hub.leave(self.client)

    def _resolve(self, names: Iterable[str] | None) -> list[tuple[str, str]]:
        if names is None:
            names = dict.fromkeys(pair(symbol) for _, symbol in self._directory.all)
        found: dict[tuple[str, str], None] = {}
        for name in names:
            try:
                found[self._directory.resolve(name, suggest=False)] = None
            except UnknownSymbol:
                continue  # the protocol has no way to say so, and its other pairs are meant
        return list(found)

    def _status(self, now: Instant) -> list[str]:
        latest = self._hub.latest
        links = []
        for exchange in self._exchanges:
            update = latest.feeds.get(exchange)
            if update is not None:
                assert isinstance(update.message, FeedStatus)
                stale = latest.all_stale([key for key in self._chosen if key[0] == exchange])
                links.append(Link(update.message, latest.silent(exchange, now), stale))
        status = quotes.status_of(links)
        if status == self._told:
            return []
        self._told = status
        text = quotes.status_frame(status)
        return [f"data: {text}\n\n" if self._as_event else text]


def pairs_of(text: str | bytes) -> list[str] | None:
    """Return the pairs that a ``hello`` names, None for all.

    Raises:
        BadRequest: it is not a readable hello.
    """
    kind, fields = read(text, "payload")
    if kind != "hello":
        raise BadRequest("UNKNOWN_TYPE", f"no message type {kind[:64]!r}")
    try:
        pairs = msgspec.convert(fields, Wanted).pairs
    except msgspec.ValidationError as wrong:
        raise BadRequest("BAD_REQUEST", str(wrong)) from None
    return pairs[:PAIRS_MAX] if pairs is not None else None


class QuotesQuery(msgspec.Struct):
    """``pairs``: a comma list; all by default."""

    pairs: str | None = None


@websocket("/ws/quotes", query=QuotesQuery, sends=frames.SENDS, hears=frames.HEARS)
async def ws_quotes(websocket: WebSocket, services: Services, query: QuotesQuery) -> None:
    """Be sent ticks and averages of all pairs, or of those that the query or a ``hello`` names."""
    chosen = Chosen(services.hub, services.directory, as_event=False)
    chosen.choose(wanted(query.pairs) or None, instant())

    def hear(text: str | bytes, now: Instant) -> None:
        try:
            chosen.choose(pairs_of(text), now)
        except BadRequest:  # the protocol has no frame to say so
            services.health.counters["quotes_unreadable"] += 1

    await converse(websocket, services, "quotes", chosen.client, hear)


@events("/sse/quotes", query=QuotesQuery, sends=frames.SENDS)
async def sse_quotes(request: Request, services: Services, query: QuotesQuery) -> StreamingResponse:
    """Be sent the same as on ``/ws/quotes``; an unknown pair is a 404, as one can be said here."""
    names = wanted(query.pairs)
    try:
        for name in names:
            services.directory.resolve(name)
    except UnknownSymbol as unknown:
        raise Refused(404, str(unknown), field="pairs") from None
    headers = {"cache-control": "no-store", "x-accel-buffering": "no"}
    body = _events(services, names or None)
    return StreamingResponse(body, headers=headers, media_type="text/event-stream")


async def _events(services: Services, wanted: list[str] | None) -> AsyncIterator[str]:
    hub, limits, loop = services.hub, services.limits, asyncio.get_running_loop()
    chosen = Chosen(hub, services.directory, as_event=True)
    awake = asyncio.Event()
    traffic = Connections(services.health, "sse")
    traffic.opened()
    try:
        chosen.choose(wanted, instant())
        services.sessions.open(chosen.client, awake.set)
        yield f"retry: {RETRY_MS}\n\n"
        comment_at = loop.time() + limits.sse_comment_every_s
        while True:
            texts = hub.take(chosen.client, instant())
            if texts or loop.time() >= comment_at:
                yield "".join(texts) or ": still here\n\n"
                traffic.wrote(len(texts), chosen.client.received)
                comment_at = loop.time() + limits.sse_comment_every_s
            due = hub.next_due(chosen.client)
            wait_s = max(0.0, comment_at - loop.time())
            if due is not None:
                wait_s = min(wait_s, max(0.0, (due - instant().mono) / 1e6))
            try:
                await asyncio.wait_for(awake.wait(), wait_s)
            except TimeoutError:
                pass  # something is due
            awake.clear()
    finally:
        services.sessions.close(chosen.client)
        chosen.leave()
        traffic.closed()

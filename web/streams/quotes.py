"""``/ws/quotes`` and ``/sse/quotes``: the same quotes over a WebSocket and as server-sent events.

A connection begins with the state of the data and the present values of its pairs, then gets each
change, newest value first after a pause. ``hello {pairs}`` or ``?pairs=`` says which pairs; all by
default. The pair of two exchanges is that of the first configured one. Where the newest value wins,
resuming is the present state: a ``Last-Event-ID`` changes nothing.
"""

from collections.abc import Iterable, Sequence

import msgspec
from starlette.requests import Request
from starlette.responses import StreamingResponse
from starlette.websockets import WebSocket

from bus.actor import Instant, instant
from bus.errors import UnknownSymbol
from bus.messages import FeedStatus
from market.symbols import Directory, pair
from web.answers import Refused
from web.codecs import quotes
from web.codecs.quotes import Link, QuotesCodec
from web.cohort import Client, Outlet, Traffic
from web.conversation import converse
from web.event_stream import EventStream, respond
from web.frames import quotes as frames
from web.frames.quotes import Wanted
from web.hub import Hub
from web.incoming import BadRequest, read
from web.protocol import connection_of
from web.services import Services
from web.stream import events, wanted, websocket
from web.update import Derived, WatchKey
from web.watching import Compute

PAIRS_MAX = 200


class Chosen:
    """The pairs of one connection.

    Args:
        hub: who is sent what.
        directory: the configured symbols.
        codec: updates as WebSocket frames or as server-sent events.
        outlet: where they go.
        traffic: counts them.
    """

    def __init__(
        self, hub: Hub, directory: Directory, codec: QuotesCodec, outlet: Outlet, traffic: Traffic
    ) -> None:
        self._hub = hub
        self._directory = directory
        self.client: Client = hub.join(codec, outlet, traffic)

    def choose(self, names: Iterable[str] | None, now: Instant) -> None:
        """Watch the named pairs (None: all), unknown ones aside, and say their present values."""
        chosen = tuple(self._resolve(names))
        values: list[WatchKey] = [
            (channel, exchange, symbol, 0)
            for exchange, symbol in chosen
            for channel in ("ticker", "average")
        ]
        state: WatchKey = ("status", "", ",".join(map(":".join, chosen)), 0)
        self._hub.unwatch(self.client, set(self.client.watches))
        first = self._hub.derive(state, self._state(state, chosen), now)
        self._hub.watch(self.client, [state, *values], now)
        for update in [first, *self._hub.latest.present(values)]:
            for frame in self.client.codec.updates([update], now):
                self.client.put_frames(frame)

    def _state(self, key: WatchKey, chosen: Sequence[tuple[str, str]]) -> Compute:
        """Return what computes the state of the data of some pairs."""
        latest = self._hub.latest
        pairs_of_each = {
            exchange: [each for each in chosen if each[0] == exchange] for exchange, _ in chosen
        }

        def compute(now: Instant) -> Derived:
            links = []
            for exchange, pairs in pairs_of_each.items():
                update = latest.feeds.get(exchange)
                if update is not None:
                    assert isinstance(update.message, FeedStatus)
                    silent = latest.silent(exchange, now)
                    links.append(Link(update.message, silent, latest.all_stale(pairs)))
            return Derived(key, quotes.status_of(links))

        return compute

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
    outlet, traffic = connection_of(websocket.scope), services.traffic("quotes")
    codec = QuotesCodec(as_event=False)
    chosen = Chosen(services.hub, services.directory, codec, outlet, traffic)
    chosen.choose(wanted(query.pairs) or None, instant())

    def hear(text: str | bytes, now: Instant) -> None:
        try:
            chosen.choose(pairs_of(text), now)
        except BadRequest:  # the protocol has no frame to say so
            services.health.counters["quotes_unreadable"] += 1

    await converse(websocket, services, chosen.client, hear)


@events("/sse/quotes", query=QuotesQuery, sends=frames.SENDS)
async def sse_quotes(request: Request, services: Services, query: QuotesQuery) -> StreamingResponse:
    """Be sent the same as on ``/ws/quotes``; an unknown pair is a 404, as one can be said here."""
    names = wanted(query.pairs)
    try:
        for name in names:
            services.directory.resolve(name)
    except UnknownSymbol as unknown:
        raise Refused(404, str(unknown), field="pairs") from None

    def begin(stream: EventStream) -> Client:
        codec = QuotesCodec(as_event=True)
        traffic = services.traffic("sse")
        chosen = Chosen(services.hub, services.directory, codec, stream, traffic)
        chosen.choose(names or None, instant())
        return chosen.client

    return respond(services, begin)

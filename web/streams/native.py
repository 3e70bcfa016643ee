"""The WebSocket ``/ws`` and the same frames as server-sent events, ``/sse``.

What is said is decided in ``subscribe`` and ``hub``. ``/sse`` is for where upgrades are blocked:
its query says what a client of ``/ws`` would subscribe to.
"""

from typing import Annotated, Literal

import msgspec
from starlette.requests import Request
from starlette.responses import StreamingResponse
from starlette.websockets import WebSocket

from bus.actor import instant
from web.answers import Refused
from web.codecs import native
from web.codecs.assets import AssetsCodec
from web.codecs.events import NativeEvents, places
from web.codecs.native import NativeCodec
from web.cohort import Client
from web.conversation import converse
from web.event_stream import EventStream, respond
from web.fanout import Framed, compressed_frame, text_frame
from web.frames import assets as assets_frames
from web.frames import native as native_frames
from web.frames.native import ConnectionStatus, ConnectionStatusFrame, Subscription
from web.incoming import BadRequest
from web.protocol import connection_of
from web.services import Services
from web.stream import events, wanted, websocket
from web.subscribe import EVERYTHING, Conversation, Shape, convert

CHANNELS_MAX = 8
PLAIN = NativeCodec()
NATIVE: dict[Framed, NativeCodec] = {
    text_frame: PLAIN,
    compressed_frame: NativeCodec(compressed_frame, PLAIN),
}
ANSWERS = (native_frames.UnsubscribedFrame, native_frames.PongFrame, native_frames.ErrorFrame)
"""To what only a client of a WebSocket can say."""
EVENTS = tuple(one for one in native_frames.SENDS if one not in ANSWERS)


class ShapeQuery(msgspec.Struct):
    """How the frames with prices look."""

    shape: Annotated[
        Literal["native", "assets"],
        msgspec.Meta(
            description="native: tickers; assets: `{assets: [{symbol, currentPrice, …}]}`"
        ),
    ] = "native"


@websocket(
    "/ws",
    query=ShapeQuery,
    sends=(*native_frames.SENDS, *assets_frames.SENDS),
    hears=native_frames.HEARS,
)
async def ws(websocket: WebSocket, services: Services, query: ShapeQuery) -> None:
    """Subscribe to tickers, trades, candles, averages and feed states, and be sent each change."""
    outlet = connection_of(websocket.scope)
    directory = services.directory
    shape: Shape
    if query.shape == "assets":
        plain = AssetsCodec(directory)
        packs = outlet.framed is compressed_frame
        shape = AssetsCodec(directory, compressed_frame, plain) if packs else plain
    else:
        shape = NATIVE[outlet.framed]
    conversation = Conversation(
        services.hub,
        services.directory,
        services.limits,
        shape,
        outlet,
        services.traffic("ws"),
    )
    conversation.client.put(_greeting(services))
    await converse(websocket, services, conversation.client, conversation.hear)


def _greeting(services: Services) -> str:
    """Return the first frame."""
    status = ConnectionStatus("connected", services.health.program, services.version)
    return native.message(ConnectionStatusFrame, status, instant().wall)


class EventsQuery(msgspec.Struct):
    """What is subscribed to."""

    symbols: Annotated[
        str,
        msgspec.Meta(description="A comma list of names in any spelling, or `*` for all"),
    ] = "*"
    channels: Annotated[
        str,
        msgspec.Meta(
            description="A comma list of `ticker`, `average`, `status`, `trade` and `candle:1m`, "
            "`candle:1h`, `candle:1d`"
        ),
    ] = "ticker"
    rate_ms: Annotated[
        int,
        msgspec.Meta(
            ge=50, le=native_frames.RATE_MS_MAX, description="Of each channel but `trade`"
        ),
    ] = 100


@events("/sse", query=EventsQuery, sends=EVENTS)
async def sse(request: Request, services: Services, query: EventsQuery) -> StreamingResponse:
    """Be sent the frames of ``/ws``; ``Last-Event-ID`` resumes."""
    resume = places(request.headers.get("last-event-id"))
    asked = [_asked(name, query, resume) for name in wanted(query.channels)]
    if not asked or len(asked) > CHANNELS_MAX:
        raise Refused(400, f"1 to {CHANNELS_MAX} channels are needed", field="channels")
    wishes = {(one.channel, one.channel == "candle" and one.interval): one for one in asked}

    def begin(stream: EventStream) -> Client:
        conversation = Conversation(
            services.hub,
            services.directory,
            services.limits,
            NativeEvents(services.hub),
            stream,
            services.traffic("sse"),
            resume,
        )
        conversation.client.put(_greeting(services))
        for wish in wishes.values():
            conversation.subscribe(wish, instant())
        return conversation.client

    return respond(services, begin)


def _asked(name: str, query: EventsQuery, resume: dict[str, list[int]] | None) -> Subscription:
    """Return what a name such as ``candle:1h`` asks for."""
    channel, _, interval = name.partition(":")
    fields = {
        "channel": channel,
        "symbols": wanted(query.symbols) if query.symbols != EVERYTHING else EVERYTHING,
        "rate_ms": query.rate_ms,
        "resume": resume,
    }
    if interval:
        fields["interval"] = interval
    try:
        return convert(fields)
    except BadRequest as wrong:
        raise Refused(400, wrong.sentence, field="channels") from None

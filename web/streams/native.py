"""The WebSocket ``/ws``: what is said is decided in ``subscribe`` and ``hub``."""

from typing import Annotated, Literal

import msgspec
from starlette.websockets import WebSocket

from bus.actor import instant
from web.codecs import native
from web.codecs.assets import AssetsCodec
from web.codecs.native import NativeCodec
from web.conversation import converse
from web.frames import assets as assets_frames
from web.frames import native as native_frames
from web.frames.native import ConnectionStatus, ConnectionStatusFrame
from web.services import Services
from web.stream import websocket
from web.subscribe import Conversation


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
    shape = AssetsCodec(services.directory) if query.shape == "assets" else NativeCodec()
    conversation = Conversation(services.hub, services.directory, services.limits, shape)
    greeting = ConnectionStatus("connected", services.health.program, services.version)
    text = native.message(ConnectionStatusFrame, greeting, instant().wall)
    conversation.client.put(text)
    await converse(websocket, services, "ws", conversation.client, conversation.hear)

"""The WebSocket ``/ws``: what is said is decided in ``subscribe`` and ``hub``."""

from starlette.websockets import WebSocket

from bus.actor import instant
from web.codecs import native
from web.conversation import converse
from web.services import Services
from web.stream import websocket
from web.subscribe import Conversation


@websocket("/ws")
async def ws(websocket: WebSocket, services: Services) -> None:
    """Subscribe to tickers, trades, candles, averages and feed states, and be sent each change."""
    conversation = Conversation(services.hub, services.directory, services.limits)
    greeting = {
        "status": "connected",
        "process": services.health.program,
        "version": services.version,
    }
    conversation.client.put(native.message("connection_status", greeting, instant().wall))
    await converse(websocket, services, "ws", conversation.client, conversation.hear)

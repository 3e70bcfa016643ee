"""The WebSocket ``/ws``: bytes in and out. What is said is decided in ``subscribe`` and ``hub``.

In come a client's frames, at most ``messages_per_minute``; out go the answers and the updates, by
one writer. Every way of ending ends the writer and leaves the hub.
"""

from starlette.websockets import WebSocket, WebSocketDisconnect

from bus.actor import instant
from web.codecs import native
from web.limits import Bucket
from web.origin import refusal
from web.protocol import TOO_MANY
from web.services import Services
from web.subscribe import Conversation
from web.writer import Writer


async def serve(websocket: WebSocket, services: Services) -> None:
    """Serve one connection of ``/ws``."""
    refused = refusal(websocket, services.settings.cors_origin)
    if refused is not None:
        await websocket.send_denial_response(refused)
        return
    await websocket.accept()
    limits, sessions = services.limits, services.sessions
    conversation = Conversation(services.hub, services.directory, limits)
    client = conversation.client
    greeting = {
        "status": "connected",
        "process": services.health.program,
        "version": services.version,
    }
    client.put(native.message("connection_status", greeting, instant().wall))
    writer = Writer(services.hub, client, websocket, limits.slow_after_s)
    sessions.open(client, writer.wake, writer.judge)
    bucket = Bucket(limits.messages_per_minute)
    services.health.counters["ws_opened"] += 1
    try:
        while True:
            text = await receive(websocket)
            now = instant()
            if not bucket.take(now.mono):
                writer.close(TOO_MANY, f"more than {limits.messages_per_minute} messages a minute")
                break
            conversation.hear(text, now)
            writer.wake()
    except WebSocketDisconnect:
        pass
    finally:
        sessions.close(client)
        conversation.leave()
        await writer.stop()
        services.health.counters["ws_closed"] += 1
        services.health.counters["ws_sent"] += writer.sent


async def receive(websocket: WebSocket) -> str | bytes:
    """Return the next message, text or binary.

    Raises:
        WebSocketDisconnect: there is none.
    """
    message = await websocket.receive()
    if message["type"] == "websocket.disconnect":
        raise WebSocketDisconnect(message["code"], message.get("reason"))
    text: str | None = message.get("text")
    return text if text is not None else message["bytes"]

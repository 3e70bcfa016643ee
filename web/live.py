"""The WebSocket ``/ws``: bytes in and out. What is said is decided in ``subscribe`` and ``hub``.

In come a client's frames, at most ``messages_per_minute``; out go the answers and the updates, by
one writer. Every way of ending ends the writer and leaves the hub.
"""

from collections.abc import Callable

from starlette.websockets import WebSocket, WebSocketDisconnect

from bus.actor import Instant, instant
from web.codecs import native
from web.hub import Client
from web.limits import Bucket
from web.origin import refusal
from web.protocol import TOO_MANY
from web.services import Services
from web.subscribe import Conversation
from web.writer import Writer

Hear = Callable[[str | bytes, Instant], None]


async def serve(websocket: WebSocket, services: Services) -> None:
    """Serve one connection of ``/ws``."""
    if not await admitted(websocket, services):
        return
    conversation = Conversation(services.hub, services.directory, services.limits)
    greeting = {
        "status": "connected",
        "process": services.health.program,
        "version": services.version,
    }
    conversation.client.put(native.message("connection_status", greeting, instant().wall))
    await converse(websocket, services, "ws", conversation.client, conversation.hear)


async def admitted(websocket: WebSocket, services: Services) -> bool:
    """Accept a connection, or refuse it before that when a foreign page asks for it."""
    refused = refusal(websocket, services.settings.cors_origin)
    if refused is None:
        await websocket.accept()
    else:
        await websocket.send_denial_response(refused)
    return refused is None


async def converse(
    websocket: WebSocket, services: Services, name: str, client: Client, hear: Hear
) -> None:
    """Hear an accepted connection and write to it until it ends, then leave the hub.

    ``name`` begins the names of its counters; ``hear`` takes each message of the client.
    """
    limits, sessions, counters = services.limits, services.sessions, services.health.counters
    writer = Writer(services.hub, client, websocket, limits.slow_after_s)
    sessions.open(client, writer.wake, writer.judge)
    bucket = Bucket(limits.messages_per_minute)
    counters[f"{name}_opened"] += 1
    try:
        while True:
            text = await receive(websocket)
            now = instant()
            if not bucket.take(now.mono):
                writer.close(TOO_MANY, f"more than {limits.messages_per_minute} messages a minute")
                break
            hear(text, now)
            writer.wake()
    except WebSocketDisconnect:
        pass
    finally:
        sessions.close(client)
        services.hub.leave(client)
        await writer.stop()
        counters[f"{name}_closed"] += 1
        counters[f"{name}_sent"] += writer.sent


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

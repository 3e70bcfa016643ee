"""One accepted WebSocket, whatever it speaks: hears its client, writes to it, and ends.

In come a client's messages, at most ``messages_per_minute``; out go the texts that the hub has for
it, by one writer. Every way of ending ends the writer and leaves the hub.
"""

import asyncio
from collections.abc import Callable

from starlette.websockets import WebSocket, WebSocketDisconnect

from bus.actor import Instant, instant
from web.hub import Client
from web.limits import Bucket
from web.protocol import TOO_MANY
from web.services import Services
from web.traffic import Connections
from web.writer import Writer

Hear = Callable[[str | bytes, Instant], None]


async def converse(
    websocket: WebSocket, services: Services, name: str, client: Client, hear: Hear
) -> None:
    """Hear an accepted connection and write to it until it ends, then leave the hub.

    Its kind is counted as the stream ``name``; ``hear`` takes each message of the client.
    """
    limits, sessions = services.limits, services.sessions
    traffic = Connections(services.health, name)
    writer = Writer(services.hub, client, websocket, limits.slow_after_s, traffic)
    sessions.open(client, writer.wake, writer.judge)
    bucket = Bucket(limits.messages_per_minute)
    traffic.opened()
    try:
        while True:
            text = await receive(websocket)
            now = instant()
            if not bucket.take(now.mono):
                writer.close(TOO_MANY, f"more than {limits.messages_per_minute} messages a minute")
                break
            hear(text, now)
            writer.wake()
            # What has come already is received without waiting: let the others have their turn.
            await asyncio.sleep(0)
    except WebSocketDisconnect:
        pass
    finally:
        sessions.close(client)
        services.hub.leave(client)
        await writer.stop()
        traffic.closed()


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

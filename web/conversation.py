"""One accepted WebSocket, whatever it speaks: hears its client, and ends.

In come a client's messages, at most ``messages_per_minute``; what the hub has for it goes out past
here, by the broadcaster. Every way of ending leaves the hub.
"""

import asyncio
from collections.abc import Callable

from starlette.websockets import WebSocket, WebSocketDisconnect

from bus.actor import Instant, instant
from web.cohort import Client
from web.limits import Bucket
from web.protocol import TOO_MANY
from web.services import Services

Hear = Callable[[str | bytes, Instant], None]


async def converse(websocket: WebSocket, services: Services, client: Client, hear: Hear) -> None:
    """Hear an accepted connection until it ends, and let the broadcaster write to it until then.

    ``hear`` takes each message of the client.
    """
    limits, broadcaster = services.limits, services.broadcaster
    bucket = Bucket(limits.messages_per_minute)
    broadcaster.open(client)
    try:
        while True:
            text = await receive(websocket)
            now = instant()
            if not bucket.take(now.mono):
                reason = f"more than {limits.messages_per_minute} messages a minute"
                client.outlet.evict(TOO_MANY, reason)
                break
            hear(text, now)
            broadcaster.flush()
            # What has come already is received without waiting: let the others have their turn.
            await asyncio.sleep(0)
    except WebSocketDisconnect:
        pass
    finally:
        broadcaster.close(client)


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

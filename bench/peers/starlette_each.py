"""Starlette as its documents show it: a ``send_text`` for each client, on uvicorn and uvloop."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import uvicorn
from starlette.applications import Starlette
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from bench.peers.rhythm import asked, beat, message, ready

WISH = asked()
CLIENTS: set[WebSocket] = set()


async def serve(websocket: WebSocket) -> None:
    """Keep one client until it goes."""
    await websocket.accept()
    CLIENTS.add(websocket)
    try:
        while True:
            await websocket.receive_text()
    except WebSocketDisconnect:
        pass
    finally:
        CLIENTS.discard(websocket)


async def tell() -> None:
    """Send everybody a message, one after the other, at every beat."""
    due = asyncio.Event()
    beating = asyncio.ensure_future(beat(WISH.rate, due.set))
    while not beating.done():
        await due.wait()
        due.clear()
        text = message(WISH.bytes).decode()
        for websocket in list(CLIENTS):
            with contextlib.suppress(WebSocketDisconnect, RuntimeError):
                await websocket.send_text(text)


@contextlib.asynccontextmanager
async def lifespan(app: Starlette) -> AsyncIterator[None]:
    """Tell as long as the server runs."""
    telling = asyncio.ensure_future(tell())
    ready()
    yield
    telling.cancel()


if __name__ == "__main__":
    uvicorn.run(
        Starlette(routes=[WebSocketRoute("/", serve)], lifespan=lifespan),
        port=WISH.port,
        loop="uvloop",
        ws_per_message_deflate=False,
        log_level="warning",
        backlog=4096,
    )

"""The one task that writes to one WebSocket: takes what may go from the hub, sends it, waits.

In comes a wake-up whenever the hub has something for this client; out go texts by Starlette's
``send_text``, which waits while the socket's buffer is full. So a slow client is served what is
newest when it drains. It never holds more than one take of texts, and it closes the connection of
a client that takes nothing for too long, or whose backlog is full. How long news took to get here
is measured once for each take: for its first ticker, when the socket has taken all its texts.
"""

import asyncio

from starlette.websockets import WebSocket, WebSocketDisconnect

from bus.actor import instant
from web.hub import Client, Hub
from web.protocol import TOO_SLOW, connection_of
from web.traffic import Connections


class Writer:
    """Writes to one connection.

    Args:
        hub: where the texts come from.
        client: whose.
        websocket: to which socket, accepted.
        slow_after_s: how long one text may wait for the socket.
        traffic: counts what was written.
    """

    def __init__(
        self,
        hub: Hub,
        client: Client,
        websocket: WebSocket,
        slow_after_s: float,
        traffic: Connections,
    ) -> None:
        self._hub = hub
        self._client = client
        self._websocket = websocket
        self._slow_after_s = slow_after_s
        self._traffic = traffic
        self._loop = asyncio.get_running_loop()
        self._awake = asyncio.Event()
        self._blocked_since: float | None = None
        self._task = self._loop.create_task(self._write())

    def wake(self) -> None:
        """There may be something to send."""
        self._awake.set()

    def judge(self) -> bool:
        """Close the connection if its client is too slow; True if so."""
        since = self._blocked_since
        slow = since is not None and self._loop.time() - since > self._slow_after_s
        if slow or self._client.overflowed:
            self.close(TOO_SLOW, "too slow" if slow else "too far behind")
            return True
        return False

    def close(self, code: int, reason: str) -> None:
        """Stop writing and close the connection."""
        self._task.cancel()
        connection_of(self._websocket.scope).evict(code, reason)

    async def stop(self) -> None:
        """End, and wait for the end."""
        self._task.cancel()
        await asyncio.wait([self._task])
        if not self._task.cancelled() and (error := self._task.exception()):
            raise error

    async def _write(self) -> None:
        timer: asyncio.TimerHandle | None = None
        try:
            while True:
                now = instant()
                texts = self._hub.take(self._client, now)
                for text in texts:
                    self._blocked_since = self._loop.time()
                    await self._websocket.send_text(text)
                self._blocked_since = None
                if texts:
                    self._traffic.wrote(len(texts), self._client.received)
                due = self._hub.next_due(self._client)
                if due is not None and due <= now.mono:
                    # A reader of one very busy channel must not keep the loop from the others.
                    await asyncio.sleep(0)
                    continue
                if due is not None:
                    timer = self._loop.call_later((due - now.mono) / 1e6, self.wake)
                await self._awake.wait()
                self._awake.clear()
                if timer is not None:
                    timer.cancel()
        except WebSocketDisconnect:
            pass  # the reader of the socket learns it too, and ends the connection
        finally:
            if timer is not None:
                timer.cancel()

"""A TCP proxy that hurts what passes: the verbs of toxiproxy, between a feed and its exchange.

Comes in: connections to a port of its own, each passed on to one port of this machine. Its verbs
may be called from any thread at any time; ``heal`` takes back whatever lasts. It knows nothing of
what passes. (Source of the verbs: github.com/Shopify/toxiproxy, README, "Toxics".)
"""

import asyncio
import socket
import struct
import threading
from collections.abc import Callable
from contextlib import suppress
from random import Random
from types import TracebackType

CHUNK = 1 << 18
RESET = struct.pack("ii", 1, 0)
"""SO_LINGER of a socket whose close is a reset."""
NARROW_EVERY_S = 0.05
SLICE_MAX = 1400


class Proxy:
    """Between clients and ``target``, a port of this machine, as long as the ``with`` lasts.

    Args:
        target: where connections lead.
        chance: decides the sizes of slices.
    """

    def __init__(self, target: int, chance: Random) -> None:
        self.port = 0
        self.cut_links = 0
        """Connections that were cut so far."""
        self._target = target
        self._chance = chance
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name="proxy", daemon=True)
        self._links: set[_Link] = set()
        self._started = threading.Event()
        self._stopping: asyncio.Event | None = None
        self.flowing = asyncio.Event()
        """Not set: nothing passes, and no connection ends."""
        self.refusing = False
        self.delay_s = 0.0
        self.bytes_per_s = 0
        """0: as many as there are."""
        self.slicing = False

    def __enter__(self) -> "Proxy":
        self._thread.start()
        assert self._started.wait(10)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        where: TracebackType | None,
    ) -> None:
        assert self._stopping is not None
        self._loop.call_soon_threadsafe(self._stopping.set)
        self._thread.join(10)

    # ---- verbs

    def cut(self) -> None:
        """Reset every connection (``reset_peer``)."""
        self._do(self._cut_links)

    def cut_in_frame(self, after_bytes: int) -> None:
        """Reset every connection once so many more bytes came from the target (``limit_data``)."""

        def limit() -> None:
            for link in self._links:
                link.bytes_left = after_bytes

        self._do(limit)

    def refuse(self) -> None:
        """Reset every connection and every new one (``down``)."""
        self.refusing = True
        self.cut()

    def accept(self) -> None:
        """Take connections again."""
        self.refusing = False

    def hold(self) -> None:
        """Let nothing pass and no connection end: a half-open one (``timeout``)."""
        self._do(self.flowing.clear)

    def release(self) -> None:
        """Let what was held pass."""
        self._do(self.flowing.set)

    def delay(self, seconds: float) -> None:
        """Let everything pass so much later (``latency``); 0: at once."""
        self.delay_s = seconds

    def narrow(self, bytes_per_s: int) -> None:
        """Let no more pass on a connection (``bandwidth``); 0: all there is."""
        self.bytes_per_s = bytes_per_s

    def slice(self, *, on: bool = True) -> None:
        """Let everything pass in small pieces (``slicer``)."""
        self.slicing = on

    def heal(self) -> None:
        """Take back what lasts."""
        self.accept()
        self.delay(0)
        self.narrow(0)
        self.slice(on=False)
        self.release()

    # ---- inside

    def _cut_links(self) -> None:
        for link in list(self._links):
            link.cut()

    def _do(self, verb: Callable[[], object]) -> None:
        self._loop.call_soon_threadsafe(verb)

    def _run(self) -> None:
        self._loop.run_until_complete(self._serve())
        self._loop.close()

    async def _serve(self) -> None:
        self._stopping = asyncio.Event()
        self.flowing.set()
        server = await asyncio.start_server(self._accept, "127.0.0.1", 0, limit=CHUNK)
        self.port = server.sockets[0].getsockname()[1]
        self._started.set()
        await self._stopping.wait()
        server.close()
        for link in list(self._links):
            link.cut()
        for task in asyncio.all_tasks() - {asyncio.current_task()}:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        link = _Link(self, writer)
        self._links.add(link)
        try:
            if self.refusing:
                return
            await self.flowing.wait()  # so nobody is told that the target is there
            there, back = await asyncio.open_connection("127.0.0.1", self._target, limit=CHUNK)
            link.writers.append(back)
            await asyncio.gather(
                link.pass_on(reader, back, limited=False),
                link.pass_on(there, writer, limited=True),
            )
            await link.close()
        except OSError:
            pass  # one of both has gone: so does the other
        finally:
            self._links.discard(link)
            link.cut()

    def pieces(self, data: bytes) -> list[bytes]:
        """Return what passes at once, one after the other."""
        if not self.slicing:
            return [data]
        found, at = [], 0
        while at < len(data):
            size = self._chance.randrange(1, SLICE_MAX)
            found.append(data[at : at + size])
            at += size
        return found


class _Link:
    """One client's connection and the one that it leads to."""

    def __init__(self, proxy: Proxy, writer: asyncio.StreamWriter) -> None:
        self._proxy = proxy
        self.writers = [writer]
        self.bytes_left: int | None = None
        """How much of the target's words may pass before the cut; None: all of it."""
        self._cut = False

    async def close(self) -> None:
        """End both sides as they ended themselves: what was said is still heard."""
        if not self._cut:
            self._cut = True
            for writer in self.writers:
                writer.close()
            for writer in self.writers:  # whoever is cancelled here leaves none open
                await writer.wait_closed()

    def cut(self) -> None:
        """Reset both sides."""
        if not self._cut:
            self._cut = True
            self._proxy.cut_links += 1
            for writer in self.writers:
                made = writer.get_extra_info("socket")
                with suppress(OSError):
                    made.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
                writer.transport.abort()

    async def pass_on(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, limited: bool
    ) -> None:
        """Pass on one direction until its end."""
        proxy = self._proxy
        while data := await reader.read(CHUNK):
            await proxy.flowing.wait()
            if proxy.delay_s:
                await _pause(proxy.delay_s)
            if limited and self.bytes_left is not None:
                data, whole = data[: self.bytes_left], len(data)
                self.bytes_left -= len(data)
                if len(data) < whole:
                    writer.write(data)
                    await writer.drain()
                    self.cut()
                    return
            for piece in proxy.pieces(data):
                await self._send(writer, piece)
        if not self._cut:
            writer.write_eof()

    async def _send(self, writer: asyncio.StreamWriter, data: bytes) -> None:
        while data:
            rate = self._proxy.bytes_per_s
            size = max(1, int(rate * NARROW_EVERY_S)) if rate else len(data)
            writer.write(data[:size])
            await writer.drain()
            data = data[size:]
            if rate:
                await _pause(NARROW_EVERY_S)


async def _pause(seconds: float) -> None:
    with suppress(TimeoutError):
        await asyncio.wait_for(asyncio.Event().wait(), seconds)

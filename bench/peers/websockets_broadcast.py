"""The ``websockets`` library's own ``broadcast``, on uvloop."""

import uvloop
from websockets.asyncio.server import ServerConnection, broadcast, serve

from bench.peers.rhythm import asked, beat, message, ready


async def keep(connection: ServerConnection) -> None:
    """Keep one client until it goes."""
    await connection.wait_closed()


async def main() -> None:
    """Serve until ended."""
    wish = asked()
    async with serve(keep, "127.0.0.1", wish.port, compression=None, backlog=4096) as server:
        ready()
        await beat(wish.rate, lambda: broadcast(server.connections, message(wish.bytes).decode()))


if __name__ == "__main__":
    uvloop.run(main())

"""picows (Cython), a ``send`` for each client, on uvloop."""

import uvloop
from picows import WSListener, WSMsgType, WSTransport, WSUpgradeRequest, ws_create_server

from bench.peers.rhythm import asked, beat, message, ready

CLIENTS: set[WSTransport] = set()


class Client(WSListener):  # type: ignore[misc]
    """One client."""

    def on_ws_connected(self, transport: WSTransport) -> None:
        """Remember it."""
        CLIENTS.add(transport)

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        """Forget it."""
        CLIENTS.discard(transport)


def accept(request: WSUpgradeRequest) -> Client:
    """Take whoever comes."""
    return Client()


async def main() -> None:
    """Serve until ended."""
    wish = asked()

    def tell() -> None:
        payload = message(wish.bytes)
        for transport in CLIENTS:
            transport.send(WSMsgType.TEXT, payload)

    server = await ws_create_server(accept, "127.0.0.1", wish.port, backlog=4096)
    async with server:
        ready()
        await beat(wish.rate, tell)


if __name__ == "__main__":
    uvloop.run(main())

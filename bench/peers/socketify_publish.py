"""socketify: uWebSockets (C++) called from Python, by its own publish and subscribe."""

from typing import Any

from socketify import App, OpCode

from bench.peers.rhythm import asked, beat, message, ready

ROOM = "room"


def main() -> None:
    """Serve until ended."""
    wish = asked()
    app = App()

    def join(websocket: Any) -> None:
        websocket.subscribe(ROOM)

    app.ws("/*", {"compression": 0, "idle_timeout": 960, "open": join})

    def begin(_: object) -> None:
        ready()

    app.listen({"port": wish.port, "host": "127.0.0.1"}, begin)
    app.loop.run_async(
        beat(wish.rate, lambda: app.publish(ROOM, message(wish.bytes).decode(), OpCode.TEXT))
    )
    app.run()


if __name__ == "__main__":
    main()

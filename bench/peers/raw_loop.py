"""The floor: plain sockets, one frame built per beat, one ``os.write`` per client, nothing else.

There is no asyncio, no buffer for who is slow and no reading of what clients say. No server in
Python, or by the same system call in any language, can be much cheaper than this.
"""

import os
import select
import socket
import time

from bench.load.frames import accepted
from bench.peers.rhythm import asked, message, ready


def upgrade(client: socket.socket) -> None:
    """Read a request, and answer that it is a WebSocket now."""
    head = b""
    while b"\r\n\r\n" not in head:
        head += client.recv(4096)
    for line in head.split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.lower() == b"sec-websocket-key":
            client.sendall(
                b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                b"Sec-WebSocket-Accept: " + accepted(value.strip()) + b"\r\n\r\n"
            )


def framed(payload: bytes) -> bytes:
    """Return a server's text frame of 126 to 65535 bytes."""
    return b"\x81\x7e" + len(payload).to_bytes(2, "big") + payload


def main() -> None:
    """Serve until ended."""
    wish = asked()
    listening = socket.create_server(("127.0.0.1", wish.port), backlog=4096)
    poll = select.epoll()
    poll.register(listening, select.EPOLLIN)
    clients: dict[int, socket.socket] = {}
    ready()
    begin = time.monotonic()
    number = 0
    while True:
        number += 1
        due = begin + number / wish.rate
        while (left := due - time.monotonic()) > 0:
            if poll.poll(left):
                client, _ = listening.accept()
                client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                upgrade(client)
                client.setblocking(False)
                clients[client.fileno()] = client
        frame = framed(message(wish.bytes))
        write = os.write
        for file in list(clients):
            try:
                write(file, frame)
            except OSError:
                clients.pop(file).close()


if __name__ == "__main__":
    main()

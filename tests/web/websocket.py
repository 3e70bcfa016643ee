"""WebSockets byte by byte: what no library would send, and what comes back."""

import asyncio
import socket

HANDSHAKE = (
    b"GET /ws HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
)
TEXT, CONTINUED, CLOSE, PING, PONG = 0x1, 0x0, 0x8, 0x9, 0xA
COMPRESSED = 0x40
"""The bit that goes with the opcode of a compressed message."""


def opened(port: int, *headers: str, receives: int = 0) -> socket.socket:
    """Return a connection to ``/ws`` that is open; ``receives`` is the size of its buffer."""
    made, head = asked(port, *headers, receives=receives)
    assert head.startswith(b"HTTP/1.1 101 "), head
    return made


def asked(port: int, *headers: str, receives: int = 0) -> tuple[socket.socket, bytes]:
    """Return a connection on which ``/ws`` was asked for, and the beginning of the answer."""
    made = socket.socket()
    if receives:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receives)
    made.settimeout(10)
    made.connect(("127.0.0.1", port))
    lines = "".join(f"{header}\r\n" for header in headers)
    made.sendall(HANDSHAKE + lines.encode() + b"\r\n")
    return made, made.recv(4096)


def masked(opcode: int, payload: bytes = b"", *, fin: bool = True) -> bytes:
    """Return one frame as a client sends it, with a mask of zeros."""
    size = len(payload)
    if size < 126:
        length = bytes([0x80 | size])
    elif size < 1 << 16:
        length = bytes([0x80 | 126]) + size.to_bytes(2, "big")
    else:
        length = bytes([0x80 | 127]) + size.to_bytes(8, "big")
    return bytes([(0x80 if fin else 0) | opcode]) + length + bytes(4) + payload


def close_code(received: bytes) -> int | None:
    """Return the code of the close frame among frames, None while there is none."""
    at = 0
    while at + 4 <= len(received):
        size = received[at + 1]
        begin = at + 2
        if size == 126:
            size, begin = int.from_bytes(received[at + 2 : at + 4], "big"), at + 4
        if received[at] & 0x0F == CLOSE:
            return int.from_bytes(received[begin : begin + 2], "big")
        at = begin + size
    return None


async def read_frame(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    """Return the opcode and the payload of the next frame of a server.

    Raises:
        EOFError: there is none.
    """
    first, size = await reader.readexactly(2)
    if size >= 126:
        size = int.from_bytes(await reader.readexactly(2 if size == 126 else 8), "big")
    return first & 0x0F, await reader.readexactly(size)


def code_after(client: socket.socket, sent: bytes) -> int | None:
    """Send bytes; return the code that the server closes with, None where it only cuts."""
    received = b""
    try:
        client.sendall(sent)
    except (ConnectionResetError, BrokenPipeError):
        pass  # it was cut while we were still sending: what it said is there to be read
    try:
        while close_code(received) is None and (chunk := client.recv(65536)):
            received += chunk
    except ConnectionResetError:
        pass
    return close_code(received)


def has_ended(client: socket.socket) -> bool:
    """True once the server has ended the connection, however; reads what has come till then."""
    client.setblocking(False)
    try:
        while client.recv(65536):
            pass
    except BlockingIOError:
        return False
    except OSError:
        pass  # reset
    return True

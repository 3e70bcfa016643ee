"""ZMTP 3.0 by hand (RFC 23), for what no ZeroMQ library would send: bytes, and a raw connection."""

import select
import socket
from random import Random

SIGNATURE = b"\xff" + bytes(8) + b"\x7f"
LONG = 0x02
COMMAND = 0x04


def greeting(mechanism: bytes, major: int = 3) -> bytes:
    """Return the 64 bytes with which a peer begins."""
    return SIGNATURE + bytes([major, 0]) + mechanism.ljust(20, b"\0") + b"\0" + bytes(31)


def frame(body: bytes, flags: int = 0) -> bytes:
    """Return a frame."""
    if len(body) > 255:
        return bytes([flags | LONG]) + len(body).to_bytes(8, "big") + body
    return bytes([flags, len(body)]) + body


def ready(kind: bytes = b"SUB") -> bytes:
    """Return the command that ends a handshake without keys."""
    return frame(b"\x05READY\x0bSocket-Type" + len(kind).to_bytes(4, "big") + kind, COMMAND)


def garbled(valid: bytes, chance: Random) -> bytes:
    """Return bytes that are nearly ``valid``: cut, changed, doubled, or followed by noise."""
    out = bytearray(valid)
    for _ in range(chance.randint(1, 8)):
        place = chance.randrange(len(out))
        match chance.randrange(4):
            case 0:
                out[place] = chance.randrange(256)
            case 1:
                del out[place + 1 :]
            case 2:
                out[place:place] = chance.randbytes(chance.randint(1, 300))
            case _:
                out += out[place:]
    return bytes(out[:4096])


class Raw:
    """One TCP connection; a context manager."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=10)
        self._poll = select.poll()
        self._poll.register(self._socket, select.POLLIN)

    def __enter__(self) -> "Raw":
        return self

    def __exit__(self, *error: object) -> None:
        self._socket.close()

    def send(self, content: bytes) -> bool:
        """Send; False when the other side has ended the connection."""
        try:
            self._socket.sendall(content)
        except (BrokenPipeError, ConnectionResetError):
            return False
        return True

    def begin(self) -> None:
        """Shake hands without a key: nothing may be sent before the other side is ready."""
        assert self.send(greeting(b"NULL") + ready())
        told = b""
        while b"READY" not in told:
            part = self._socket.recv(1 << 16)
            assert part, "it refuses"
            told += part

    def answer(self, wait_s: float) -> bytes:
        """Return what has come, once the other side pauses for ``wait_s`` or has ended it."""
        found = b""
        while self._poll.poll(wait_s * 1000):
            try:
                part = self._socket.recv(1 << 16)
            except ConnectionResetError:
                break
            if not part:
                break
            found += part
        return found

    def ended(self, within_s: float) -> bool:
        """True when the other side ends the connection within that time; what it says is lost."""
        try:
            while self._poll.poll(within_s * 1000):
                if not self._socket.recv(1 << 16):
                    return True
        except ConnectionResetError:
            return True
        return False

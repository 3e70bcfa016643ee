"""WebSocket frames as a client sees them (RFC 6455, section 5), split in place.

In comes a buffer as a socket filled it, any number of frames and perhaps a part of one more; out
go the places of the payloads. Frames of a server are not masked, frames of a client are. Pure:
nothing is copied or decoded here, and nothing is sent.
"""

import base64
import hashlib
import zlib

CONTINUED, TEXT, BINARY, CLOSE, PING, PONG = 0x0, 0x1, 0x2, 0x8, 0x9, 0xA
COMPRESSED = 0x40 | TEXT
"""What ``split`` calls a compressed text (RFC 7692), of whoever has asked for such."""
_FINAL_TEXT, _FINAL_BINARY, _FINAL_COMPRESSED = 0x80 | TEXT, 0x80 | BINARY, 0x80 | COMPRESSED
_ACCEPT = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_SYNC = b"\x00\x00\xff\xff"
KEY = b"dGhlIHNhbXBsZSBub25jZQ=="
"""Every client's: a key proves that a server speaks WebSocket, which needs no chance here."""
Found = tuple[int, int, int]
"""Opcode, where the payload begins and where it ends."""


class BadFrame(Exception):
    """What came is no frame that a server may send: the sentence says why."""


def split(buffer: bytearray, at: int, end: int) -> tuple[list[Found], int]:
    """Return the whole frames in ``buffer[at:end]``, and where the rest begins.

    Raises:
        BadFrame: a frame is masked, in fragments, or has bits set that mean nothing here.
    """
    found: list[Found] = []
    while end - at >= 2:
        first, length = buffer[at], buffer[at + 1]
        begin = at + 2
        if length == 126:
            if end - at < 4:
                break
            length = buffer[at + 2] << 8 | buffer[at + 3]
            begin = at + 4
        elif length == 127:
            if end - at < 10:
                break
            length = int.from_bytes(buffer[at + 2 : at + 10], "big")
            begin = at + 10
        elif length > 127:
            raise BadFrame("a server's frame is masked")
        if begin + length > end:
            break
        if first not in (_FINAL_TEXT, _FINAL_BINARY, _FINAL_COMPRESSED):
            _check(first)
        at = begin + length
        found.append((first & 0x7F, begin, at))
    return found, at


def count(buffer: bytearray, end: int, *, compressed: bool = False) -> tuple[int, int]:
    """Return how many texts of at least 4 bytes begin ``buffer[:end]``, and where they end.

    It stops at the first frame of another kind, which is a matter for ``split``.
    """
    frames = at = 0
    other = _FINAL_COMPRESSED if compressed else _FINAL_TEXT
    while end - at >= 2 and (buffer[at] == _FINAL_TEXT or buffer[at] == other):
        length = buffer[at + 1]
        if length < 126:
            if length < 4:
                break
            after = at + 2 + length
        elif length == 126 and end - at >= 4:
            after = at + 4 + (buffer[at + 2] << 8 | buffer[at + 3])
        else:
            break
        if after > end:
            break
        at = after
        frames += 1
    return frames, at


def masked(opcode: int, payload: bytes) -> bytes:
    """Return a client's frame of less than 64 KiB; its mask is zero, so the payload stands as is.

    Raises:
        ValueError: the payload is too long.
    """
    size = len(payload)
    if size > 0xFFFF:
        raise ValueError(f"a payload of {size} bytes was to be sent, at most 65535 can be")
    length = bytes([0x80 | size]) if size < 126 else bytes([0x80 | 126]) + size.to_bytes(2, "big")
    return bytes([0x80 | opcode]) + length + bytes(4) + payload


def unpacked(payload: bytes) -> bytes:
    """Return what a compressed text says, which needs nothing of what came before it."""
    return zlib.decompressobj(-zlib.MAX_WBITS).decompress(payload + _SYNC)


def upgrade(host: str, path: str, *, compressed: bool = False) -> bytes:
    """Return the request that opens a WebSocket, compressed or not."""
    lines = [
        f"GET {path} HTTP/1.1",
        f"Host: {host}",
        "Connection: Upgrade",
        "Upgrade: websocket",
        "Sec-WebSocket-Version: 13",
        f"Sec-WebSocket-Key: {KEY.decode()}",
        *(["Sec-WebSocket-Extensions: permessage-deflate"] if compressed else []),
    ]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def upgraded(head: bytes) -> bool:
    """True when the head of an answer accepts what ``upgrade`` asked for."""
    status, *lines = head.split(b"\r\n")
    fields = {name.strip().lower(): value.strip() for name, _, value in _fields(lines)}
    return b" 101 " in status + b" " and fields.get(b"sec-websocket-accept") == accepted()


def accepted(key: bytes = KEY) -> bytes:
    """Return what a server answers to a key (RFC 6455, section 4.2.2)."""
    return base64.b64encode(hashlib.sha1(key + _ACCEPT, usedforsecurity=False).digest())


def _fields(lines: list[bytes]) -> list[tuple[bytes, bytes, bytes]]:
    return [line.partition(b":") for line in lines if line]


def _check(first: int) -> None:
    opcode = first & 0xF
    if first & 0x70:
        raise BadFrame(f"a frame begins with {first:#x}: an extension that was not asked for")
    if not first & 0x80 or opcode == CONTINUED:
        raise BadFrame("a message comes in fragments, which no server here sends")
    if opcode not in (CLOSE, PING, PONG):
        raise BadFrame(f"a frame has opcode {opcode:#x}, which means nothing")

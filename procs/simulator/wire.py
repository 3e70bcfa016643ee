"""WebSocket frames, many in one write.

uvicorn's protocol still does the handshake, reads, answers pings and closes; only the frames of
trades bypass ``send``: server frames are a 2 to 10 byte header and the text, so hundreds of them
are joined and written to the transport at once. The protocol hands itself over in the scope's
``extensions``.
"""

from collections.abc import Mapping
from typing import Any, cast

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

EXTENSION = "tickwire.wire"
HIGH_WATER = 256 << 10
"""Bytes that may wait in a connection's buffer before it is left alone."""


def _header(length: int) -> str:
    if length < 126:
        return chr(0x81) + chr(length)
    if length < 1 << 16:
        return chr(0x81) + chr(126) + length.to_bytes(2, "big").decode("latin-1")
    return chr(0x81) + chr(127) + length.to_bytes(8, "big").decode("latin-1")


HEADERS = tuple(_header(length) for length in range(2048))
"""The header of a text frame, each byte as one character, by the text's length."""


def framed(text: str) -> str:
    """Return an ASCII text as a frame, one character per byte: join, then encode as latin-1."""
    length = len(text)
    return (HEADERS[length] if length < 2048 else _header(length)) + text


def unframed(made: str) -> str:
    """Return the ASCII text in a frame of less than 64 KiB, as ``framed`` has it."""
    return made[2 if made[1] < chr(126) else 4 :]


def frame(text: str) -> bytes:
    """Return any text as a frame."""
    body = text.encode()
    return _header(len(body)).encode("latin-1") + body


class Wire(WebSocketsSansIOProtocol):
    """uvicorn's WebSocket protocol, with a way to write whole frames past ``send``."""

    async def run_asgi(self) -> None:
        """Put this connection into the scope, then serve as always."""
        self.transport.set_write_buffer_limits(high=HIGH_WATER)
        self.scope["extensions"][EXTENSION] = {"wire": self}
        await super().run_asgi()

    @property
    def open(self) -> bool:
        """True while frames may be written."""
        return not (self.close_sent or self.disconnected or self.transport.is_closing())

    @property
    def ready(self) -> bool:
        """True while the connection is open and its buffer is not full."""
        return self.open and self.writable.is_set()

    @property
    def unsent(self) -> int:
        """Bytes that the system has not taken yet."""
        return 0 if self.transport.is_closing() else self.transport.get_write_buffer_size()

    def write(self, frames: bytes) -> None:
        """Write whole frames."""
        if self.open:
            self.transport.write(frames)

    def end(self) -> None:
        """Close the connection without a close frame, once all that was written is out."""
        self.transport.close()

    def cut(self) -> None:
        """End the connection without a word, as a broken network does."""
        self.transport.abort()


def of(scope: Mapping[str, Any]) -> Wire:
    """Return the connection behind an ASGI scope."""
    return cast(Wire, scope["extensions"][EXTENSION]["wire"])

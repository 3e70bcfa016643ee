"""WebSocket messages out of the bytes of a non-blocking socket, by websocket-client's own parser.

websocket-client asks for bytes and waits; here it is given what one large ``recv`` brought, and
asked for frames until it needs more. Bytes go in, (opcode, payload) come out; this file reads no
socket. Messages over 1 MiB are skipped and counted; control frames may stand between fragments.
"""

from collections.abc import Iterator

from websocket import ABNF
from websocket._abnf import frame_buffer

MESSAGE_BYTES_MAX = 1 << 20
SKIPPED_BYTES_MAX = 64 << 20
"""A message that claims more than this ends the connection."""


class TooLong(Exception):
    """A frame claims a length that is not to be believed."""


class _NeedMore(Exception):
    """The bytes at hand end inside a frame."""


class _Oversized(Exception):
    """The frame at hand is over the limit."""


class Frames(frame_buffer):
    """A ``frame_buffer`` that is fed instead of reading."""

    def __init__(self) -> None:
        super().__init__(lambda _: b"", skip_utf8_validation=True)
        self._data = b""
        self._at = 0
        self._skip = 0
        self._parts: list[bytes] = []
        self._parts_bytes = 0
        self.oversized = 0

    def recv_strict(self, bufsize: int) -> bytes:
        """Return the next ``bufsize`` bytes at hand, or none of them."""
        end = self._at + bufsize
        if end > len(self._data):
            raise _NeedMore
        chunk = self._data[self._at : end]
        self._at = end
        return chunk

    def recv_length(self) -> None:
        """Read the frame's length, and refuse what is over the limit."""
        super().recv_length()
        if self.length is not None and self.length > MESSAGE_BYTES_MAX:
            raise _Oversized

    def take(self, data: bytes) -> Iterator[tuple[int, bytes]]:
        """Take bytes from the socket; yield the (opcode, payload) of each message they complete.

        Raises:
            TooLong: a length beyond belief.
            websocket.WebSocketException: the bytes break the protocol.
        """
        self._data = self._data[self._at :] + data if self._at < len(self._data) else data
        self._at = 0
        while True:
            if self._skip:
                step = min(self._skip, len(self._data) - self._at)
                self._at += step
                self._skip -= step
                if self._skip:
                    return
            usual = self._usual()
            if usual is not None:
                yield ABNF.OPCODE_TEXT, usual
                continue
            try:
                frame = self.recv_frame()
                payload = frame.data
                assert isinstance(payload, bytes)  # recv_strict gives bytes
            except _NeedMore:
                return
            except _Oversized:
                self._refuse()
                continue
            if frame.opcode >= ABNF.OPCODE_CLOSE or (frame.fin and not self._parts):
                yield frame.opcode, payload
            elif (whole := self._join(payload, last=bool(frame.fin))) is not None:
                yield ABNF.OPCODE_TEXT, whole

    def _usual(self) -> bytes | None:
        """Return the payload of a whole, single, unmasked text frame of 126 to 65,535 bytes.

        Nearly every message of an exchange is one. This is what ``recv_frame`` would give, in one
        call instead of nine (0.5 instead of 2.2 µs). Anything else is the library's to read.
        """
        data, at = self._data, self._at
        if data[at : at + 2] != b"\x81\x7e" or self.header is not None or self._parts:
            return None
        end = at + 4 + (data[at + 2] << 8 | data[at + 3]) if at + 4 <= len(data) else len(data) + 1
        if end > len(data):
            return None
        self._at = end
        return data[at + 4 : end]

    def _refuse(self) -> None:
        length = int(self.length or 0)
        if length > SKIPPED_BYTES_MAX:
            raise TooLong(f"a frame of {length} bytes")
        assert self.header is not None  # the length stands behind it
        fin = bool(self.header[0])
        self._skip = length + (4 if self.has_mask() else 0)
        self.clear()
        # Of a message of which one fragment is refused, all the others are skipped too.
        self._parts, self._parts_bytes = ([], 0) if fin else ([b""], MESSAGE_BYTES_MAX + 1)
        self.oversized += fin

    def _join(self, part: bytes, *, last: bool) -> bytes | None:
        self._parts_bytes += len(part)
        if self._parts_bytes <= MESSAGE_BYTES_MAX:
            self._parts.append(part)
        else:
            self._parts = [b""]  # keep only the memory that a message is running
        if not last:
            return None
        whole = b"".join(self._parts)
        fits = self._parts_bytes <= MESSAGE_BYTES_MAX
        self.oversized += 0 if fits else 1
        self._parts, self._parts_bytes = [], 0
        return whole if fits else None

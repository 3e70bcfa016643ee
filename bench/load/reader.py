"""Reads one client's socket at a time into one large buffer, and counts, times or checks frames.

In comes a ``Connection`` that may have something to read; out goes its next state and what must be
sent back: pongs and other heartbeats. Whoever is neither timed nor checked costs the arithmetic of
lengths alone.
"""

import enum
import socket
import time

from bench.load import frames
from bench.load.checks import KEPT_MAX, Frames, Seen
from bench.load.dialects import Dialect, sent_at
from bench.load.tally import Tally

BUFFER_BYTES = 1 << 20
Text = bytes | bytearray
_CLOSE_CODE_BYTES = 2


class Phase(enum.Enum):
    """Where a connection is in its life."""

    WAITING = enum.auto()
    """Not connected; it may be about to try again."""
    DIALLING = enum.auto()
    UPGRADING = enum.auto()
    SETTLING = enum.auto()
    """Open, but the server has not said what makes it live."""
    LIVE = enum.auto()


class Lost(Exception):
    """The connection has ended; ``code`` is its close code, 0 when there was none."""

    def __init__(self, code: int = 0) -> None:
        super().__init__(code)
        self.code = code


class Connection:
    """One client."""

    __slots__ = ("lost_at", "number", "phase", "rest", "sampled", "seen", "socket")

    def __init__(self, number: int, sampled: bool) -> None:
        self.number = number
        self.sampled = sampled
        self.phase = Phase.WAITING
        self.socket: socket.socket | None = None
        self.rest = b""
        """The begin of a frame whose end has not come."""
        self.seen = Seen()
        self.lost_at: float | None = None
        """When it was lost, seconds of the forward clock, until it is live again."""


class Reader:
    """Reads connections of one dialect.

    Args:
        dialect: what makes a client live, is to be answered, and says when a frame was sent.
        checked: follow the frames of every client.
        compressed: they may be compressed.
    """

    def __init__(self, dialect: Dialect, checked: bool, *, compressed: bool = False) -> None:
        self.tally = Tally()
        self._compressed = compressed
        self._texts: dict[bytes, bytes] = {}
        """What compressed frames say, of which many clients are sent the same."""
        self._live = dialect.live.encode()
        self._answers = {ask.encode(): told.encode() for ask, told in dialect.answers.items()}
        self._stamp = dialect.stamp.encode()
        self._checked = checked
        self._frames_read = Frames()
        self._buffer = bytearray(BUFFER_BYTES)
        self._view = memoryview(self._buffer)

    def read(self, one: Connection) -> bool:
        """Take what has come, once; True when there was something.

        Raises:
            Lost: the connection has ended.
            frames.BadFrame: the server has sent what it may not.
        """
        assert one.socket is not None
        kept = len(one.rest)
        self._buffer[:kept] = one.rest
        try:
            size = one.socket.recv_into(self._view[kept:] if kept else self._buffer)
        except BlockingIOError:
            return False
        except OSError:
            raise Lost from None
        if not size:
            raise Lost
        now = time.time_ns() // 1000
        end = kept + size
        at = 0
        if one.phase is Phase.UPGRADING:
            at = self._upgraded(one, end)
        elif one.phase is Phase.LIVE and not (self._checked or one.sampled):
            number, at = frames.count(self._buffer, end, compressed=self._compressed)
            self.tally.frames += number
            self.tally.octets += at
        if at < end and one.phase is not Phase.UPGRADING:
            at = self._frames(one, at, end, now)
        if at == 0 and end == BUFFER_BYTES:
            raise frames.BadFrame(f"a frame is longer than {BUFFER_BYTES} bytes")
        one.rest = bytes(self._view[at:end])
        return True

    def _upgraded(self, one: Connection, end: int) -> int:
        """Take the answer to the upgrade once it is whole; return where frames begin."""
        stop = self._buffer.find(b"\r\n\r\n", 0, end)
        if stop < 0:
            return 0
        if not frames.upgraded(bytes(self._view[:stop])):
            raise Lost(int(self._buffer[9:12]) if self._buffer[9:12].isdigit() else 0)
        one.phase = Phase.SETTLING if self._live else Phase.LIVE
        return stop + 4

    def _frames(self, one: Connection, at: int, end: int, now: int) -> int:
        found, rest = frames.split(self._buffer, at, end)
        for opcode, begin, stop in found:
            if opcode in (frames.TEXT, frames.BINARY):
                self._text(one, self._buffer, begin, stop, now)
            elif opcode == frames.COMPRESSED and self._compressed:
                text = self._unpacked(bytes(self._view[begin:stop]))
                self._text(one, text, 0, len(text), now)
            elif opcode == frames.PING:
                send(one, frames.masked(frames.PONG, bytes(self._view[begin:stop])))
            elif opcode == frames.CLOSE:
                send(one, frames.masked(frames.CLOSE, bytes(self._view[begin:stop])[:2]))
                coded = stop - begin >= _CLOSE_CODE_BYTES
                raise Lost(int.from_bytes(self._view[begin : begin + 2], "big") if coded else 0)
            elif opcode != frames.PONG:
                raise frames.BadFrame("a frame is compressed, which was not asked for")
        self.tally.octets += rest - at
        return rest

    def _text(self, one: Connection, text: Text, begin: int, stop: int, now: int) -> None:
        """Take the text that stands there."""
        if one.phase is Phase.SETTLING:
            self._settle(one, text, begin, stop)
        elif stop - begin >= 4 or not self._answer(one, text, begin, stop):
            self._data(one, text, begin, stop, now)
        if self._checked:
            wrong = one.seen.take(self._frames_read.read(bytes(text[begin:stop])))
            if wrong:
                self.tally.wrong(f"client {one.number}: {wrong}")

    def _unpacked(self, payload: bytes) -> bytes:
        found = self._texts.get(payload)
        if found is None:
            if len(self._texts) >= KEPT_MAX:
                self._texts.clear()
            found = self._texts[payload] = frames.unpacked(payload)
        return found

    def _settle(self, one: Connection, text: Text, begin: int, stop: int) -> None:
        if text.find(self._live, begin, stop) < 0:
            return
        one.phase = Phase.LIVE
        if one.lost_at is not None:
            self.tally.returned.append(time.monotonic() - one.lost_at)
            if text.find(b'"recovered":false', begin, stop) >= 0:
                self.tally.unrecovered += 1
            one.lost_at = None

    def _answer(self, one: Connection, text: Text, begin: int, stop: int) -> bool:
        told = self._answers.get(bytes(text[begin:stop]))
        if told is not None:
            send(one, frames.masked(frames.TEXT, told))
        return told is not None

    def _data(self, one: Connection, text: Text, begin: int, stop: int, now: int) -> None:
        self.tally.frames += 1
        if one.sampled:
            sent = sent_at(text, self._stamp, begin, stop)
            if sent is not None:
                self.tally.late(now - sent)


def send(one: Connection, frame: bytes) -> None:
    """Send a small frame; a socket too full for it is as good as one that is lost.

    Raises:
        Lost: it cannot be sent.
    """
    assert one.socket is not None
    try:
        if one.socket.send(frame) != len(frame):
            raise Lost
    except OSError:
        raise Lost from None

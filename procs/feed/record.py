"""Records an exchange: ``python -m procs.feed.record binance --symbols BTC-USDT --out FILE``.

Comes in: the messages of one connection, opened as the feed opens its own, or the answers of an
exchange that is polled. Goes out: a file as docs/recordings.md describes, one line for each of
them, byte for byte, with the time at which it was read. It stands under its name only when it is
whole. This program tells nobody on the bus of anything, touches no data of an installation, and
never replaces a file.
"""

import argparse
import os
import select
import signal
import sys
import time
from collections.abc import Sequence
from contextlib import closing, suppress
from pathlib import Path
from types import TracebackType
from typing import NoReturn

import zstandard

from bus import values
from bus.actor import Instant, StopSignal, instant
from bus.errors import BadFrame, SettingError, TickwireError
from bus.messages import Trade
from bus.process import EXIT_MISCONFIGURED
from bus.settings import Settings, load
from procs.feed import exchanges
from procs.feed.attempt import connect
from procs.feed.exchanges import Exchange, Polled, Refused, Streamed, headers_of, needs_of
from procs.feed.line import Line
from procs.feed.polling import ANSWER_BYTES_MAX
from procs.feed.refusal import refusal, sentence
from procs.feed.rest import get

SUFFIX = ".txt.zst"
LEVEL = 19
"""zstd's: a recording is written once."""
SECONDS_MAX = 86_400.0
LOOK_EVERY_S = 0.25
"""How often an idle connection is asked whether it lives."""


class NotRecorded(TickwireError):
    """There is no recording, or it ended before its time; the text says why."""


class Tape:
    """A recording that is being written, as ``FILE.part`` until it is whole.

    Args:
        path: what it will be called.

    Raises:
        SettingError: the name is none for a recording, is taken, or cannot be written.
    """

    def __init__(self, path: Path) -> None:
        if not path.name.endswith(SUFFIX) or path.name == SUFFIX:
            raise SettingError("--out", repr(str(path)), f"give a name that ends with {SUFFIX}")
        if path.exists():
            raise SettingError("--out", f"{path} is there already", "give another name")
        self._path = path
        self._part = path.with_name(path.name + ".part")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = self._part.open("xb")
        except FileExistsError:
            advice = "give another name, or delete what an earlier recording has left"
            raise SettingError("--out", f"{self._part} is there already", advice) from None
        except OSError as error:
            raise SettingError("--out", f"{path}: {error.strerror}", "give another name") from None
        self._packed = zstandard.ZstdCompressor(level=LEVEL).stream_writer(self._file)
        self._last = 0
        self.messages = 0

    def write(self, message: bytes, ts_recv: int) -> None:
        """Append one message, received at ``ts_recv`` µs UTC; times never go backwards.

        Raises:
            NotRecorded: a line of text cannot hold it.
        """
        if b"\n" in message or not _is_utf8(message):
            raise NotRecorded(f"message {self.messages + 1} is not one line of UTF-8")
        self._last = max(self._last, ts_recv)  # our clock may have been set back
        seconds, micros = divmod(self._last, 1_000_000)
        self._packed.write(b"%d.%06d %b\n" % (seconds, micros, message))
        self.messages += 1

    def __enter__(self) -> "Tape":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Finish the file: what is in it stays, whatever ended it.

        Raises:
            SettingError: the name has been taken meanwhile, or cannot be given.
        """
        self._packed.close()
        self._file.close()
        if self.messages:
            self._name()
        self._part.unlink()

    def _name(self) -> None:
        """Give the file its name; unlike renaming, that never takes the place of another one."""
        try:
            os.link(self._part, self._path)
        except OSError as error:
            found = f"{self._path}: {error.strerror}"
            raise SettingError("--out", found, f"the recording is in {self._part}") from None


def _is_utf8(message: bytes) -> bool:
    try:
        message.decode()
    except UnicodeDecodeError:
        return False
    return True


class Recorder:
    """Takes the messages of one connection down, and counts what the feed would find in them."""

    def __init__(self, exchange: Exchange, tape: Tape) -> None:
        self._exchange = exchange
        self._tape = tape
        self.trades = 0

    def take(self, message: bytes, now: Instant) -> bool:
        """Write down one message; return whether it says anything.

        Raises:
            NotRecorded: the exchange refuses to send what was asked for.
        """
        self._tape.write(message, now.wall)
        try:
            events = self._exchange.parse(message, now.wall)
        except BadFrame:
            return False  # what the feed cannot read belongs into a recording all the more
        for event in events:
            if isinstance(event, Refused):
                raise NotRecorded(f"the exchange refuses: {event.reason}")
            self.trades += isinstance(event, Trade)
        return bool(events)

    def run(self, address: str, seconds: float) -> None:
        """Record until the time is over, or SIGINT or SIGTERM comes.

        Raises:
            NotRecorded: there is no connection, or there is none any more.
        """
        if isinstance(self._exchange, Polled):
            with closing(StopSignal()) as stop:
                self._poll(self._exchange, address, time.monotonic() + seconds, stop)
        else:
            assert isinstance(self._exchange, Streamed)
            self._listen(self._exchange, address, seconds)

    def _poll(self, exchange: Polled, rest_url: str, until: float, stop: StopSignal) -> None:
        headers = headers_of(exchange)
        while not stop.stopped and (left_s := until - time.monotonic()) > 0:
            try:
                answer = get(exchange.poll_url(rest_url), ANSWER_BYTES_MAX, headers)
            except Exception as error:  # whatever a network can bring
                raise NotRecorded(sentence(error)) from None
            if answer.status != 200:
                raise NotRecorded(refusal(answer.status))
            self.take(answer.body, instant())
            if not stop.stopped:
                select.select([stop.fileno()], [], [], min(left_s, exchange.poll_every_s))

    def _listen(self, exchange: Streamed, websocket_url: str, seconds: float) -> None:
        try:
            made = connect(exchange, websocket_url)
        except Exception as error:  # whatever a network can bring
            raise NotRecorded(sentence(error)) from None
        line = Line(made, self.take, instant())
        until = time.monotonic() + seconds
        with closing(line), closing(StopSignal()) as stop:
            while not stop.stopped and (left_s := until - time.monotonic()) > 0:
                wait_s = 0.0 if line.pending() else min(left_s, LOOK_EVERY_S)
                ready, _, _ = select.select([line.fileno(), stop.fileno()], [], [], wait_s)
                now = instant()
                if line.fileno() in ready or line.pending():
                    line.on_readable(now)
                if line.silence.dead(now.mono):
                    line.lost = "no sign of life for 8 s"
                elif line.silence.should_ping(now.mono):
                    line.ping()
                if line.oversized:
                    raise NotRecorded("a message of over 1 MiB came")
                if line.lost is not None:
                    raise NotRecorded(line.lost)


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        """Say it in one line and exit 2."""
        print(f"tickwire: record: {message}; see --help", file=sys.stderr)
        sys.exit(EXIT_MISCONFIGURED)


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Return the command line. Anything wrong in it: exit 2 and one line on stderr."""
    parser = _Parser(
        prog="python -m procs.feed.record", description="Record what an exchange sends."
    )
    parser.add_argument("exchange", choices=exchanges.names())
    parser.add_argument("--symbols", help="BASE-QUOTE,…; default those of FEEDS")
    parser.add_argument("--seconds", type=float, default=30.0, help="default 30; or until Ctrl-C")
    parser.add_argument("--out", type=Path, required=True, help=f"the file, <name>{SUFFIX}")
    parser.add_argument(
        "--url",
        help="address; default <EXCHANGE>_WS_URL (_REST_URL where it is polled), or its own",
    )
    found = parser.parse_args(arguments)
    if not 0 < found.seconds <= SECONDS_MAX:
        parser.error(f"--seconds {found.seconds:g} is not above 0 and up to {SECONDS_MAX:g}")
    return found


def symbols_of(name: str, asked: str | None, settings: Settings) -> tuple[str, ...]:
    """Return what to subscribe to: what was asked for, else what FEEDS has of the exchange.

    Raises:
        SettingError: that is nothing, or no symbol.
    """
    if asked is None:
        if name not in settings.feeds:
            raise SettingError("FEEDS", f"nothing of {name}", "give --symbols BASE-QUOTE,…")
        return settings.feeds[name]
    try:
        (symbols,) = values.feeds(f"{name}:{asked}").values()
    except (values.Wrong, ValueError):
        advice = "write BASE-QUOTE,BASE-QUOTE as in ETH-USDT,BTC-USDT"
        raise SettingError("--symbols", repr(asked), advice) from None
    return symbols


def address_of(exchange: Exchange, asked: str | None, settings: Settings) -> str:
    """Return where to connect to: what was asked for, else the settings', else the exchange's own.

    Raises:
        SettingError: it is no address for a WebSocket, or for one that is polled.
    """
    kind = "WS" if isinstance(exchange, Streamed) else "REST"
    if asked is not None:
        try:
            settings = load({f"{exchange.name.upper()}_{kind}_URL": asked})
        except SettingError as wrong:
            raise SettingError("--url", wrong.found, wrong.advice) from None
    own = exchange.websocket_url if isinstance(exchange, Streamed) else exchange.rest_url
    return settings.address(exchange.name, kind) or own


def exchange_of(name: str, symbols: tuple[str, ...], settings: Settings) -> Exchange:
    """Return the exchange, configured.

    Raises:
        SettingError: it lacks something that it needs.
    """
    options = settings.options(name)
    exchange = exchanges.make(name, symbols, options)
    for one in needs_of(exchange):
        if one not in options:
            raise SettingError(settings.key_of(name, one), "nothing", "set it in .env")
    return exchange


def record(chosen: argparse.Namespace) -> str:
    """Record as the command line says; return what has become of it.

    Raises:
        SettingError: something in it, or in the settings, is wrong.
        NotRecorded: the recording is not whole; what there is of it is kept.
    """
    settings = load()
    symbols = symbols_of(chosen.exchange, chosen.symbols, settings)
    exchange = exchange_of(chosen.exchange, symbols, settings)
    address = address_of(exchange, chosen.url, settings)
    tape = Tape(chosen.out)
    recorder = Recorder(exchange, tape)
    try:
        with tape:
            with suppress(KeyboardInterrupt):  # before there was a connection to listen to
                recorder.run(address, chosen.seconds)
            if not tape.messages:
                raise NotRecorded("no message came")
    except NotRecorded as error:
        kept = f"; {chosen.out} has the {tape.messages} messages before" if tape.messages else ""
        raise NotRecorded(f"{chosen.exchange}: {error}{kept}") from None
    return f"{chosen.out}: {tape.messages} messages, {recorder.trades} trades"


def main() -> int:
    """Record; return the exit code: 0, or 2 after one line on stderr."""
    chosen = parse()
    for number in (signal.SIGTERM, signal.SIGINT):  # which a shell's background has ignored
        signal.signal(number, signal.default_int_handler)
    try:
        print(record(chosen), flush=True)
    except (SettingError, NotRecorded) as error:
        print(f"tickwire: {error}", file=sys.stderr, flush=True)
        return EXIT_MISCONFIGURED
    except OSError as error:
        print(f"tickwire: --out: {chosen.out}: {error.strerror}", file=sys.stderr, flush=True)
        return EXIT_MISCONFIGURED
    return 0


if __name__ == "__main__":
    sys.exit(main())

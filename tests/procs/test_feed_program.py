"""The feed as a program, with a token that nobody but the exchange may ever see."""

import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import zmq

from bus import settings
from bus.messages import FeedStatus, Heartbeat, decode
from bus.settings import ROOT
from bus.sockets import Socket, Subscriber
from procs.feed.attempt import Attempt
from procs.feed.exchanges import Streamed, make
from procs.feed.record import NotRecorded, Recorder, Tape
from tests.eventually import eventually
from tests.exchanges.samples import finnhub
from tests.procs.exchange_server import http
from tests.procs.fix_connection import Serve
from tests.surroundings import bare_environment

CANARY = "cAnAry0token+/="
QUOTED = "cAnAry0token%2B%2F%3D"
Start = Callable[..., "Program"]


class Program:
    """One feed on a folder of its own, and everything that it says."""

    def __init__(self, folder: Path, name: str, **environ: str) -> None:
        self.folder = folder
        environ = {"DATA_DIR": str(folder / "data"), "LOG_LEVEL": "DEBUG", **environ}
        self.log = folder / "log"
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "procs.feed", name],
                cwd=ROOT,
                env=bare_environment(**environ),
                stdout=log,
                stderr=log,
            )
        self._context: zmq.Context[Socket] = zmq.Context()
        run_dir = settings.load(environ).run_dir
        self._heard = Subscriber(self._context, run_dir, [f"feed-{name}"], [b""])
        self.said: list[bytes] = []
        self.state: str | None = None
        self.status: FeedStatus | None = None

    def listen(self) -> bool:
        """Take what has been published since."""
        self._heard.refresh()
        while self._heard.socket.poll(20):
            self.said += self._heard.socket.recv_multipart()
            message = decode(self.said[-1])
            if isinstance(message, Heartbeat):
                self.state = message.state
            elif isinstance(message, FeedStatus):
                self.status = message
        return True

    def until(self, condition: Callable[[], object]) -> None:
        """Listen until something is so."""
        eventually(lambda: self.listen() and condition(), within=20)

    def command_line(self) -> bytes:
        """Return what anybody on this machine sees of it."""
        return Path(f"/proc/{self._process.pid}/cmdline").read_bytes()

    def end(self) -> int:
        """Stop it; return its exit code."""
        self._process.send_signal(signal.SIGTERM)
        return self._process.wait(20)

    def close(self) -> None:
        """End it if it runs."""
        with self._process as process:
            process.kill()
        self._heard.socket.close(linger=0)
        self._context.term()


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    made: list[Program] = []

    def begin(name: str, **environ: str) -> Program:
        made.append(Program(tmp_path, name, **environ))
        return made[-1]

    yield begin
    for one in made:
        one.close()


def shown_in(*texts: bytes) -> list[bytes]:
    """Return those texts in which the token can be read."""
    return [text for text in texts if CANARY.encode() in text or QUOTED.encode() in text]


def files_of(folder: Path) -> list[bytes]:
    return [path.read_bytes() for path in folder.rglob("*") if path.is_file()]


def test_an_exchange_that_lacks_a_setting_is_idle_and_says_which(start: Start) -> None:
    program = start("finnhub", FEEDS="finnhub:ETH-USDT")
    program.until(lambda: program.state)
    assert program.state == "idle: FINNHUB_TOKEN is not set"
    assert program.end() == 0


def test_a26_the_token_is_nowhere_but_where_the_exchange_wants_it(
    start: Start, serve: Serve
) -> None:
    server = serve()
    server.answers.append(http("401 Unauthorized", body=b"Invalid API key " + CANARY.encode()))
    program = start(
        *("finnhub",),
        FEEDS="finnhub:BTC-USDT,ETH-USDT",
        FINNHUB_TOKEN=CANARY,
        FINNHUB_WS_URL=server.websocket_url,
        FINNHUB_REST_URL=server.rest_url,
    )
    program.until(lambda: server.peers and len(server.peers[0].texts()) == 2)
    assert server.peers[0].path == f"/ws?token={QUOTED}"
    now_ms = time.time_ns() // 1_000_000
    trade = finnhub.trade("2411.5", "0.1").replace(b"1696250801782", b"%d" % now_ms)
    echo = CANARY.encode()
    server.peers[0].send(
        b'{"type":"error","msg":"no more for ' + echo + b'"}',
        b"garbage " + b"x" * 480 + echo,
        trade + echo,
        trade,
        trade,
    )
    program.until(lambda: program.status and program.status.symbols[1].trades == 2)
    program.until(lambda: (program.folder / "data/logs/bad-frames-finnhub.txt").exists())
    server.peers[0].close()
    program.until(lambda: len(server.peers) == 2)
    line = program.command_line()
    assert program.end() == 0
    said = program.said
    assert b"no more for" in b"".join(said)
    logged = program.log.read_bytes()
    assert b"401" in logged
    assert b"no more for" in logged
    assert shown_in(line, logged, *said, *files_of(program.folder)) == []
    assert len(shown_in(*(head.encode() for head in server.heads))) > 2  # it is found where it is


@pytest.mark.parametrize("answer", ["401 Unauthorized", "302 Found", "200 OK", "nonsense"])
def test_a26_no_refused_handshake_tells_the_token(
    serve: Serve, answer: str, tmp_path: Path
) -> None:
    server = serve()
    location = f"Location: ws://127.0.0.1:9/?token={CANARY}"
    refusal = http(answer, location, body=CANARY.encode() * 3)
    server.answers.extend([refusal, refusal])
    assert_silent(server.websocket_url, tmp_path)
    assert server.asked == 2


@pytest.mark.parametrize(
    "url",
    [
        *("ws://no-such-name.invalid/ws", "ws://127.0.0.1:9/ws", "wss://127.0.0.1:9"),
        *("ws://[::1", "ws://127.0.0.1:99999/ws", f"ws://no-such-name.invalid/?token={CANARY}"),
    ],
)
def test_a26_no_address_that_leads_nowhere_tells_the_token(url: str, tmp_path: Path) -> None:
    assert_silent(url, tmp_path)


def assert_silent(url: str, folder: Path) -> None:
    """Let the feed and the recorder fail there, and read what they say."""
    exchange = make("finnhub", ("BTC-USDT", "ETH-USDT"), {"token": CANARY})
    assert isinstance(exchange, Streamed)
    attempt = Attempt(exchange, url, "http://127.0.0.1:9")
    assert attempt.done.wait(20)
    assert attempt.socket is None
    assert attempt.error
    with pytest.raises(NotRecorded) as caught, Tape(folder / "it.txt.zst") as tape:
        Recorder(exchange, tape).run(url, 5)
    assert shown_in(attempt.error.encode(), str(caught.value).encode()) == []

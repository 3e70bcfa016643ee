"""The backfiller as a process of its own, between a feed's sockets and simulated exchanges."""

import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import zmq

from bus import settings, sockets, topics
from bus.messages import GapsWanted, Heartbeat, Recovered, Trade, Wanted, decode, encode
from bus.process import run_folder
from bus.settings import ROOT
from bus.wiring import RECOVERED, WANTED
from procs.simulator.schedule import Schedule
from tests.eventually import eventually
from tests.procs.exchange_server import ExchangeServer
from tests.procs.fix_connection import Serve
from tests.procs.simulator.conftest import SYMBOLS, Seeded, Simulation, wall
from tests.surroundings import bare_environment

pytestmark = pytest.mark.e2e

FILLED_WITHIN_S = 10.0
DRAINED_WITHIN_S = 2.0
RSS_BYTES_MAX = 64 << 20
LONG_AGO_US = 60_000_000
RATE = 2000.0
ENDLESS = b"HTTP/1.1 200 OK\r\n..."


class Program:
    """The backfiller, the feeds' ends of its sockets, and its heartbeats."""

    def __init__(self, folder: Path, **variables: str) -> None:
        environ = {
            "DATA_DIR": str(folder),
            "FEEDS": "binance:BTC-USDT,ETH-BTC;coinbase:BTC-USD,ETH-USD",
            **variables,
        }
        self.settings = settings.load(environ)
        run_dir = run_folder(self.settings)
        self._context: zmq.Context[sockets.Socket] = zmq.Context()
        self._wanted = sockets.connect(self._context, WANTED, run_dir, "backfiller")
        self._feeds: dict[str, sockets.Socket] = {}
        self._run_dir = run_dir
        self._beats = sockets.Subscriber(
            self._context, run_dir, ["backfiller"], [topics.heartbeat("backfiller")]
        )
        self.process = subprocess.Popen(
            [sys.executable, "-m", "procs.backfiller"], cwd=ROOT, env=bare_environment(**environ)
        )

    def feed(self, name: str) -> None:
        """Be the feed of an exchange from here on."""
        self._feeds[name] = sockets.bind(self._context, RECOVERED, self._run_dir, f"feed-{name}")

    def want(self, exchange: str, *wanted: Wanted) -> None:
        """Ask as a feed does."""
        assert self._wanted.poll(20_000, zmq.POLLOUT), "it does not listen"
        self._wanted.send(encode(GapsWanted(exchange, list(wanted))))

    def recovered(self, exchange: str, within_s: float) -> Recovered:
        """Return the next message to a feed."""
        assert self._feeds[exchange].poll(int(within_s * 1000)), f"nothing within {within_s} s"
        message = decode(self._feeds[exchange].recv())
        assert isinstance(message, Recovered)
        return message

    def beat(self, fits: Callable[[Heartbeat], object] = lambda beat: True) -> Heartbeat:
        """Return the next heartbeat that fits."""

        def found() -> Heartbeat | None:
            self._beats.refresh()
            while self._beats.socket.poll(0):
                message = decode(self._beats.socket.recv_multipart()[1])
                if isinstance(message, Heartbeat) and fits(message):
                    return message
            return None

        return eventually(found, within=20)  # type: ignore[return-value]

    def terminate(self) -> tuple[int, float]:
        """Send SIGTERM; return the exit code and how long it took."""
        began = time.monotonic()
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(20), time.monotonic() - began

    def close(self) -> None:
        """End it, whatever it does."""
        self.process.kill()
        self.process.wait()
        self._context.destroy(linger=0)
        shutil.rmtree(self._run_dir, ignore_errors=True)


Start = Callable[..., Program]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Return a function that starts a backfiller: ``start(BINANCE_REST_URL=…)``."""
    started: list[Program] = []

    def begin(**variables: str) -> Program:
        started.append(Program(tmp_path, **variables))
        return started[-1]

    yield begin
    for program in started:
        program.close()


def addresses(simulation: Simulation) -> dict[str, str]:
    """Return the settings that lead to the simulated exchanges."""
    base = f"http://{simulation.address}"
    return {f"{name.upper()}_REST_URL": f"{base}/{name}/rest" for name in ("binance", "coinbase")}


def traded_long(seeded: Seeded) -> Simulation:
    """Return exchanges on which each symbol has thousands of trades, and no more come."""
    schedule = Schedule(round(RATE * 1000), ())
    schedule.open(wall() - LONG_AGO_US, SYMBOLS)
    simulation = seeded(RATE, schedule=schedule)
    simulation.post("/pause")
    return simulation


@pytest.mark.parametrize(("exchange", "symbol"), [("binance", "BTC-USDT"), ("coinbase", "BTC-USD")])
@pytest.mark.alone
def test_ten_thousand_missing_trades_come_within_ten_seconds_as_they_were(
    seeded: Seeded, start: Start, exchange: str, symbol: str
) -> None:
    simulation = traded_long(seeded)
    program = start(**addresses(simulation))
    program.feed(exchange)
    program.beat()
    began = time.monotonic()
    program.want(exchange, Wanted(symbol, 5_001, 15_000))
    found: dict[int, Trade] = {}
    while len(found) < 10_000:
        answer = program.recovered(exchange, FILLED_WITHIN_S)
        assert (answer.exchange, answer.symbol, answer.quarantined) == (exchange, symbol, [])
        assert answer.absent == []
        found.update({trade.trade_id: trade for trade in answer.trades})
    assert time.monotonic() - began < FILLED_WITHIN_S
    assert [
        (one.symbol, trade_id, one.ts_event, one.price, one.size, one.side)
        for trade_id, one in sorted(found.items())
    ] == [
        tuple(line.values())
        for line in simulation.truth(exchange, symbol, "&from_id=5001&to_id=15000")
    ]
    beat = program.beat(lambda beat: beat.counters.get("ranges") == 1)
    assert beat.counters["trades"] == 10_000
    assert beat.counters["calls"] == 10
    assert (beat.state, beat.queue, beat.last_error) == ("ready", 0, None)
    assert beat.rss_bytes < RSS_BYTES_MAX


def test_what_no_feed_takes_is_had_when_it_asks_again(seeded: Seeded, start: Start) -> None:
    simulation = traded_long(seeded)
    program = start(**addresses(simulation))
    program.want("coinbase", Wanted("BTC-USD", 101, 150))
    program.beat(lambda beat: beat.counters.get("unsent.feed-coinbase") == 1)
    program.feed("coinbase")

    def asked_again() -> bool:
        program.want("coinbase", Wanted("BTC-USD", 101, 150))
        return bool(program._feeds["coinbase"].poll(500))

    eventually(asked_again, within=10)
    answer = program.recovered("coinbase", 1)
    assert [trade.trade_id for trade in answer.trades] == list(range(101, 151))


def test_one_exchange_that_does_not_answer_holds_up_neither_the_other_nor_the_end(
    seeded: Seeded, start: Start, serve: Serve
) -> None:
    simulation, silent = traded_long(seeded), hanging(serve())
    program = start(**{**addresses(simulation), "COINBASE_REST_URL": silent.rest_url})
    program.feed("binance")
    program.feed("coinbase")
    program.want("coinbase", Wanted("BTC-USD", 101, 150))
    eventually(lambda: silent.rest_asked, within=10)
    program.want("binance", Wanted("BTC-USDT", 101, 150))
    assert len(program.recovered("binance", 5).trades) == 50
    assert len(silent.rest_asked) == 1
    code, seconds = program.terminate()
    assert code == 0
    assert seconds < DRAINED_WITHIN_S


def hanging(server: ExchangeServer) -> ExchangeServer:
    """Let a server begin its answers and never end them."""
    server.rest_otherwise = lambda path: ENDLESS
    return server

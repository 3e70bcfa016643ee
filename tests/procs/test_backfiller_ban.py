"""What an exchange asks for is kept by the backfiller's next life too."""

import subprocess
import sys
from pathlib import Path

import pytest
import zmq

from bus import settings, sockets
from bus.log import Log
from bus.messages import GapsWanted, Wanted, encode
from bus.settings import ROOT
from bus.wiring import WANTED
from procs.backfiller.ban import Ban, BanFile
from procs.feed.refusal import RETRY_AFTER_S_MAX
from tests.eventually import eventually
from tests.heartbeats import Heartbeats
from tests.procs.exchange_server import ExchangeServer, http
from tests.procs.fix_connection import Serve
from tests.procs.test_backfiller import Asked
from tests.surroundings import bare_environment

S = 1_000_000
TEAPOT = http("418 I'm a teapot", "Retry-After: 7200")


@pytest.fixture
def server(serve: Serve) -> ExchangeServer:
    return serve()


def life(server: ExchangeServer, path: Path, before: Asked | None = None) -> Asked:
    """Return a backfiller that wants trades; it begins when the one before it was killed."""
    asked = Asked(server, BanFile(path, Log("test")))
    if before is not None:
        asked.clock.now = before.clock.now._replace(mono=S)
    asked.want((101, 110))
    return asked


def test_a_next_life_makes_no_call_before_the_exchange_wants_one(
    server: ExchangeServer, tmp_path: Path
) -> None:
    asked = life(server, tmp_path / "coinbase.json")
    asked.instead = [TEAPOT]
    asked.call()
    left_s = 7200
    for _ in range(3):
        asked = life(server, tmp_path / "coinbase.json", asked)
        asked.tick(1000 * S)
        left_s -= 1000
        assert asked.health.state == f"waiting: coinbase: HTTP 418, again in {left_s} s"
    asked.tick(left_s * S - 1)
    assert asked.calls == 0
    asked.call()
    assert len(asked.ids) == 10
    later = life(server, tmp_path / "coinbase.json", asked)
    later.call()
    assert len(later.ids) == 10


@pytest.mark.parametrize(
    "answer",
    [
        http("503 Service Unavailable", "Retry-After: 90"),
        http("429 Too Many Requests", "Retry-After: 90"),
        http("451 Unavailable For Legal Reasons", "Retry-After: 90"),
    ],
)
def test_so_it_does_whatever_the_answer_was_that_asked_for_a_wait(
    server: ExchangeServer, tmp_path: Path, answer: bytes
) -> None:
    first = life(server, tmp_path / "coinbase.json")
    first.instead = [answer]
    first.call()
    second = life(server, tmp_path / "coinbase.json", first)
    second.tick(90 * S - 1)
    assert second.calls == 0
    second.call()
    assert len(second.ids) == 10


@pytest.mark.parametrize(
    "status", ["500 Internal Server Error", "451 Unavailable", "403 Forbidden"]
)
def test_a_wait_that_is_our_own_ends_with_a_restart(
    server: ExchangeServer, tmp_path: Path, status: str
) -> None:
    first = life(server, tmp_path / "coinbase.json")
    first.instead = [http(status)]
    first.call()
    second = life(server, tmp_path / "coinbase.json", first)
    second.call()
    assert len(second.ids) == 10


@pytest.mark.parametrize(
    "content",
    [
        *(b"", b"{}", b"\xff", b"[]", b'{"reason":1,"since":"x"}'),
        b'{"reason":"\xff","since":1,"until":2723161255000000}',
    ],
)
def test_a_file_that_cannot_be_read_is_none(
    server: ExchangeServer, tmp_path: Path, content: bytes
) -> None:
    path = tmp_path / "coinbase.json"
    path.write_bytes(content)
    asked = life(server, path)
    asked.call()
    assert len(asked.ids) == 10


def test_one_that_cannot_be_written_costs_nothing_but_what_it_is_for(
    server: ExchangeServer, tmp_path: Path
) -> None:
    first = life(server, tmp_path / "absent" / "coinbase.json")
    first.instead = [TEAPOT]
    first.call()
    first.tick(7200 * S - 1)
    assert first.calls == 1
    assert BanFile(tmp_path / "absent" / "coinbase.json", Log("test")).read() is None


def test_a_clock_that_was_set_back_makes_no_wait_longer() -> None:
    ban = Ban("HTTP 418", 1_000 * S, 1_090 * S)
    assert [ban.left_us(wall * S) for wall in (0, 1_000, 1_089, 1_090, 2_000)] == [
        *(90 * S, 90 * S, S),
        *(0, -910 * S),
    ]
    assert Ban("", 0, 1 << 62).left_us(0) == RETRY_AFTER_S_MAX * S


def test_a_killed_program_is_silent_when_it_is_back(server: ExchangeServer, tmp_path: Path) -> None:
    asked: list[str] = []

    def answer(path: str) -> bytes:
        asked.append(path)
        return TEAPOT

    server.rest_otherwise = answer
    given = {"DATA_DIR": str(tmp_path), "FEEDS": "coinbase:BTC-USD"}
    given["COINBASE_REST_URL"] = server.rest_url
    run_dir = settings.load(given).run_dir
    wanted = encode(GapsWanted("coinbase", [Wanted("BTC-USD", 101, 110)]))
    program = [sys.executable, "-m", "procs.backfiller"]
    with Heartbeats(run_dir) as heartbeats, zmq.Context[sockets.Socket]() as context:
        for _ in range(2):
            with (
                subprocess.Popen(program, cwd=ROOT, env=bare_environment(**given)) as process,
                sockets.connect(context, WANTED, run_dir, "backfiller") as feed,
            ):
                feed.send(wanted)

                def waits(pid: int = process.pid) -> bool:
                    beat = heartbeats.take().get("backfiller")
                    return beat is not None and beat.pid == pid and "HTTP 418" in beat.state

                try:
                    eventually(waits, within=20)
                finally:
                    process.kill()
    assert len(asked) == 1

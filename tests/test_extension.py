"""What it takes to add something: an exchange is one file, a message type one definition.

It is done in copies of the project, by the commands that a contributor would use.
"""

import json
import shutil
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest

from bus import messages, settings
from bus.actor import Instant
from bus.follow import tell
from bus.heartbeat import Health
from bus.journal import path_of
from bus.journal_reader import JournalReader
from bus.messages import Trade, TradeBatch, decode_record
from procs.programs import programs
from procs.tap.tap import Tap
from tests.clone import Clone
from tests.eventually import eventually
from tests.exchanges import quayside
from tests.exchanges.contract import CHECKS
from tests.fix_recordings import frames
from tests.procs.exchange_server import PING, PONG, ExchangeServer, frame, http
from tests.procs.feeding import Feeding
from web.broadcaster import Broadcaster
from web.hub import Hub
from web.inputs import Inputs
from web.limits import Limits

NAME = "quayside"
FILE = f"procs/feed/exchanges/{NAME}.py"
RECORDING = f"tests/recordings/{NAME}/BTC-USD_ETH-USD.txt.zst"
OURS = {f"tests/exchanges/{NAME}.py", "tests/test_extension.py"}
"""Where the made-up exchange is at home before anybody adds it."""
FEEDS = f"{NAME}:BTC-USD,ETH-USD"


class Market:
    """The made-up exchange: what happened there, and the messages that tell it."""

    def __init__(self, now: int) -> None:
        self.trades = [
            Trade(
                ("BTC-USD", "ETH-USD")[number % 2],
                1000 + number // 2,
                now + number * 1000,
                0,
                f"{60_000 + number}.{number % 100:02d}",
                f"0.{number + 1:06d}",
                "buy" if number % 3 else "sell",
            )
            for number in range(300)
        ]
        self.messages = [b'["ok","BTC~USD"]|["ok","ETH~USD"]']
        for at in range(0, len(self.trades), 3):
            self.messages.append(b"|".join(map(_part, self.trades[at : at + 3])))
            if at % 60 == 0:
                self.messages.append(b'["h","BTC~USD",%d]' % self.trades[at].trade_id)

    def serve(self, server: ExchangeServer) -> None:
        """Send everything to the newest client, and wait until it has taken it."""
        (asked,) = quayside.Exchange(("BTC-USD", "ETH-USD")).subscribe()
        eventually(lambda: server.peers and server.peers[-1].texts() == [asked], within=20)
        peer = server.peers[-1]
        peer.send(*self.messages)
        peer.send_raw(frame(b"taken?", PING))
        eventually(lambda: (PONG, b"taken?") in peer.received)


def _part(trade: Trade) -> bytes:
    pair, taker = trade.symbol.replace("-", "~"), (trade.side or "")[0]
    fields = ["t", pair, trade.trade_id, trade.ts_event, trade.price, trade.size, taker]
    return json.dumps(fields).encode()


def _without_receipt(trades: list[Trade]) -> list[Trade]:
    return [msgspec.structs.replace(trade, ts_recv=0) for trade in trades]


@pytest.fixture(scope="module")
def market() -> Market:
    return Market(time.time_ns() // 1000)


@pytest.fixture
def server(market: Market) -> Iterator[ExchangeServer]:
    """Serves the made-up exchange."""
    made = ExchangeServer()
    made.clock = http("200 OK", body=b"%d" % market.trades[0].ts_event)
    yield made
    made.close()


@pytest.fixture(scope="module")
def extended(tmp_path_factory: pytest.TempPathFactory, market: Market) -> Clone:
    """A copy with the exchange's file, and the recording that the recorder has made of it."""
    clone = Clone(tmp_path_factory.mktemp("extended") / "it")
    shutil.copy(quayside.__file__, clone.root / FILE)
    server = ExchangeServer()
    arguments = (NAME, "--symbols", "BTC-USD,ETH-USD", "--out", RECORDING)
    try:
        with clone.start(
            *("-m", "procs.feed.record", *arguments), QUAYSIDE_WS_URL=server.websocket_url
        ) as recorder:
            market.serve(server)
            recorder.send_signal(signal.SIGINT)
            assert recorder.wait(20) == 0
    finally:
        server.close()
    return clone


def test_an_exchange_is_one_file_and_a_recording_and_nothing_else_names_it(
    extended: Clone,
) -> None:
    assert extended.changed() == {FILE, RECORDING}
    code, said = extended.run("-m", "procs.generate")
    assert code == 0, said
    assert extended.changed() == {FILE, RECORDING, "supervisord.conf", "Procfile"}
    assert extended.naming(NAME) == {*extended.changed(), *OURS}
    assert f"[program:feed-{NAME}]\n" in (extended.root / "supervisord.conf").read_text()
    assert f"feed-{NAME}: python -m procs.feed {NAME}\n" in (extended.root / "Procfile").read_text()
    chosen = settings.load({"FEEDS": FEEDS})
    assert f"feed-{NAME}" in [program.name for program in programs(extended.root, chosen)]


def test_what_was_recorded_is_what_the_exchange_sent(extended: Clone, market: Market) -> None:
    assert [message for _, message in frames(extended.root / RECORDING)] == market.messages


def test_the_contract_is_checked_on_it_without_being_told(extended: Clone) -> None:
    code, said = extended.test("tests/exchanges/test_contract.py", "-k", NAME)
    assert code == 0, said
    passed = {line for line in said.splitlines() if line.startswith("PASSED")}
    for check in CHECKS:
        assert any(f"{NAME}/" in line and f"-{check.__name__}]" in line for line in passed), said
    assert len(passed) == len(CHECKS) + 2


def test_without_a_recording_the_contract_is_not_kept(tmp_path: Path) -> None:
    clone = Clone(tmp_path / "it")
    shutil.copy(quayside.__file__, clone.root / FILE)
    code, said = clone.test("tests/exchanges/test_contract.py", "-k", NAME)
    assert code == 1
    assert f"record one: tests/recordings/{NAME}/" in said


def test_a_real_feed_takes_its_trades_into_a_journal_exactly(
    extended: Clone, market: Market, server: ExchangeServer, tmp_path: Path
) -> None:
    environ = {
        "DATA_DIR": str(tmp_path),
        "FEEDS": FEEDS,
        "QUAYSIDE_WS_URL": server.websocket_url,
        "QUAYSIDE_REST_URL": server.rest_url,
    }
    chosen = settings.load(environ)
    try:
        with extended.start("-m", "procs.feed", NAME, **environ) as feed:
            market.serve(server)
            feed.send_signal(signal.SIGTERM)
            out, _ = feed.communicate(timeout=20)
            assert feed.returncode == 0, out
    finally:
        shutil.rmtree(chosen.run_dir, ignore_errors=True)
    reader = JournalReader(path_of(chosen.journal_dir, NAME))
    records = [decode_record(record.body) for record in reader.read(0, 1_000_000)]
    reader.close()
    assert all(isinstance(record, TradeBatch) for record in records)
    found = [trade for one in records if isinstance(one, TradeBatch) for trade in one.trades]
    assert _without_receipt(found) == market.trades


# ---- a message type

DEFINITION = '''
class Notice(msgspec.Struct, frozen=True, array_like=True, tag="notice"):
    """A word from the operator."""

    ts: int
    text: str
    urgent: bool = False


Message = (
'''


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Clone:
    """A copy in which ``bus/messages.py`` has one more message."""
    clone = Clone(tmp_path_factory.mktemp("told") / "it")
    path = clone.root / "bus" / "messages.py"
    text = path.read_text()
    for before, after in (
        ("\nMessage = (\n", DEFINITION),
        ("    | Heartbeat\n)\n", "    | Heartbeat\n    | Notice\n)\n"),
    ):
        assert text.count(before) == 1
        text = text.replace(before, after)
    path.write_text(text)
    assert clone.changed() == {"bus/messages.py"}
    return clone


def test_a_new_message_is_tested_on_the_wire_and_must_be_written_down(told: Clone) -> None:
    code, said = told.test(
        "tests/bus/test_messages.py", "tests/test_documents.py", "-k", "Notice or the_tags_are"
    )
    outcomes = [line.split(" - ")[0] for line in said.splitlines()]
    kept = [line.partition("::")[2] for line in outcomes if line.startswith("PASSED")]
    assert sorted(kept) == [
        "test_a_message_comes_back_as_it_was[Notice]",
        "test_what_an_older_or_a_newer_tickwire_sends_is_understood[Notice]",
    ]
    # What remains to be done is to list its tag, for ever, and to describe it.
    missed = [line.partition("::")[2] for line in outcomes if line.startswith("FAILED")]
    assert sorted(missed) == [
        "test_each_message_is_documented_with_its_fields_in_order[Notice]",
        "test_the_tags_are_all_different_and_never_change",
    ]
    assert code == 1


@pytest.mark.timeout(400)  # mypy without a cache takes minutes on a slow machine
def test_a_new_message_asks_for_no_change_of_any_program(told: Clone) -> None:
    names = [f"procs.{path.parent.name}" for path in told.root.glob("procs/*/__main__.py")]
    imports = "; ".join(f"import {name}.__main__" for name in [*names, "web"])
    assert told.run("-c", imports + "; import bus.tap") == (0, "")
    assert told.run("-m", "procs.generate", "--check") == (0, "")
    code, said = told.run("-m", "mypy", "bus", "market", "store", "procs", "web")
    assert code == 0, said


class Notice(msgspec.Struct, frozen=True, array_like=True, tag="notice"):
    """What a newer tickwire might say."""

    text: str = "tea is ready"


NOTICE = msgspec.msgpack.encode(Notice())
NOW = Instant(1_723_161_255_000_000, 1_000_000)
Take = Callable[[bytes], object]


@pytest.fixture
def known(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the type be one of the messages, which nobody handles."""
    union = messages.Message | Notice
    monkeypatch.setattr(messages, "_decoder", msgspec.msgpack.Decoder(union))


@pytest.mark.usefixtures("known")
def test_who_does_not_handle_a_message_passes_over_it(tmp_path: Path) -> None:
    assert isinstance(messages.decode(NOTICE), Notice)
    frames_of = [b"notice.", NOTICE]
    hub, tap, web = Hub(15), Health("tap"), Health("web")
    assert list(Tap(tap).on_message("feeds", frames_of, NOW)) == []
    assert tap.counters == {}
    inputs = Inputs(hub, Broadcaster(hub, Limits()), web)
    assert list(inputs.on_message("feeds", frames_of, NOW)) == []
    assert web.counters == {"messages": 1}
    feeding = Feeding(tmp_path)
    assert list(feeding.feed.on_message("stored", frames_of, NOW)) == []
    feeding.close()
    tell({}, NOTICE)


def test_the_web_counts_what_a_newer_process_says_and_goes_on() -> None:
    health = Health("web")
    hub = Hub(15)
    inputs = Inputs(hub, Broadcaster(hub, Limits()), health)
    inputs.on_message("feeds", [b"notice.", NOTICE], NOW)
    assert health.counters["undecodable"] == 1
    assert "notice" in (health.last_error or "")
    beat = messages.encode(Health("tap").beat(NOW.wall))
    inputs.on_message("life", [b"heartbeat.tap.", beat], NOW)
    assert (health.counters["messages"], health.counters["undecodable"]) == (1, 1)

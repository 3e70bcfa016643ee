"""The recorder as a program, against a server on loopback, and the file that it writes."""

import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import zstandard

from bus.errors import SettingError
from bus.settings import ROOT
from procs.feed import record
from procs.feed.exchanges import coinbase
from procs.feed.record import NotRecorded, Recorder, Tape
from procs.simulator import recording
from procs.simulator.exchanges import exchanges
from tests.eventually import eventually
from tests.exchanges.samples import coingecko
from tests.fix_recordings import Recording, frames, own
from tests.procs.exchange_server import PING, PONG, ExchangeServer, Peer, frame, http
from tests.procs.feeding import match
from tests.procs.fix_connection import Serve
from tests.surroundings import bare_environment

SENT = [
    b'{"type":"subscriptions","channels":[]}',
    match(1),
    match(2, symbol="ETH-USD"),
    '{"type" : "no such", "text": "ü €   "}'.encode(),
    match(3),
]


class Program:
    """The recorder as a process of its own, on the settings that a test gives it."""

    def __init__(self, server: ExchangeServer, out: Path, *more: str, **environ: str) -> None:
        self.server = server
        self.out = out
        self._process = subprocess.Popen(
            [sys.executable, "-m", "procs.feed.record", "coinbase", "--out", str(out), *more],
            cwd=ROOT,
            env=bare_environment(COINBASE_WS_URL=server.websocket_url, **environ),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def peer(self) -> Peer:
        """Return the server's side of its connection, once it has subscribed."""
        eventually(lambda: self.server.peers and self.server.peers[0].texts(), within=20)
        return self.server.peers[0]

    def send(self, *messages: bytes) -> None:
        """Send messages and wait until the program has taken them."""
        peer = self.peer()
        peer.send(*messages)
        peer.send_raw(frame(b"taken?", PING))
        eventually(lambda: (PONG, b"taken?") in peer.received)

    def end(self, number: int | None = None) -> tuple[int, str, str]:
        """Send a signal, if one is given; return exit code, standard output and error."""
        if number is not None:
            self._process.send_signal(number)
        out, err = self._process.communicate(timeout=20)
        return self._process.returncode, out, err

    def kill(self) -> None:
        """End it if it runs, and close its pipes."""
        with self._process as process:
            process.kill()


Record = Callable[..., Program]


@pytest.fixture
def recorder(serve: Serve, tmp_path: Path) -> Iterator[Record]:
    """Return a function that starts the program."""
    started: list[Program] = []

    def start(*arguments: str, **environ: str) -> Program:
        out = tmp_path / "coinbase" / "it.txt.zst"
        started.append(Program(serve(), out, *arguments, **environ))
        return started[-1]

    yield start
    for program in started:
        program.kill()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_a_recording_that_is_whole_and_byte_for_byte(
    recorder: Record, number: int
) -> None:
    program = recorder("--symbols", "BTC-USD,ETH-USD")
    program.send(*SENT)
    assert not program.out.exists(), "it has its name before it is whole"
    code, out, err = program.end(number)
    assert (code, err) == (0, "")
    assert out == f"{program.out}: 5 messages, 3 trades\n"
    found = list(frames(program.out))
    assert [message for _, message in found] == SENT
    times = [ts for ts, _ in found]
    assert times == sorted(times)
    assert list(program.out.parent.iterdir()) == [program.out]


def test_the_simulator_can_play_what_was_recorded(recorder: Record) -> None:
    program = recorder("--symbols", "BTC-USD,ETH-USD")
    program.send(*SENT)
    program.end(signal.SIGINT)
    (scanned,) = recording.scan([program.out], exchanges())
    assert scanned.trades == 3
    assert sorted(scanned.listings) == ["BTC-USD", "ETH-USD"]


def test_it_ends_by_itself_when_the_time_is_over(recorder: Record) -> None:
    program = recorder("--symbols", "BTC-USD", "--seconds", "5")
    program.send(*SENT)
    code, out, _ = program.end()
    assert code == 0
    assert "5 messages" in out


def test_what_it_asks_for_is_what_feeds_says(recorder: Record) -> None:
    program = recorder(FEEDS="coinbase:SOL-USD,XRP-USD")
    asked = coinbase.Exchange(("SOL-USD", "XRP-USD")).subscribe()
    eventually(lambda: program.peer().texts() == asked)


def test_a_given_address_comes_before_that_of_the_settings(recorder: Record, serve: Serve) -> None:
    other = serve()
    program = recorder("--url", other.websocket_url, "--symbols", "BTC-USD")
    eventually(lambda: other.peers and other.peers[0].texts(), within=20)
    assert program.server.peers == []


def refused(ended: tuple[int, str, str], words: str) -> None:
    """Fail unless the program has ended with one line that has the words, and exit code 2."""
    code, out, err = ended
    assert (code, out) == (2, "")
    assert err.startswith("tickwire: coinbase: ")
    assert err.count("\n") == 1
    assert words in err


def test_a_connection_that_breaks_off_ends_it_and_keeps_what_came(recorder: Record) -> None:
    program = recorder("--symbols", "BTC-USD")
    program.send(*SENT)
    program.peer().close()
    refused(program.end(), "closed the connection")
    assert [message for _, message in frames(program.out)] == SENT


def test_an_exchange_that_refuses_ends_it_and_its_answer_is_kept(recorder: Record) -> None:
    answer = b'{"type":"error","message":"Failed to subscribe","reason":"XX-USD is not valid"}'
    program = recorder("--symbols", "XX-USD")
    program.peer().send(answer)
    refused(program.end(), "refuses: Failed to subscribe: XX-USD is not valid")
    assert [message for _, message in frames(program.out)] == [answer]


def test_a_message_that_no_line_can_hold_ends_it(recorder: Record) -> None:
    program = recorder("--symbols", "BTC-USD")
    program.peer().send(match(1), b'{"type":\n"match"}', match(2))
    refused(program.end(), "message 2 is not one line of UTF-8")
    assert [message for _, message in frames(program.out)] == [match(1)]


def test_a_message_that_is_too_long_ends_it(recorder: Record) -> None:
    program = recorder("--symbols", "BTC-USD")
    program.peer().send(match(1), b"x" * (1 << 20) + b"x", match(2))
    refused(program.end(), "over 1 MiB")


def test_where_nothing_came_there_is_no_file(recorder: Record) -> None:
    program = recorder("--symbols", "BTC-USD")
    program.peer()
    refused(program.end(signal.SIGINT), "no message came")
    assert list(program.out.parent.iterdir()) == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_while_it_still_connects_leaves_nothing(recorder: Record, number: int) -> None:
    with socket.create_server(("127.0.0.1", 0)) as mute:
        mute.settimeout(20)
        url = f"ws://127.0.0.1:{mute.getsockname()[1]}"
        program = recorder("--symbols", "BTC-USD", "--url", url)
        connection, _ = mute.accept()
        with connection:
            refused(program.end(number), "no message came")
    assert list(program.out.parent.iterdir()) == []


def test_where_nobody_listens_there_is_no_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    server = ExchangeServer()
    server.close()
    out = tmp_path / "it.txt.zst"
    arguments = ("--url", server.websocket_url, "--symbols", "BTC-USD", "--out", str(out))
    code, err = called(monkeypatch, capsys, "coinbase", *arguments)
    assert (code, err) == (2, "tickwire: coinbase: the connection was refused\n")
    assert list(tmp_path.iterdir()) == []


@contextmanager
def handlers_kept() -> Iterator[None]:
    """Give signals back to whom they went before."""
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def called(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *arguments: str
) -> tuple[object, str]:
    """Return the exit code of the program, run here, and what it said on standard error."""
    monkeypatch.setattr(sys, "argv", ["record", *arguments])
    with handlers_kept():
        try:
            code: object = record.main()
        except SystemExit as end:
            code = end.code
    return code, capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("nowhere", "--out", "x.txt.zst"), "invalid choice"),
        (("coinbase",), "--out"),
        (("coinbase", "--out", "x.zst"), "--out: 'x.zst'; give a name that ends with .txt.zst"),
        (("coinbase", "--out", "x.txt.zst", "--seconds", "0"), "--seconds 0"),
        (("coinbase", "--out", "x.txt.zst", "--seconds", "nan"), "--seconds nan"),
        (("coinbase", "--out", "x.txt.zst", "--symbols", "btc"), "--symbols: 'btc'"),
        (("coinbase", "--out", "x.txt.zst", "--symbols", ""), "--symbols: ''"),
        (("coinbase", "--out", "x.txt.zst", "--symbols", "A-B;x:C-D"), "--symbols: 'A-B;x:C-D'"),
        (("coinbase", "--out", "x.txt.zst", "--url", "http://x"), "--url: 'http://x'"),
    ],
)
def test_a_wrong_command_line_is_one_line_and_exit_code_2(
    arguments: tuple[str, ...],
    words: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    code, err = called(monkeypatch, capsys, *arguments)
    assert code == 2
    assert err.startswith("tickwire: ")
    assert err.count("\n") == 1
    assert words in err
    assert list(tmp_path.iterdir()) == []


def test_an_exchange_that_is_not_in_feeds_must_be_told_its_symbols(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("FEEDS", "binance:ETH-USDT")
    out = str(tmp_path / "x.txt.zst")
    code, err = called(monkeypatch, capsys, "coinbase", "--out", out)
    assert (code, err) == (2, "tickwire: FEEDS: nothing of coinbase; give --symbols BASE-QUOTE,…\n")


def test_a_recording_is_never_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "it.txt.zst"
    out.write_bytes(b"precious")
    code, err = called(monkeypatch, capsys, "coinbase", "--out", str(out))
    assert code == 2
    assert "is there already" in err
    assert out.read_bytes() == b"precious"


def test_what_is_left_of_an_earlier_recording_is_not_replaced_either(tmp_path: Path) -> None:
    part = tmp_path / "it.txt.zst.part"
    part.write_bytes(b"precious")
    with pytest.raises(SettingError, match="is there already"):
        Tape(tmp_path / "it.txt.zst")
    assert part.read_bytes() == b"precious"


def test_a_file_that_takes_the_name_meanwhile_stays_and_so_does_the_recording(
    tmp_path: Path,
) -> None:
    path = tmp_path / "it.txt.zst"
    tape = Tape(path)
    tape.write(b"{}", 1)
    path.write_bytes(b"precious")
    with pytest.raises(SettingError, match=r"the recording is in .*it\.txt\.zst\.part"), tape:
        pass
    assert path.read_bytes() == b"precious"
    assert list(frames(tmp_path / "it.txt.zst.part")) == [(1, b"{}")]


def test_a_recording_that_has_ended_has_let_go_of_its_descriptor_for_signals(
    serve: Serve, tmp_path: Path
) -> None:
    with handlers_kept():
        with Tape(tmp_path / "it.txt.zst") as tape:
            exchange = coinbase.Exchange(("BTC-USD",))
            Recorder(exchange, tape).run(serve().websocket_url, 0.1)
        assert signal.set_wakeup_fd(-1) == -1


def test_times_never_go_backwards_when_our_clock_does(tmp_path: Path) -> None:
    path = tmp_path / "it.txt.zst"
    with Tape(path) as tape:
        for ts_recv in (1_700_000_000_000_001, 1_600_000_000_000_000, 1_700_000_001_500_000):
            tape.write(b"{}", ts_recv)
    assert [ts for ts, _ in frames(path)] == [
        1_700_000_000_000_001,
        1_700_000_000_000_001,
        1_700_000_001_500_000,
    ]


@pytest.mark.parametrize("message", [b"\n", b"{}\n", b"\xff", b'"\xed\xa0\x80"'])
def test_a_line_that_could_not_be_read_back_is_refused(tmp_path: Path, message: bytes) -> None:
    with Tape(tmp_path / "it.txt.zst") as tape, pytest.raises(NotRecorded):
        tape.write(message, 1)


@pytest.mark.parametrize("made", own(), ids=str)
def test_a_recording_that_is_written_down_again_is_the_same_text(
    made: Recording, tmp_path: Path
) -> None:
    copy = tmp_path / made.path.name
    with Tape(copy) as tape:
        for ts_recv, message in frames(made.path):
            tape.write(message, ts_recv)
    assert unpacked(copy) == unpacked(made.path)


def unpacked(path: Path) -> bytes:
    """Return the text of a recording."""
    with path.open("rb") as file, zstandard.ZstdDecompressor().stream_reader(file) as reader:
        return reader.read()


def polled(out: Path, server: ExchangeServer) -> "subprocess.CompletedProcess[str]":
    """Record an exchange that is asked each second, for as long as two questions take."""
    arguments = ("coingecko", "--symbols", "BTC-USD,ETH-USD", "--seconds", "1.5", "--out", str(out))
    return subprocess.run(
        [sys.executable, "-m", "procs.feed.record", *arguments],
        cwd=ROOT,
        env=bare_environment(COINGECKO_API_URL=server.rest_url, INGESTION_INTERVAL_MS="1000"),
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )


def test_of_an_exchange_that_is_polled_each_answer_is_a_line(serve: Serve, tmp_path: Path) -> None:
    server, out = serve(), tmp_path / "it.txt.zst"
    answer = coingecko.trade("12.50", "")
    server.rest_otherwise = lambda path: http("200 OK", body=answer)
    done = polled(out, server)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == f"{out}: 2 messages, 2 trades\n"
    assert [message for _, message in frames(out)] == [answer] * 2


def test_a_refused_question_ends_it_and_keeps_what_came(serve: Serve, tmp_path: Path) -> None:
    server, out = serve(), tmp_path / "it.txt.zst"
    answers = [http("200 OK", body=b"[{}]"), http("429 Too Many Requests")]
    server.rest_otherwise = lambda path: answers[len(server.rest_asked) > 1]
    done = polled(out, server)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("tickwire: coingecko: the exchange answered HTTP 429; ")
    assert [message for _, message in frames(out)] == [b"[{}]"]

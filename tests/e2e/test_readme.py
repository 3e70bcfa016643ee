"""What README.md and the runbook tell people to paste, pasted: only the addresses are others."""

import importlib
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from bus.messages import Trade
from bus.settings import ROOT
from procs.feed import exchanges
from tests import needed
from tests.e2e.stack import Stack
from tests.exchanges.contract import CHECKS, Check, Kind, Recorded

README = (ROOT / "README.md").read_text(encoding="utf-8")
RUNBOOK = (ROOT / "docs" / "runbook.md").read_text(encoding="utf-8")
EXAMPLES = "the README's examples for it were"
EXAMPLE = "procs.feed.exchanges.acme"
LISTING = b'{"price_step":"0.0100","amount_step":"1"}'
START_US = 1_723_161_255_000_000


def blocks(text: str, language: str) -> list[str]:
    """Return the fenced blocks of a language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


def lines_with(word: str) -> list[str]:
    """Return the lines of the README's shell blocks that begin with a word."""
    lines = "".join(blocks(README, "sh")).splitlines()
    return [line for line in lines if line.startswith(word)]


def block_with(text: str, language: str, word: str) -> str:
    """Return the one block of a language that has this word in it."""
    (found,) = (block for block in blocks(text, language) if word in block)
    return found


def printed(demo: Stack, *command: str, text: str, allowed: tuple[int, ...] = (0,)) -> str:
    """Run a command with the text last, its address replaced; return what it printed."""
    assert "localhost:8000" in text
    there = text.replace("localhost:8000", demo.url.removeprefix("http://"))
    done = subprocess.run(
        [*command, there], capture_output=True, text=True, timeout=60, cwd=ROOT, check=False
    )
    assert done.returncode in allowed, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def flowing(demo: Stack) -> Stack:
    """The shared installation, once Postgres has trades of each symbol."""
    demo.mark()
    return demo


@pytest.mark.e2e
@pytest.mark.parametrize("line", lines_with("curl"))
def test_each_curl_answers_with_data(flowing: Stack, line: str) -> None:
    needed.program("curl", EXAMPLES)
    stream = " -sN " in line
    out = printed(flowing, "sh", "-c", text=line, allowed=(0, 28) if stream else (0,))
    if stream:
        assert out.count("\ndata: {") > 2
    elif "format=csv" in line:
        header, *rows = out.split()
        assert len(rows) == 3
        assert {row.count(",") for row in rows} == {header.count(",")}
    else:
        answer = json.loads(out)
        assert answer
        assert re.search(r"[1-9]", out)
        assert not isinstance(answer, dict) or answer.get("success", True)


@pytest.mark.e2e
def test_the_python_example_prints_averages_and_trades(flowing: Stack) -> None:
    out = printed(flowing, sys.executable, "-c", text=block_with(README, "python", "urlopen"))
    lines = out.splitlines()
    assert re.fullmatch(r"\S+Z [\d.]+ \d+", lines[0])
    # Python writes a small size as 5e-05.
    trade = re.compile(r"(BTC-USD|ETH-USDT) \d+ [\d.]+ [\d.]+(e-\d+)?")
    trades = [line for line in lines if trade.fullmatch(line)]
    assert len(trades) == 10
    assert len({line.split()[0] for line in trades}) == 2


@pytest.mark.e2e
def test_the_javascript_example_prints_prices_as_they_change(demo: Stack) -> None:
    node = needed.program("node", EXAMPLES)
    flags = ("--experimental-websocket", "--no-warnings", "--input-type=module", "-e")
    out = printed(demo, node, *flags, text=block_with(README, "javascript", "WebSocket"))
    lines = out.splitlines()
    assert re.fullmatch(r"BTCUSD [\d.]+ \d+ ms old", lines[0])
    changes = [line for line in lines if re.fullmatch(r"(BTC|ETH)-USD [\d.]+ \S+ live", line)]
    assert len(changes) >= 10


@pytest.mark.e2e
def test_the_tap_prints_its_feed_as_json(demo: Stack) -> None:
    (line,) = lines_with(".venv/bin/python -m bus.tap")
    subscriber = subprocess.Popen(
        ["sh", "-c", "exec " + line.replace(".venv/bin/python", sys.executable)],
        env={**os.environ, "TAP_ENDPOINT": demo.tap},
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    )
    try:
        assert subscriber.stdout is not None
        for _ in range(3):
            assert '"price":"' in json.dumps(
                json.loads(subscriber.stdout.readline()), separators=(",", ":")
            )
    finally:
        subscriber.terminate()
        subscriber.communicate(timeout=10)


@pytest.mark.e2e
def test_the_sql_for_others_has_rows(flowing: Stack) -> None:
    (query,) = blocks(README, "sql")
    assert flowing.rows(query)


@pytest.mark.e2e
@pytest.mark.parametrize("query", blocks(RUNBOOK, "sql"))
def test_the_sql_of_the_runbook_runs(demo: Stack, query: str) -> None:
    with psycopg.connect(demo.settings.dsn) as connection:
        connection.execute(query.encode())
        connection.rollback()


@pytest.mark.e2e
def test_the_verifying_query_finds_nothing_wrong_and_would_find_it(flowing: Stack) -> None:
    query = block_with(RUNBOOK, "sql", "FULL JOIN candle").encode()
    with psycopg.connect(flowing.settings.dsn) as connection:
        assert connection.execute(query).fetchall() == []
        one = connection.execute(
            "UPDATE candle SET sum_p = sum_p + 1e-12 WHERE (exchange, symbol, interval_s, ts_open)"
            " = (SELECT exchange, symbol, interval_s, ts_open FROM candle LIMIT 1)"
            " RETURNING exchange, symbol, interval_s, ts_open"
        ).fetchall()
        assert [row[:4] for row in connection.execute(query).fetchall()] == one
        connection.rollback()


@pytest.mark.e2e
def test_a_backup_holds_everything_and_can_be_restored(
    demo: Stack, empty_database: str, tmp_path: Path
) -> None:
    commands = block_with(README, "sh", "pg_dump")
    assert commands in RUNBOOK
    dump = tmp_path / "saved.dump"
    replaced = commands.replace(".venv/bin/python", sys.executable)
    replaced = re.sub(r"--file=\S+( \S+\))?\S*", f"--file={dump}", replaced)
    variables = {"DATA_DIR": str(demo.settings.data_dir), "SIMULATED": "1", "DATABASE_URL": ""}
    before = demo.stored()
    script = (
        f'{replaced}"$BIN/pg_restore" --no-owner --exit-on-error -d "{empty_database}" {dump}\n'
    )
    done = subprocess.run(
        ["sh", "-euc", script],
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        timeout=60,
        cwd=ROOT,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    with psycopg.connect(empty_database) as connection:
        counted = connection.execute("SELECT count(*) FROM trade").fetchone()
        assert counted is not None
        assert counted[0] >= before
        positions = connection.execute("SELECT exchange FROM cursor ORDER BY 1").fetchall()
        assert [exchange for (exchange,) in positions] == sorted(demo.settings.feeds)


# ---- the exchange that does not exist


@pytest.fixture
def acme(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Kind]:
    """The README's exchange, found where the other exchanges are."""
    path = tmp_path / "acme.py"
    path.write_text(block_with(README, "python", "class Exchange:"), encoding="utf-8")
    monkeypatch.setattr(exchanges, "__path__", [*exchanges.__path__, str(tmp_path)])
    importlib.invalidate_caches()
    try:
        yield exchanges.load("acme")
    finally:
        sys.modules.pop(EXAMPLE, None)
        vars(exchanges).pop("acme", None)


def frame(number: int, market: str) -> bytes:
    """Return a trade as the README shows one."""
    return json.dumps(
        {
            "type": "trade",
            "market": market,
            "id": 17 + number,
            "price": f"6183{number % 10}.63",
            "amount": "0.02",
            "taker": "buy" if number % 3 else "sell",
            "at": START_US // 1000 + number,
        }
    ).encode()


def recorded() -> Recorded:
    """Return some seconds of it."""
    frames = [(START_US, b'{"type":"joined","market":"BTC/USD"}')]
    for number in range(40):
        for market in ("BTC/USD", "ETH/USD"):
            frames.append((START_US + number * 1000, frame(number, market)))
    return Recorded(("BTC-USD", "ETH-USD"), tuple(frames), LISTING)


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: str(check.__name__))
def test_the_example_of_an_exchange_keeps_the_contract(acme: Kind, check: Check) -> None:
    assert "acme" in exchanges.names()
    check(acme, recorded())


def test_the_example_reads_the_frame_that_it_shows(acme: Kind) -> None:
    module = importlib.import_module(EXAMPLE)
    shown = re.search(r"\{.*\}", str(module.__doc__), re.DOTALL)
    assert shown is not None
    (trade,) = acme(("BTC-USD",)).parse(" ".join(shown[0].split()).encode(), 7)
    assert trade == Trade("BTC-USD", 17, 1_723_161_255_342_000, 7, "61837.63", "0.02", "buy")
    (past,) = exchanges.load("acme")(("BTC-USD",)).parse_page(  # type: ignore[attr-defined]
        "BTC-USD", b"[" + " ".join(shown[0].split()).encode() + b"]", 7
    )
    assert past == trade
    other = acme(("BTC-USD",))
    assert isinstance(other, exchanges.Listed)
    assert other.parse_listing(200, LISTING) == exchanges.Listing("0.01", "1")
    assert other.parse_listing(404, b'{"error":"no such market"}') is None
    assert isinstance(other, exchanges.Clocked)
    assert other.parse_time(b'{"now":1723161255342}') == 1_723_161_255_342_000


def test_the_example_is_typed_and_linted_as_its_neighbours_are(acme: Kind, tmp_path: Path) -> None:
    proof = tmp_path / "proof.py"
    proof.write_text(
        "from acme import Exchange\n\nfrom procs.feed import exchanges\n\n"
        "streamed: type[exchanges.Streamed] = Exchange\n"
        "clocked: type[exchanges.Clocked] = Exchange\n"
        "listed: type[exchanges.Listed] = Exchange\n"
        "paged: type[exchanges.Paged] = Exchange\n"
    )
    programs = Path(sys.executable).parent
    for command in (
        [str(programs / "ruff"), "check", "--no-cache", "--config", str(ROOT / "pyproject.toml")],
        [str(programs / "mypy"), "--cache-dir", str(ROOT / ".mypy_cache" / "readme"), str(proof)],
    ):
        done = subprocess.run(
            [*command, str(tmp_path / "acme.py")],
            cwd=ROOT,
            env={**os.environ, "MYPYPATH": str(ROOT)},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr

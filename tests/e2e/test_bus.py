"""A thousand trades a second: by which way they come, and what subscribers to the tap are given."""

import json
import subprocess
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from bus import settings
from bus.messages import Heartbeat
from tests.e2e.exactness import assert_exact
from tests.e2e.fix_stack import Stacks
from tests.e2e.stack import Stack
from tests.e2e.subscribers import LANGUAGES, Language, written
from tests.eventually import eventually
from tests.heartbeats import Heartbeats

pytestmark = pytest.mark.e2e

RATE = 1000
TRADES = 10_000
PRINTED_WITHIN_S = 60
CONSUMERS = ("persister", "aggregator")


@pytest.fixture(scope="module")
def busy(stacks: Stacks) -> Stack:
    """An installation with a thousand trades a second over four symbols."""
    feeds = "coinbase:BTC-USD,ETH-USD;binance:BTC-USDT,ETH-USDT"
    return stacks(RATE=str(RATE), FEEDS=feeds).start()


def printed(command: list[str]) -> list[dict[str, Any]]:
    """Return the JSON lines that a subscriber prints until it ends by itself."""
    done = subprocess.run(
        command,
        cwd=settings.ROOT,
        capture_output=True,
        text=True,
        timeout=PRINTED_WITHIN_S,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.fixture(scope="module")
def programs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder with the subscribers that docs/tap.md shows."""
    return written(tmp_path_factory.mktemp("subscribers"))


@LANGUAGES
def test_a_subscriber_gets_each_trade_once_and_in_order(
    busy: Stack, programs: Path, language: Language
) -> None:
    with busy.at_rest():
        pass  # the hour's earlier trades have been fetched: they would come after later ones
    rows = printed(language(programs, busy.tap, TRADES, "trade."))
    assert len(rows) >= TRADES
    for exchange, symbols in busy.settings.feeds.items():
        for symbol in symbols:
            own = [row for row in rows if (row["exchange"], row["symbol"]) == (exchange, symbol)]
            assert len(own) > TRADES / 5
            first = own[0]["trade_id"]
            fields = ("trade_id", "ts_event", "price", "size", "side")
            found = [tuple(row[field] for field in fields) for row in own]
            truth = busy.truth(exchange, symbol)[first - 1 : first - 1 + len(own)]
            assert found == [tuple(getattr(one, field) for field in fields) for one in truth]
            for before, after in pairwise(own):
                assert before["epoch"] == after["epoch"]
                assert before["seq"] in (after["seq"], after["prev_seq"])


@LANGUAGES
def test_a_late_subscriber_is_given_the_present_state_first(
    busy: Stack, programs: Path, language: Language
) -> None:
    busy.mark()
    prefixes = ("ticker.", "candle.1h.", "average.", "trade.")
    symbols = [(name, one) for name, ones in busy.settings.feeds.items() for one in ones]
    with busy.at_rest():
        rows = printed(language(programs, busy.tap, 3 * len(symbols), *prefixes))
        stored = {
            (exchange, pair): (price, n)
            for exchange, pair, price, n in busy.rows(
                "SELECT DISTINCT ON (exchange, pair) exchange, pair, last_tick_price, tick_count"
                " FROM hourly_averages ORDER BY exchange, pair, hour_start_utc DESC"
            )
        }
    given = {(row["type"], row["exchange"], row["symbol"]): row for row in rows}
    assert sorted(given) == sorted(
        (kind, *one) for kind in ("ticker", "candle", "average") for one in symbols
    )
    for exchange, symbol in symbols:
        price, count = stored[exchange, symbol.replace("-", "")]
        assert float(given["ticker", exchange, symbol]["price"]) == float(price)
        assert given["ticker", exchange, symbol]["hour_count"] == count
        assert given["average", exchange, symbol]["count"] == count
        assert given["candle", exchange, symbol]["n"] == count


def of(beat: Heartbeat, source: str) -> int:
    """Return how many trades a process has taken from a source since it started."""
    return int(beat.counters.get(source, 0))


def caught_up(heard: Heartbeats) -> dict[str, Heartbeat]:
    """Return the heartbeats of the consumers once none of them reads its journal any more."""
    heard.take()
    found = {}
    for program in CONSUMERS:
        last, before = heard.last_two(program)
        if last is None or before is None or of(last, "from_journal") > of(before, "from_journal"):
            return {}
        if of(last, "from_socket") > of(before, "from_socket"):
            found[program] = last
    return found if len(found) == len(CONSUMERS) else {}


def taken(last: Heartbeat, first: Heartbeat) -> tuple[int, int]:
    """Return the trades between two heartbeats: by the bus, from the journal."""
    by_bus, by_journal = (of(last, one) - of(first, one) for one in ("from_socket", "from_journal"))
    return by_bus, by_journal


@pytest.mark.alone
def test_at_least_99_of_100_trades_come_by_the_bus(busy: Stack) -> None:
    since = busy.mark()
    with Heartbeats(busy.settings.run_dir) as heard:
        # What they had missed at their start they read from the journal, as they should.
        first = dict(eventually(lambda: caught_up(heard), within=30))
        eventually(
            lambda: all(sum(taken(heard.take()[one], first[one])) >= TRADES for one in CONSUMERS),
            within=3 * TRADES / RATE,
        )
        last = dict(heard.take())
    for one in CONSUMERS:
        assert last[one].pid == first[one].pid
        by_bus, by_journal = taken(last[one], first[one])
        assert by_bus >= 0.99 * (by_bus + by_journal)
        assert by_bus + by_journal > 0.9 * RATE * (last[one].ts - first[one].ts) / 1_000_000
    assert all(assert_exact(busy, since).values())

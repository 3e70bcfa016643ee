"""What exchanges may send that nobody should believe, and what must come of it: nothing."""

from collections import Counter
from itertools import pairwise

import pytest

from tests.e2e.exactness import assert_exact, quarantined, stored_trades
from tests.e2e.fix_stack import Stacks
from tests.e2e.stack import Stack
from tests.eventually import eventually
from tests.heartbeats import Heartbeats

pytestmark = pytest.mark.e2e

FAULTS = "garbage=0.05,badprice=0.05,dup=0.05,reorder=30"
REASONS = (
    "negative: ",
    "zero: ",
    "not a plain decimal: 'NaN'",
    "not a plain decimal: 'Infinity'",
    "not a plain decimal: '1e999'",
    "more than 18 fraction digits: ",
    "not less than 1e12: ",
    "an implausible time: ",
)


@pytest.fixture(scope="module")
def troubled(stacks: Stacks) -> Stack:
    """An installation whose exchanges send garbage, doubles, bad prices and bad times."""
    feeds = "coinbase:BTC-USD,ETH-USD;binance:BTC-USDT,ETH-USDT"
    return stacks(RATE="400", FEEDS=feeds, FAULTS=FAULTS).start()


def test_f14_garbage_is_counted_and_the_feed_goes_on(troubled: Stack) -> None:
    pids = troubled.pids()
    since = troubled.mark()
    with Heartbeats(troubled.settings.run_dir) as heard:
        for feed in ("feed-coinbase", "feed-binance"):

            def counted(feed: str = feed) -> bool:
                beat = heard.take().get(feed)
                return beat is not None and all(
                    beat.counters.get(name, 0) >= 50
                    for name in ("bad_frames", "quarantined", "duplicates")
                )

            eventually(counted, within=30)
            assert heard.take()[feed].counters["reconnects"] == 0
    assert troubled.pids() == pids
    assert all(assert_exact(troubled, since).values())
    kept = list(troubled.settings.data_dir.rglob("*bad*"))
    assert all(path.stat().st_size > 0 for path in kept)
    assert len(kept) == 2


def test_f15_each_bad_price_and_time_has_a_row_with_its_reason_and_its_frame(
    troubled: Stack,
) -> None:
    def reasons() -> Counter[str]:
        found: Counter[str] = Counter()
        for (reason,) in troubled.rows("SELECT reason FROM quarantine"):
            found.update(known for known in REASONS if reason.startswith(known))
        return found

    eventually(lambda: all(reasons()[reason] for reason in REASONS), within=30)
    rows = troubled.rows("SELECT exchange, symbol, trade_id, reason, frame FROM quarantine")
    assert sum(reasons().values()) >= len(rows)
    for exchange, symbol, trade_id, _, frame in rows:
        assert symbol in troubled.settings.feeds[exchange]
        assert str(trade_id) in frame


def test_f15_what_is_in_quarantine_is_in_no_candle(troubled: Stack) -> None:
    since = troubled.mark()
    assert_exact(troubled, since)
    with troubled.at_rest():
        for exchange in troubled.settings.feeds:
            written = {(one.symbol, one.trade_id) for one in quarantined(troubled, exchange)}
            rows = troubled.rows(
                "SELECT symbol, trade_id FROM quarantine WHERE exchange = %s", exchange
            )
            stored = stored_trades(troubled, exchange)
            assert len(rows) == len(set(rows)) > 0
            assert set(rows) == written
            assert written & stored.keys() == set()
            counted = troubled.rows(
                "SELECT sum(n)::bigint FROM candle WHERE exchange = %s AND interval_s = 60",
                exchange,
            )
            assert counted == [(len(stored),)]


def test_a_trade_that_is_missing_or_wrong_anywhere_would_be_found(stacks: Stacks) -> None:
    """The negative control of all these tests: each kind of damage fails the check."""
    stack = stacks(RATE="200", FEEDS="binance:BTC-USDT", FAULTS="drop=0.2").start()
    stack.switch_off("backfiller")  # nobody brings what is missing
    stack.complete = False
    since = stack.mark()
    enough = stack.stored() + 200
    eventually(lambda: stack.stored() >= enough, within=20)
    with pytest.raises(AssertionError, match="lacks"):
        assert_exact(stack, since)
    assert_exact(stack, whole=())
    ids = [row[0] for row in stack.rows("SELECT trade_id FROM trade ORDER BY 1")]
    first = next(one for one, following in pairwise(ids) if following == one + 1)
    for damage, complaint in (
        ("UPDATE candle SET volume = volume + 1e-8 WHERE interval_s = 86400", "1 of .* candles"),
        ("UPDATE trade SET price = price + 0.01 WHERE trade_id = {id}", "1 of .* trades"),
        ("DELETE FROM trade WHERE trade_id = {id} + 1", "2 of .* trades"),
    ):
        stack.change(damage.format(id=first))
        with pytest.raises(AssertionError, match=complaint):
            assert_exact(stack, whole=())

"""Trades that an exchange's stream never brought: a whole installation has each in the end."""

import pytest

from tests.e2e.exactness import assert_exact
from tests.e2e.fix_stack import Stacks
from tests.e2e.stack import Stack
from tests.eventually import eventually

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def leaky(stacks: Stacks) -> Stack:
    """An installation whose exchange loses a fifth of its trades and cuts every connection."""
    stack = stacks(
        RATE="300", FEEDS="coinbase:BTC-USD,ETH-USD", FAULTS="drop=0.2,dup=0.1,disconnect=5"
    )
    return stack.start()


def test_what_the_stream_loses_is_fetched_and_counted_once(leaky: Stack) -> None:
    since = leaky.mark()
    enough = leaky.stored() + 3000
    eventually(lambda: leaky.stored() >= enough, within=60)
    assert all(assert_exact(leaky, since).values())
    ((filled,),) = leaky.rows("SELECT count(*) FROM gap WHERE state = 'filled'")
    assert filled > 100
    status, listed = leaky.get("/api/gaps?state=filled&limit=5")
    assert (status, len(listed)) == (200, 5)
    status, quality = leaky.get("/api/quality")
    assert status == 200
    assert all(one["gapless"] and one["gaps_filled"] > 10 for one in quality)


def test_f22_after_a_lost_journal_what_only_postgres_knows_of_is_fetched_too(leaky: Stack) -> None:
    since = leaky.mark()
    before = leaky.pid("feed-coinbase")
    for path in leaky.settings.journal_dir.glob("coinbase.db*"):
        path.unlink()
    leaky.kill("feed-coinbase")
    leaky.wait_back("feed-coinbase", before, within=10)

    def whole() -> bool:
        return all(missing(leaky, symbol, after) == [] for (_, symbol), after in since.items())

    leaky.mark()
    with leaky.at_rest():
        eventually(whole, within=30)


def missing(stack: Stack, symbol: str, after: int) -> list[int]:
    """Return the ids after one that were executed and are not in Postgres."""
    rows = stack.rows("SELECT trade_id FROM trade WHERE symbol = %s", symbol)
    stored = {trade_id for (trade_id,) in rows}
    ids = [one.trade_id for one in stack.truth("coinbase", symbol)]
    return [trade_id for trade_id in ids if trade_id > after and trade_id not in stored]

"""Trades that a stream has lost, doubled and mixed up, and what a feed and a backfiller make of it.

The exchanges are the simulated ones, their REST limits are the real ones' and kept by the clock.
"""

import random
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from procs.feed.refusal import LIMITED_S
from tests.procs.exchange_server import http
from tests.procs.feeding import START, SYMBOLS
from tests.procs.fix_connection import Serve
from tests.procs.trading import Trading

PAGED = ("binance", "coinbase", "kraken")
PER_S = 1000
TRADES = 3000
"""Of each symbol."""
MIXED = 1000
"""Frames that may change places."""
DROPPED = 0.17
TRIPLED = 0.2
MISSING = 10_000
HOUR_BEGAN = START // 3_600_000_000 * 3_600_000_000
Make = Callable[..., Trading]


@pytest.fixture
def trading(serve: Serve, tmp_path: Path) -> Iterator[Make]:
    made: list[Trading] = []

    def make(name: str, *, per_s: int = PER_S, before_s: int = 0, filled: bool = True) -> Trading:
        trading = Trading(tmp_path, serve(), name, per_s, before_s=before_s, filled=filled)
        made.append(trading)
        return made[-1]

    yield make
    for one in made:
        one.feeding.close()


def mishandled(one: Trading, seed: int) -> int:
    """Let an unreliable stream bring all trades but the dropped ones; return how many those are."""
    chance = random.Random(seed)
    ends = [one.frame(symbol, at) for at in (1, TRADES) for symbol in SYMBOLS]
    one.feeding.pass_time(100_000)
    one.hear(ends[: len(SYMBOLS)])
    frames = [one.frame(symbol, at) for at in range(2, TRADES) for symbol in SYMBOLS]
    dropped = 0
    for begin in range(0, len(frames), MIXED):
        sent: list[bytes] = []
        for frame in frames[begin : begin + MIXED]:
            copies = 3 if chance.random() < TRIPLED else 1
            lost = chance.random() < DROPPED
            dropped += lost
            sent += [frame] * (0 if lost else copies)
        chance.shuffle(sent)
        for at in range(0, len(sent), 100):
            one.tick(MIXED * 1_000_000 // (PER_S * len(SYMBOLS)) // (len(sent) // 100 + 1))
            one.hear(sent[at : at + 100])
    one.feeding.pass_time(1_000_000)
    one.hear(ends[len(SYMBOLS) :])
    return dropped


def ask_once(one: Trading, before: int) -> None:
    """Tick until the exchange has been asked for what is missing: two seconds at most."""
    for _ in range(20):
        one.tick()
        if one.calls > before:
            break
    assert one.calls == before + 1


@pytest.mark.parametrize("name", PAGED)
def test_f16_holes_of_a_sixth_threefold_copies_and_disorder_leave_each_trade_once(
    trading: Make, name: str
) -> None:
    one = trading(name)
    dropped = mishandled(one, seed=16)
    assert dropped > TRADES * len(SYMBOLS) * 0.15
    assert one.rest(within_s=60) < 30
    assert one.gaps == (0, 0)
    for symbol in SYMBOLS:
        assert one.told(symbol) == one.truth(symbol, 1, TRADES)
    assert one.feeding.health.counters["duplicates"] > TRADES * len(SYMBOLS) * 0.2
    assert one.feeding.quarantined() == []
    assert one.calls < 60


def test_f16_a_stream_that_goes_on_losing_a_sixth_is_kept_up_with_at_a_call_a_second(
    trading: Make,
) -> None:
    one, chance = trading("kraken", per_s=100), random.Random(17)
    one.begin(*(one.frame(symbol, 1) for symbol in SYMBOLS))
    trade_id, most = 2, 0
    for _ in range(400):
        one.tick()
        heard = range(trade_id, trade_id + 10)
        trade_id = heard.stop
        frames = [one.frame(symbol, at) for at in heard for symbol in SYMBOLS]
        one.hear([frame for frame in frames if chance.random() >= DROPPED])
        most = max(most, one.gaps[1])
    one.hear([one.frame(symbol, trade_id) for symbol in SYMBOLS])
    assert one.rest(within_s=30) < 10
    assert most < 10 * 100 * len(SYMBOLS) * DROPPED  # those of the last ten seconds
    for symbol in SYMBOLS:
        assert one.told(symbol) == one.truth(symbol, 1, trade_id)


def test_f16_without_a_backfiller_the_holes_stay_open_and_visible(trading: Make) -> None:
    one = trading("kraken", filled=False)
    dropped = mishandled(one, seed=16)
    one.rest(within_s=60)
    gaps, missing = one.gaps
    assert gaps > 100
    assert missing == dropped
    assert sum(len(one.told(symbol)) for symbol in SYMBOLS) == TRADES * len(SYMBOLS) - dropped


@pytest.mark.parametrize(
    ("name", "calls", "within_s"),
    [("coinbase", 10, 10.0), ("binance", 10, 10.0), ("kraken", 11, 10.5)],
)
def test_p6_ten_thousand_missing_trades_are_seen_at_once_and_had_as_fast_as_the_limit_allows(
    trading: Make, name: str, calls: int, within_s: float
) -> None:
    one, symbol = trading(name), SYMBOLS[0]
    before = one.begin(*(one.frame(symbol, at) for at in range(1, 101)))
    one.feeding.pass_time((MISSING + 200) * 1_000_000 // PER_S)
    one.hear([one.frame(symbol, at) for at in range(101 + MISSING, 111 + MISSING)])
    ask_once(one, before)
    assert one.rest(within_s=60) <= within_s
    assert one.gaps == (0, 0)
    assert one.calls - before == calls
    assert one.told(symbol) == one.truth(symbol, 1, 110 + MISSING)


@pytest.mark.parametrize("name", PAGED)
def test_the_hours_earlier_trades_come_with_the_one_before_it_in_a_few_calls(
    trading: Make, name: str
) -> None:
    one, symbol = trading(name, per_s=1, before_s=5000), SYMBOLS[0]
    newest = one.newest(symbol)
    calls = one.begin(one.frame(symbol, newest))
    happened = one.truth(symbol, 1, newest)
    of_the_hour = [trade for trade in happened if trade[1] >= HOUR_BEGAN]
    assert len(of_the_hour) > 3000
    assert one.told(symbol) == happened[-len(of_the_hour) - 1 :]
    assert calls <= 6
    assert one.gaps == (0, 0)


def refusing(one: Trading, error: str, times: int) -> int:
    """Let Kraken answer in words, with HTTP 200, so often; return the calls before the first.

    A gap is open.
    """
    before = one.begin(one.frame(SYMBOLS[0], 1))
    answer, said = one.server.rest_otherwise, [error] * times

    def instead(path: str) -> bytes:
        body = f'{{"error":["{said.pop()}"]}}'.encode() if said else b""
        return http("200 OK", body=body) if body else answer(path)

    one.server.rest_otherwise = instead
    one.hear([one.frame(SYMBOLS[0], 5)])
    ask_once(one, before)
    return before


@pytest.mark.parametrize("error", ["EAPI:Rate limit exceeded", "EGeneral:Too many requests"])
def test_a_limit_that_is_said_with_http_200_is_kept_like_any(trading: Make, error: str) -> None:
    one = trading("kraken")
    before = refusing(one, error, 2)
    one.rest(within_s=LIMITED_S - 1)
    assert (one.calls - before, one.gaps) == (1, (1, 3))
    assert error in str(one.health.last_error)
    one.rest(within_s=2 * LIMITED_S)
    assert (one.calls - before, one.gaps) == (3, (0, 0))
    assert one.told(SYMBOLS[0]) == one.truth(SYMBOLS[0], 1, 5)


def test_a_failure_that_is_said_with_http_200_is_tried_again_soon_and_settles_nothing(
    trading: Make,
) -> None:
    one = trading("kraken")
    before = refusing(one, "EService:Unavailable", 2)
    assert one.rest(within_s=LIMITED_S) < LIMITED_S / 2
    assert (one.calls - before, one.gaps) == (3, (0, 0))


def test_a_pair_that_is_not_known_is_not_asked_for_again_before_the_feed_asks(
    trading: Make,
) -> None:
    one = trading("kraken")
    before = refusing(one, "EQuery:Unknown asset pair", 1)
    for _ in range(40):
        one.tick()
    assert (one.calls - before, one.gaps) == (1, (1, 3))
    one.rest(within_s=20)  # the feed asks again: five seconds after it did
    assert (one.calls - before, one.gaps) == (2, (0, 0))

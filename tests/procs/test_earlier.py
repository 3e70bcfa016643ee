"""This hour's trades from before the first: wished for, had, and proven to be all."""

from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path

import pytest

from bus.actor import Send
from bus.messages import GapsWanted, Recovered, Seen, SeenIds, Trade, Wanted, decode, encode
from procs.backfiller.wishes import Wishes
from procs.feed.earlier import ASK_AGAIN_US, GIVE_UP_US, TRADES_MAX
from procs.feed.gaps import LOOK_EVERY_US
from tests.procs.feeding import START, Feeding, match

SYMBOL = "BTC-USD"
HOUR = 3_600_000_000
BEGIN = START // HOUR * HOUR
"""Of the hour that runs: 54 minutes and 15 seconds ago."""
FIRST = 3255 + 1000
"""Trade 1000 is the hour's first, one comes each second; this is the first that is heard."""


def ts_of(trade_id: int) -> int:
    return BEGIN + (trade_id - 1000) * 1_000_000


def trade(trade_id: int) -> Trade:
    return Trade(SYMBOL, trade_id, ts_of(trade_id), START, "100.5", "0.5", "buy")


def frame(trade_id: int) -> bytes:
    return match(trade_id, ts=ts_of(trade_id))


@pytest.fixture
def one(tmp_path: Path) -> Iterator[Feeding]:
    made = Feeding(tmp_path)
    yield made
    made.close()


def wanted(sends: list[Send]) -> list[Wanted]:
    asked = [decode(send.payload) for send in sends if send.output == "backfiller"]
    return [each for one in asked if isinstance(one, GapsWanted) for each in one.wanted]


def bring(one: Feeding, ids: range, *absent: tuple[int, int]) -> None:
    answer = Recovered("coinbase", SYMBOL, 0, [trade(n) for n in ids], [], list(absent))
    one.feed.on_message("recovered", [encode(answer)], one.now)


def seen(one: Feeding, oldest: int, *intervals: tuple[int, int], epoch: int = 0) -> None:
    """Hand over what Postgres has."""
    ids = SeenIds(SYMBOL, 0, list(intervals), ts_of(FIRST), oldest)
    message = encode(Seen("coinbase", epoch, 0, [ids]))
    one.feed.on_message("stored", [b"ids.", message], one.now)


WISH = Wanted(SYMBOL, 0, FIRST - 1, 0, None, BEGIN)


def test_with_the_first_trade_those_of_the_hour_before_it_are_wished_for_until_they_come(
    one: Feeding,
) -> None:
    assert wanted(one.tick(LOOK_EVERY_US)) == []
    one.take(frame(FIRST), frame(FIRST + 1))
    assert wanted(one.tick(LOOK_EVERY_US)) == [WISH]
    assert wanted(one.tick(ASK_AGAIN_US - 1)) == []
    assert wanted(one.tick(LOOK_EVERY_US)) == [WISH]


def test_it_is_done_when_one_from_before_the_hour_has_come_and_nothing_between_is_missing(
    one: Feeding,
) -> None:
    one.take(frame(FIRST))
    one.tick(LOOK_EVERY_US)
    bring(one, range(3000, FIRST))
    (again,) = wanted(one.tick(ASK_AGAIN_US))
    assert (again.first_id, again.last_id, again.until) == (0, 2999, BEGIN)
    bring(one, range(999, 2000))
    (hole,) = wanted(one.tick(ASK_AGAIN_US))
    assert (hole.first_id, hole.last_id) == (2000, 2999)
    bring(one, range(2000, 3000))
    assert wanted(one.tick(ASK_AGAIN_US)) == []
    assert sorted(one.ids()) == list(range(999, FIRST + 1))
    assert one.health.counters["gaps_opened"] == one.health.counters["quarantined"] == 0


def test_it_is_done_when_the_exchange_has_none(one: Feeding) -> None:
    one.take(frame(FIRST))
    one.tick(LOOK_EVERY_US)
    bring(one, range(3000, FIRST), (0, 2999))
    assert wanted(one.tick(ASK_AGAIN_US)) == []


@pytest.mark.parametrize("number", [0, 1])
def test_where_ids_begin_with_the_first_there_is_little_to_ask(one: Feeding, number: int) -> None:
    one.take(match(number))
    assert len(wanted(one.tick(LOOK_EVERY_US))) == number
    bring(one, range(0), (0, 0))
    assert wanted(one.tick(ASK_AGAIN_US)) == []


def test_it_is_given_up_after_an_hour_or_very_many_trades(tmp_path: Path) -> None:
    for name in ("late", "many"):
        (tmp_path / name).mkdir()
        one = Feeding(tmp_path / name)
        first = 10 * TRADES_MAX
        one.take(match(first, ts=START))
        assert len(wanted(one.tick(LOOK_EVERY_US))) == 1
        if name == "late":
            one.pass_time(GIVE_UP_US)
        else:
            few = [
                Trade(SYMBOL, n, START - 1, START, "1", "1", "buy")
                for n in range(first - TRADES_MAX, first)
            ]
            answer = Recovered("coinbase", SYMBOL, 0, few, [], [])
            one.feed.on_message("recovered", [encode(answer)], one.now)
        for _ in range(3):
            assert wanted(one.tick(ASK_AGAIN_US)) == []
        one.close()


def test_a_symbol_that_has_traded_before_seeks_nothing(one: Feeding, tmp_path: Path) -> None:
    one.take(frame(FIRST))
    one.tick(LOOK_EVERY_US)
    one.close()
    again = Feeding(tmp_path)
    again.take(frame(FIRST + 1))
    assert wanted(again.tick(LOOK_EVERY_US)) == []
    seen(again, BEGIN - HOUR, (FIRST, FIRST))
    assert wanted(again.tick(LOOK_EVERY_US)) == []
    again.close()


def test_one_that_began_in_this_hour_goes_on_after_a_restart(one: Feeding, tmp_path: Path) -> None:
    one.take(frame(FIRST))
    one.tick(LOOK_EVERY_US)
    bring(one, range(3000, FIRST))
    one.close()
    again = Feeding(tmp_path)
    again.take(frame(FIRST + 1))
    assert wanted(again.tick(LOOK_EVERY_US)) == []
    seen(again, ts_of(3000), (3000, FIRST))
    (wish,) = wanted(again.tick(LOOK_EVERY_US))
    assert (wish.first_id, wish.last_id, wish.until) == (0, 2999, BEGIN)
    bring(again, range(999, 3000))
    assert wanted(again.tick(ASK_AGAIN_US)) == []
    seen(again, ts_of(3000), (3000, FIRST))
    assert wanted(again.tick(ASK_AGAIN_US)) == []
    again.close()


def test_a_journal_that_was_lost_is_no_beginning(one: Feeding) -> None:
    one.take(frame(FIRST))
    one.tick(LOOK_EVERY_US)
    seen(one, BEGIN - HOUR, (1, FIRST - 10))
    sends = one.tick(ASK_AGAIN_US)
    assert [(each.first_id, each.last_id, each.until) for each in wanted(sends)] == [
        (FIRST - 9, FIRST - 1, None)
    ]


@pytest.mark.parametrize("by_time", [False, True])
def test_the_backfillers_answers_make_the_hour_whole(one: Feeding, *, by_time: bool) -> None:
    wishes = Wishes(1000 if by_time else None)
    calls = count(1)
    one.take(frame(FIRST))
    called = 0
    for _ in range(100):
        for wish in wanted(one.tick(LOOK_EVERY_US)):
            wishes.add(wish)
        asked = wishes.next()
        if asked is None:
            continue
        called = next(calls)
        page = page_of(asked, by_time=by_time)
        settled = wishes.settle(asked, [each.trade_id for each in page], times(page))
        ids = [each for each in page if each.trade_id in settled.ids]
        answer = Recovered("coinbase", SYMBOL, 0, ids, [], settled.absent)
        one.feed.on_message("recovered", [encode(answer)], one.now)
    assert sorted(one.ids()) == list(range(999, FIRST + 1))
    assert len(wishes) == 0
    assert called <= 10


def times(page: list[Trade]) -> dict[int, int]:
    return {each.trade_id: each.ts_event for each in page}


def page_of(asked: Wanted, *, by_time: bool) -> list[Trade]:
    """Return a page of an exchange that has the trades from 1 on."""
    if not by_time:
        return [trade(n) for n in range(max(1, asked.last_id - 999), asked.last_id + 1)]
    since = asked.since if asked.since is not None else ts_of(FIRST - 999)
    rising: Callable[[int], bool] = lambda n: ts_of(n) > since  # noqa: E731
    return [trade(n) for n in range(1, FIRST + 1) if rising(n)][:1000]

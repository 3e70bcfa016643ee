"""What Postgres says that it has, held against what the feed knows; on a real journal."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from bus.errors import JournalFull
from bus.messages import Gap, GapOpened, GapUnfillable, Seen, SeenIds, encode
from procs.feed.feed import ANEW
from procs.feed.gaps import DOUBT_US, LOOK_EVERY_US, LOST_THERE, OFTEN_GAPS
from procs.feed.holes import ABSENT_TIMES, ASK_AGAIN_US, GRACE_US
from tests.fix_disk import Disk
from tests.procs.feeding import START, Feeding, match
from tests.procs.test_gaps import SYMBOL, bring, wanted


@pytest.fixture
def one(tmp_path: Path) -> Iterator[Feeding]:
    made = Feeding(tmp_path)
    yield made
    made.close()


def has(
    one: Feeding, *intervals: tuple[int, int], gaps: tuple[Gap, ...] = (), seq: int | None = None
) -> list[tuple[str, int, int]]:
    """Tell the feed what Postgres has; return what it asks for soon after."""
    at = one.journal.last_seq if seq is None else seq
    newest = START + intervals[-1][1] * 1_000_000  # as ``match`` has it
    ids = [SeenIds(SYMBOL, 0, list(intervals), newest)]
    message = Seen("coinbase", one.journal.epoch, at, ids, list(gaps))
    one.feed.on_message("stored", [b"ids.coinbase.", encode(message)], one.now)
    return wanted(one.tick(GRACE_US))


def opened(one: Feeding) -> list[GapOpened]:
    return [record for record in one.recorded() if isinstance(record, GapOpened)]


def test_a_gap_that_is_open_in_postgres_and_nowhere_else_is_looked_after(one: Feeding) -> None:
    one.take(match(50))
    assert has(one, (50, 50), gaps=(Gap(SYMBOL, 20, 29),)) == [(SYMBOL, 20, 29)]
    assert opened(one) == []  # there is a row of it already
    assert has(one, (50, 50), gaps=(Gap(SYMBOL, 20, 29),)) == []  # it is known now
    bring(one, *range(20, 30))
    one.tick(ASK_AGAIN_US)
    assert one.health.counters["gaps_filled"] == 1
    assert has(one, (20, 29), (50, 50)) == []


def test_what_the_exchange_has_not_is_not_asked_for_again_whoever_has_it_open(one: Feeding) -> None:
    one.take(match(1), match(3))
    one.tick(GRACE_US)
    for times in range(ABSENT_TIMES):
        one.tick(ASK_AGAIN_US * 4**times)
        bring(one, absent=((2, 2),))
    one.tick(ASK_AGAIN_US)
    assert has(one, (1, 1), (3, 3), gaps=(Gap(SYMBOL, 2, 2),)) == []


def test_never_received_is_said_of_what_had_no_trade_in_any_life_that_is_known_of(
    one: Feeding, tmp_path: Path
) -> None:
    one.take(match(1))
    one.close()
    again = Feeding(tmp_path)
    again.connect()

    def states() -> list[str]:
        return [found.state for found in again.feed.status(again.now).symbols]

    assert states() == ["quiet", "never received"]
    ids = [SeenIds("ETH-USD", 0, [(5, 9)], START)]  # after a lost journal Postgres knows
    message = Seen("coinbase", again.journal.epoch, 0, ids)
    again.feed.on_message("stored", [b"ids.coinbase.", encode(message)], again.now)
    assert states() == ["quiet", "quiet"]
    again.close()


def test_f17_what_comes_before_an_id_far_ahead_is_not_asked_for_though_postgres_has_it_open(
    one: Feeding,
) -> None:
    far = 1_000_000_000
    one.take(match(1), match(2), match(3), match(far, ts=START + 4_000_000))
    one.tick()
    one.tick(DOUBT_US)
    (gap,) = opened(one)
    assert gap.gaps == [Gap(SYMBOL, 4, far - 1)]
    for _ in range(ABSENT_TIMES + 2):
        assert has(one, (1, 3), (far, far), gaps=(Gap(SYMBOL, 4, far - 1),)) == []
        bring(one, absent=((4, far - 1),))
        one.tick(ASK_AGAIN_US * 4**ABSENT_TIMES)
    one.take(match(4), match(7))  # so what is missed among them later is asked for like any
    one.tick(GRACE_US + LOOK_EVERY_US)
    assert opened(one)[-1].gaps == [Gap(SYMBOL, 5, 6)]
    assert Gap(SYMBOL, 5, 6) in one.feed._commits.holes._open[SYMBOL, 0]


def test_f17_what_comes_before_two_ids_far_ahead_is_asked_for_after_a_restart_too(
    one: Feeding, tmp_path: Path
) -> None:
    far = 20_000
    one.take(match(1), match(2), match(3), match(far), match(far + 1))
    one.close()
    again = Feeding(tmp_path)
    gap = Gap(SYMBOL, 4, far - 1)
    assert has(again, (1, 3), (far, far + 1), gaps=(gap,)) == [(SYMBOL, 4, far - 1)]
    again.close()


def test_a_short_gap_far_ahead_is_asked_for_so_that_it_does_not_stay_open(one: Feeding) -> None:
    far = 1_000_000  # of an unbelievable trade, on a full disk
    one.take(match(1), match(2), match(3))
    assert has(one, (1, 3), gaps=(Gap(SYMBOL, far, far),)) == [(SYMBOL, far, far)]


def test_f17_an_old_word_of_the_newest_trade_makes_nobody_think_that_ids_began_anew(
    one: Feeding, tmp_path: Path
) -> None:
    for trade_id in range(1, 31):
        one.take(match(trade_id))
    one.close()
    again = Feeding(tmp_path)
    has(again, (1, 10), seq=10)  # Postgres is behind: its newest trade is not ours
    again.take(match(30))  # as an exchange sends on subscribing
    assert again.quarantined() == []
    assert again.health.counters["duplicates"] == 1
    has(again, (1, 30))
    again.take(match(30, ts=START + 90_000_000))  # and yet this one is
    assert [reason for _, reason in again.quarantined()] == [f"{ANEW}: 30"]
    again.close()


def test_f17_an_id_far_ahead_that_is_sent_twice_is_a_duplicate_and_no_beginning(
    one: Feeding,
) -> None:
    one.take(match(1), match(2))
    for _ in range(2):  # the last match, of two connections in a row
        one.take(match(300_000, ts=START + 60_000_000))
    assert one.quarantined() == []
    assert one.health.counters["duplicates"] == 1


def test_what_cannot_be_had_is_said_once_and_not_again_after_a_restart(
    one: Feeding, tmp_path: Path
) -> None:
    one.take(match(1), match(3), match(5))
    one.tick(GRACE_US)
    for times in range(ABSENT_TIMES):
        one.tick(ASK_AGAIN_US * 4**times)
        bring(one, 4, absent=((2, 2),))
    one.tick(ASK_AGAIN_US)
    one.close()
    again = Feeding(tmp_path)
    again.tick()
    assert wanted(again.tick(GRACE_US)) == []
    said = [record.gaps for record in again.recorded() if isinstance(record, GapUnfillable)]
    assert said == [[Gap(SYMBOL, 2, 2)]]
    again.take(match(2))  # and yet it is taken where it comes after all
    assert 2 in again.ids()
    again.close()


def test_what_postgres_has_lost_is_a_gap_once_it_has_said_so_twice(one: Feeding) -> None:
    one.take(*[match(trade_id) for trade_id in range(1, 101)])
    assert has(one, (1, 40), (61, 90)) == []  # it may just not have come there yet
    one.take(match(101))
    asked = has(one, (1, 40), (61, 90))
    assert asked == [(SYMBOL, 41, 100)]  # with what lies between, which costs nothing
    (gap,) = opened(one)
    assert (gap.gaps, gap.reason) == ([Gap(SYMBOL, 41, 60), Gap(SYMBOL, 91, 100)], LOST_THERE)
    bring(one, *range(41, 61), *range(91, 101))
    assert sorted(one.ids()[-30:]) == [*range(41, 61), *range(91, 101)]
    assert has(one, (1, 101)) == []
    assert has(one, (1, 101)) == []


def test_what_postgres_has_not_stored_yet_is_not_lost(one: Feeding) -> None:
    one.take(match(1))
    for trade_id in range(2, 30):
        one.take(match(trade_id))
        assert has(one, (1, trade_id - 1), seq=one.journal.last_seq - 1) == []
    assert opened(one) == []


def test_what_lies_before_all_that_postgres_says_is_not_compared(one: Feeding) -> None:
    one.take(*[match(trade_id) for trade_id in range(1, 101)])
    for _ in range(3):
        assert has(one, (90, 100)) == []  # a new database, or more than it says at once
    one.take(match(101))
    assert opened(one) == []


def test_another_journals_position_is_not_compared_with(one: Feeding) -> None:
    one.take(*[match(trade_id) for trade_id in range(1, 11)])
    ids = [SeenIds(SYMBOL, 0, [(1, 5)], START)]
    for _ in range(3):
        message = encode(Seen("coinbase", one.journal.epoch + 1, 99, ids))
        one.feed.on_message("stored", [b"ids.coinbase.", message], one.now)
    assert wanted(one.tick(GRACE_US)) == []


def test_on_a_full_disk_what_postgres_has_lost_stays_as_it_was(
    one: Feeding, monkeypatch: pytest.MonkeyPatch
) -> None:
    one.take(*[match(trade_id) for trade_id in range(1, 11)])
    has(one, (1, 5))

    def full(*_: object) -> int:
        raise JournalFull("no room")

    with monkeypatch.context() as patched:
        patched.setattr(one.journal, "append", full)
        assert has(one, (1, 5)) == []
    assert opened(one) == []
    one.take(match(7), match(11))
    assert one.journal.seen()[SYMBOL, 0] == [(1, 11)]
    assert has(one, (1, 5)) == [(SYMBOL, 6, 10)]


def test_very_many_open_gaps_are_looked_at_less_often(one: Feeding) -> None:
    holes, count = one.feed._commits.holes, 5 * OFTEN_GAPS
    one.take(match(1))
    for number in range(count):
        holes.open(Gap(SYMBOL, 10_000 * number + 5, 10_000 * number + 6), None, one.now.mono)
    asked = [len(wanted(one.tick(200_000))) for _ in range(12)]
    assert asked == [100, 0, 0, 0, 0, 100, 0, 0, 0, 0, 100, 0]
    found = one.feed.status(one.now).symbols[0]
    assert (found.gaps_open, found.missing) == (count, 2 * count)


def test_ids_learned_meanwhile_are_still_written_after_the_disk_was_full(disk: Disk) -> None:
    one = Feeding(disk.path)
    one.take(match(100))
    disk.fill()
    ids = [SeenIds(SYMBOL, 0, [(1, 50)], START)]
    message = Seen("coinbase", one.journal.epoch, 1, ids)
    one.feed.on_message("stored", [b"ids.coinbase.", encode(message)], one.now)
    last = 100
    while one.feed._commits.journal_ok:
        one.take(*[match(last + step, symbol="ETH-USD") for step in range(500)])
        last += 500
    disk.heal()
    one.take(match(101))
    assert one.journal.seen()[SYMBOL, 0] == [(1, 50), (100, 101)]
    one.close()
    again = Feeding(disk.path)
    again.tick()
    assert (SYMBOL, 51, 99) in wanted(again.tick(GRACE_US))
    again.close()

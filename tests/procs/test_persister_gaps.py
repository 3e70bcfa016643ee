"""Gaps in Postgres: cut, closed, found again, and told to the feed; the same after a restart."""

from collections.abc import Callable, Sequence

import pytest

from bus.actor import Send
from bus.messages import (
    FeedStatus,
    Gap,
    GapOpened,
    GapUnfillable,
    Seen,
    SeenIds,
    Trade,
    decode,
    encode,
)
from procs.persister.persister import LOOK_EVERY_US, SEEN_EVERY_US
from store import pool
from tests.procs.journalling import Journalling
from tests.procs.living import Persisting
from tests.store.folding import START

pytestmark = pytest.mark.usefixtures("exact_decimals")

Persist = Callable[[], Persisting]
SYMBOL = "ETH-USDT"


def trades(first: int, last: int) -> list[Trade]:
    return [
        Trade(SYMBOL, number, START + number, START, "10", "1", "buy")
        for number in range(first, last + 1)
    ]


def opened(record: Journalling, *gaps: Gap) -> bytes:
    return record.add(lambda e, seq: GapOpened("binance", e, seq, list(gaps), "ids are missing"))


def unfillable(record: Journalling, *gaps: Gap) -> bytes:
    return record.add(lambda e, seq: GapUnfillable("binance", e, seq, list(gaps)))


def rows(connection: pool.Connection) -> list[tuple[int, int, str, bool]]:
    """Return (first_id, last_id, state, whether it has ended) of all gaps."""
    return connection.execute(
        "SELECT first_id, last_id, state, closed_at IS NOT NULL FROM gap ORDER BY 1"
    ).fetchall()


def seen_in(sends: Sequence[Send]) -> list[Seen]:
    messages = [decode(send.payload) for send in sends if send.topic == b"ids.binance."]
    return [message for message in messages if isinstance(message, Seen)]


def gapless(one: Persisting, value: bool = True) -> None:
    """Let the feed say of itself that any missing id is a gap."""
    one.tell(encode(FeedStatus("binance", "connected", "closed", 1, 0, None, None, value, [])))


@pytest.mark.parametrize("restart", [True, False])
def test_a_gap_of_which_a_part_cannot_be_had_ends_with_the_right_rows(
    record: Journalling, persisting: Persist, connection: pool.Connection, restart: bool
) -> None:
    def next_life(one: Persisting) -> Persisting:
        if restart:
            one.die()
            one = persisting()
            one.live()
        return one

    one = persisting()
    one.live()
    one.take(record.append([*trades(1, 9), *trades(40, 41)]), opened(record, Gap(SYMBOL, 10, 39)))
    one.live()
    one = next_life(one)
    one.take(unfillable(record, Gap(SYMBOL, 10, 19)), record.append(trades(30, 34)))
    one.live()
    assert rows(connection) == [(10, 19, "unfillable", True), (20, 39, "open", False)]
    one = next_life(one)
    one.take(unfillable(record, Gap(SYMBOL, 35, 39)))
    one.live()
    one = next_life(one)
    one.take(record.append(trades(20, 29)))
    one.live()
    assert rows(connection) == [
        (10, 19, "unfillable", True),
        (20, 34, "filled", True),
        (35, 39, "unfillable", True),
    ]
    reasons = connection.execute("SELECT DISTINCT reason FROM gap").fetchall()
    assert reasons == [("ids are missing",)]
    assert next_life(one).actor._ledgers["binance"].have().gaps == []


def test_a_gap_all_of_which_was_stored_before_it_was_told_is_closed_at_once(
    record: Journalling, persisting: Persist, connection: pool.Connection
) -> None:
    one = persisting()
    one.live()
    one.take(record.append(trades(1, 9)))
    one.live()
    one.take(opened(record, Gap(SYMBOL, 3, 5), Gap(SYMBOL, 8, 12)))
    one.live()
    assert rows(connection) == [(3, 5, "filled", True), (8, 12, "open", False)]


def test_the_feed_is_told_which_gaps_are_open_also_after_a_restart(
    record: Journalling, persisting: Persist
) -> None:
    one = persisting()
    one.live()
    one.take(record.append([*trades(1, 2), *trades(9, 9)]), opened(record, Gap(SYMBOL, 3, 8)))
    for life in (one, persisting()):
        [told] = seen_in(life.live(2, SEEN_EVERY_US))[-1:]
        ids = [SeenIds(SYMBOL, 0, [(1, 2), (9, 9)], START + 9, START)]
        epoch = record.writer.epoch
        assert told == Seen("binance", epoch, 2, ids, [Gap(SYMBOL, 3, 8)])


def test_a_hole_that_a_spoilt_record_leaves_becomes_a_gap_and_closes_again(
    record: Journalling, persisting: Persist, connection: pool.Connection
) -> None:
    for first in range(1, 31, 10):
        record.append(trades(first, first + 9))
    record.writer._db.execute("UPDATE record SET crc = crc + 1 WHERE seq = 2")
    one = persisting()
    gapless(one)
    one.live(2)
    assert one.health.counters["corrupt_records"] == 1
    assert rows(connection) == []
    sends = one.live(2, LOOK_EVERY_US)
    assert rows(connection) == [(11, 20, "open", False)]
    assert seen_in(sends)[-1].gaps == [Gap(SYMBOL, 11, 20)]
    assert one.health.counters["gaps_reopened"] == 1
    one.take(record.append(trades(11, 20)))
    one.live(2, LOOK_EVERY_US)
    assert rows(connection) == [(11, 20, "filled", True)]


def test_a_hole_of_an_exchange_without_consecutive_ids_is_none(
    record: Journalling, persisting: Persist, connection: pool.Connection
) -> None:
    one = persisting()
    gapless(one, False)
    one.take(record.append([*trades(1, 2), *trades(9, 9)]))
    one.live(4, LOOK_EVERY_US)
    assert rows(connection) == []
    gapless(one)
    one.live(2, LOOK_EVERY_US)
    assert rows(connection) == [(3, 8, "open", False)]


def test_a_hole_that_is_known_to_be_unfillable_is_not_opened_again(
    record: Journalling, persisting: Persist, connection: pool.Connection
) -> None:
    one = persisting()
    gapless(one)
    one.live()
    one.take(record.append([*trades(1, 2), *trades(9, 9)]), opened(record, Gap(SYMBOL, 3, 8)))
    one.take(unfillable(record, Gap(SYMBOL, 3, 8)))
    for life in (one, persisting()):
        gapless(life)
        life.live(4, LOOK_EVERY_US)
        assert rows(connection) == [(3, 8, "unfillable", True)]

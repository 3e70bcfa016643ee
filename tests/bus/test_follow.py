"""Following a journal: each record once and in order, whatever the bus brings."""

from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random

import pytest

from bus.follow import Follower, journals
from bus.log import Log
from bus.messages import JournalRecord, Trade, TradeBatch, decode_record, encode
from tests.procs.journalling import Journalling


class Consumer:
    """Follows, and keeps the seqs of what it was handed."""

    def __init__(self, folder: Path) -> None:
        self.counters: Counter[str] = Counter()
        self.follower = Follower(folder, "binance", self.counters, Log("test"))
        self.seqs: list[int | None] = []

    def take(self, *bodies: bytes) -> "Consumer":
        for body in bodies:
            record = decode_record(body)
            if self.follower.take(record):
                self.seqs.append(record.seq)
        return self

    def read(self) -> list[JournalRecord]:
        found: list[JournalRecord] = []
        while self.follower.behind:
            found += self.follower.read(3)
        self.seqs += [record.seq for record in found]
        return found


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journalling]:
    made = Journalling(tmp_path)
    yield made
    made.writer.close()


@pytest.fixture
def consumer(journal: Journalling) -> Iterator[Consumer]:
    made = Consumer(journal.folder)
    yield made
    made.follower.close()


def batch(journal: Journalling) -> bytes:
    number = journal.writer.last_seq
    return journal.append([Trade("A-USD", number, 1, 1, "1", "1", "buy")])


def test_it_begins_with_the_journal_and_goes_on_with_the_bus(
    journal: Journalling, consumer: Consumer
) -> None:
    for _ in range(5):
        batch(journal)
    assert consumer.follower.behind
    consumer.read()
    consumer.take(batch(journal), batch(journal))
    assert consumer.seqs == [1, 2, 3, 4, 5, 6, 7]
    assert consumer.counters == {"from_journal": 5, "from_socket": 2}


def test_f11_a_hole_is_read_from_the_journal_and_nothing_comes_twice(
    journal: Journalling, consumer: Consumer
) -> None:
    consumer.read()
    bodies = [batch(journal) for _ in range(9)]
    consumer.take(bodies[0], bodies[0], bodies[4], bodies[5])
    assert consumer.follower.behind
    consumer.read()
    assert not consumer.follower.behind
    consumer.take(*bodies, batch(journal))
    assert consumer.seqs == list(range(1, 11))
    assert not consumer.follower.behind


def test_what_was_read_and_then_comes_off_the_bus_is_ignored(
    journal: Journalling, consumer: Consumer
) -> None:
    body = batch(journal)
    consumer.read()
    consumer.take(body, body)
    assert consumer.seqs == [1]
    assert not consumer.follower.behind


def test_a_heartbeat_that_overtakes_queued_batches_does_not_force_the_journal(
    journal: Journalling, consumer: Consumer
) -> None:
    consumer.read()
    epoch = journal.writer.epoch
    for _ in range(10):  # each heartbeat is read before the batches that were sent before it
        bodies = [batch(journal) for _ in range(5)]
        consumer.follower.heard(epoch, journal.writer.last_seq)
        assert not consumer.follower.behind
        consumer.take(*bodies)
    assert consumer.counters == {"from_socket": 50}


def test_what_is_missing_since_the_heartbeat_before_is_read(
    journal: Journalling, consumer: Consumer
) -> None:
    consumer.read()
    batch(journal)
    consumer.follower.heard(journal.writer.epoch, 1)
    assert not consumer.follower.behind
    consumer.follower.heard(journal.writer.epoch, 1)
    assert consumer.follower.behind
    consumer.read()
    assert consumer.seqs == [1]
    consumer.follower.heard(journal.writer.epoch, 1)
    assert not consumer.follower.behind


def test_a_new_epoch_is_read_from_its_beginning(journal: Journalling, consumer: Consumer) -> None:
    for _ in range(3):
        batch(journal)
    consumer.read()
    journal.begin_again()
    first, second = batch(journal), batch(journal)
    consumer.take(second)
    consumer.read()
    consumer.take(first, second, batch(journal))
    assert consumer.seqs == [1, 2, 3, 1, 2, 3]
    assert consumer.follower.epoch == journal.writer.epoch
    assert not consumer.follower.skipped


def test_a_new_epoch_is_noticed_by_its_heartbeat_alone(
    journal: Journalling, consumer: Consumer
) -> None:
    batch(journal)
    consumer.read()
    journal.begin_again()
    batch(journal)
    consumer.follower.heard(journal.writer.epoch, 1)
    consumer.read()
    assert consumer.seqs == [1, 1]


def test_what_was_trimmed_unread_is_said(journal: Journalling, consumer: Consumer) -> None:
    for _ in range(4):
        batch(journal)
    consumer.read()
    bodies = [batch(journal) for _ in range(6)]
    journal.writer.trim(7, 1 << 62)
    consumer.take(bodies[-1])
    consumer.read()
    assert consumer.seqs == [1, 2, 3, 4, 8, 9, 10]
    assert consumer.follower.skipped
    consumer.follower.reset(journal.writer.epoch, 8)
    assert not consumer.follower.skipped
    consumer.read()
    assert consumer.seqs[-2:] == [9, 10]


def test_a_journal_emptied_of_what_was_read_is_no_loss(
    journal: Journalling, consumer: Consumer
) -> None:
    for _ in range(4):
        batch(journal)
    consumer.read()
    journal.writer.trim(4, 1 << 62)
    consumer.follower.reset(journal.writer.epoch, 4)
    assert consumer.read() == []
    assert not consumer.follower.skipped
    consumer.take(batch(journal))
    assert consumer.seqs == [1, 2, 3, 4, 5]


def test_a_batch_without_a_position_is_never_taken(
    journal: Journalling, consumer: Consumer
) -> None:
    consumer.read()
    loose = encode(TradeBatch("binance", journal.writer.epoch, None, [], {}))
    consumer.take(loose, batch(journal), loose)
    assert consumer.seqs == [1]
    assert not consumer.follower.behind


def test_a_spoilt_record_is_passed_over_and_counted_and_its_neighbours_come(
    journal: Journalling, consumer: Consumer
) -> None:
    for _ in range(5):
        batch(journal)
    journal.writer._db.execute("UPDATE record SET body = x'00' WHERE seq IN (1, 3)")
    consumer.read()
    assert consumer.seqs == [2, 4, 5]
    assert consumer.counters["corrupt_records"] == 2


def test_without_a_journal_it_waits_until_it_hears_of_one(tmp_path: Path) -> None:
    consumer = Consumer(tmp_path)
    assert consumer.read() == []
    assert journals(tmp_path) == []
    journal = Journalling(tmp_path)
    body = batch(journal)
    assert journals(tmp_path) == ["binance"]
    consumer.take(body)
    consumer.read()
    assert consumer.seqs == [1]
    consumer.follower.close()
    journal.writer.close()


def test_f11_a_slow_peer_reads_exactly_what_the_bus_has_dropped(
    journal: Journalling, consumer: Consumer
) -> None:
    consumer.read()
    dropped = 0
    for number in range(1, 501):
        body = batch(journal)
        if (number - 1) % 100 < 60:  # its queue is full for a while, again and again
            dropped += 1
        else:
            consumer.take(body)
            consumer.read()
    assert consumer.seqs == list(range(1, 501))
    assert dropped == 300
    refilled, had = consumer.counters["from_journal"], consumer.counters["from_socket"]
    # What shows a hole is read along with it: one for each of the five.
    assert (refilled, had) == (dropped + 5, 500 - dropped - 5)


def test_f11_without_reading_the_journal_what_was_dropped_stays_away(
    journal: Journalling, consumer: Consumer
) -> None:
    consumer.read()
    bodies = [batch(journal) for _ in range(9)]
    consumer.take(bodies[0], *bodies[5:])
    assert consumer.seqs == [1]


@pytest.mark.parametrize("seed", range(20))
def test_f11_every_record_comes_once_and_in_order_over_any_bus(
    journal: Journalling, seed: int
) -> None:
    chance = Random(seed)
    consumer = Consumer(journal.folder)
    queue: list[bytes] = []
    steps: list[Callable[[], object]] = [
        lambda: queue.append(batch(journal)),
        lambda: queue and consumer.take(queue.pop(chance.randrange(len(queue)))),
        lambda: queue and queue.pop(),
        lambda: queue.extend(chance.sample(queue, min(1, len(queue)))),
        lambda: consumer.follower.heard(journal.writer.epoch, journal.writer.last_seq),
        consumer.read,
    ]
    for _ in range(300):
        chance.choice(steps)()
    for _ in range(2):
        consumer.follower.heard(journal.writer.epoch, journal.writer.last_seq)
    consumer.read()
    assert consumer.seqs == list(range(1, journal.writer.last_seq + 1))
    consumer.follower.close()


def test_nothing_is_passed_over_that_a_newer_tickwire_wrote(
    journal: Journalling, consumer: Consumer
) -> None:
    batch(journal)
    journal.writer.append([b"\x93\xa5later\x01\x02"], 1)
    batch(journal)
    consumer.read()
    assert consumer.seqs == [1]
    consumer.follower.heard(journal.writer.epoch, 3)
    consumer.follower.heard(journal.writer.epoch, 3)
    assert consumer.read() == []
    assert not consumer.follower.behind  # others are not kept waiting
    assert consumer.counters["journal_damaged"] == 2

"""A persister killed at every point of its transaction, two of them at once, a stolen socket."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any

import pytest
import zmq

from bus import sockets
from bus.errors import Fenced
from bus.heartbeat import Health
from bus.messages import encode
from bus.wiring import BATCHES
from procs.persister.ledger import Ledger
from store import candles, cursors, pool, trades
from tests.eventually import eventually
from tests.procs.fix_persister import chunks, same
from tests.procs.journalling import Journalling
from tests.procs.living import Persisting
from tests.store.folding import START, random_trades

pytestmark = pytest.mark.usefixtures("exact_decimals")

Persist = Callable[[], Persisting]
POINTS = [
    *((trades, "copy"), (candles, "merge"), (trades, "mark_seen"), (cursors, "save")),
    (Ledger, "store"),
]
"""What a kill comes before or after; after the last the COMMIT is done and nobody was told."""
ROUNDS = 3


class Killed(BaseException):
    """kill -9: nothing is tidied up, and what is not committed is gone."""


@contextmanager
def killing(monkeypatch: pytest.MonkeyPatch, seed: int) -> Iterator[list[str]]:
    """Kill before and after each point so many times, in an order of chance; yield what is left."""
    chance = Random(seed)
    names = [name for _, name in POINTS]
    plan = [f"{when} {name}" for name in names for when in ("before", "after")] * ROUNDS
    chance.shuffle(plan)

    def perhaps(where: str) -> None:
        if plan and plan[-1] == where and chance.random() < 0.5:
            plan.pop()
            raise Killed

    def wrapped(whole: Callable[..., Any], name: str) -> Callable[..., Any]:
        def work(*arguments: Any) -> Any:
            perhaps(f"before {name}")
            result = whole(*arguments)
            perhaps(f"after {name}")
            return result

        return work

    with monkeypatch.context() as patch:
        for owner, name in POINTS:
            patch.setattr(owner, name, wrapped(getattr(owner, name), name))
        yield plan


def survive(record: Journalling, persisting: Persist, seed: int) -> None:
    """Let persisters live and be killed until all is stored."""
    one = persisting()
    for part in [*chunks(random_trades(seed, 1_000, 1), 10), []]:
        body = record.append(part)
        while True:
            try:
                one.take(body)
                one.live()
                break
            except Killed:
                one.die()
                one = persisting()


@pytest.mark.parametrize("seed", [1, 2])
def test_f3_a_persister_killed_between_insert_and_commit_and_after_it_stores_exactly_once(
    record: Journalling,
    persisting: Persist,
    connection: pool.Connection,
    monkeypatch: pytest.MonkeyPatch,
    seed: int,
) -> None:
    with killing(monkeypatch, seed) as left:
        survive(record, persisting, seed)
    assert left == []
    same(connection, record.trades)
    assert connection.execute("SELECT * FROM quarantine").fetchall() == []


def test_f3_without_the_one_transaction_the_same_kills_are_seen(
    record: Journalling,
    persisting: Persist,
    connection: pool.Connection,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    live = Persisting._open

    def loose(self: Persisting) -> pool.Connection:
        made = live(self)
        monkeypatch.setattr(made, "transaction", nullcontext)
        return made

    monkeypatch.setattr(Persisting, "_open", loose)
    with killing(monkeypatch, 1):
        survive(record, persisting, 1)
    with pytest.raises(AssertionError):
        same(connection, record.trades)


def test_f23_two_persisters_store_exactly_once_and_each_fenced_one_begins_again(
    record: Journalling, persisting: Persist, connection: pool.Connection
) -> None:
    chance, fenced = Random(5), 0
    both = [persisting(), persisting()]
    for part in chunks(random_trades(5, 400, 1), 10):
        body = record.append(part)
        for number in chance.sample([0, 1], chance.randrange(1, 3)):
            both[number].take(body)
            try:
                both[number].live()
            except Fenced:
                fenced += 1
                both[number].die()
                both[number] = persisting()
    for one in both:
        try:
            one.live(2)
        except Fenced:
            fenced += 1
    assert fenced > 10
    same(connection, record.trades)
    assert connection.execute("SELECT * FROM quarantine").fetchall() == []


@pytest.mark.parametrize("heard", [True, False])
def test_f23_what_goes_to_a_thief_of_the_socket_is_read_from_the_journal(
    record: Journalling, persisting: Persist, connection: pool.Connection, heard: bool
) -> None:
    one = persisting()
    one.live()
    context: zmq.Context[sockets.Socket] = zmq.Context()
    with TemporaryDirectory() as folder:
        mine = sockets.bind(context, BATCHES, Path(folder), "persister")
        thief = sockets.bind(context, BATCHES, Path(folder), "persister")
        feed = sockets.connect(context, BATCHES, Path(folder), "persister")
        for part in chunks(random_trades(6, 60, 1), 20):
            body = record.append(part)
            assert eventually(lambda: feed.poll(0, zmq.POLLOUT), within=10)
            feed.send(body, zmq.DONTWAIT)
        for _ in range(3):
            assert thief.poll(10_000)
            thief.recv()
        assert not mine.poll(0)
        for made in (mine, thief, feed):
            made.close()
    context.term()
    beating = Health("feed-binance")
    beating.positions["binance"] = (record.writer.epoch, record.writer.last_seq)
    for _ in range(2):
        if heard:
            one.beat(encode(beating.beat(START)))
        one.live()
    same(connection, record.trades if heard else [])

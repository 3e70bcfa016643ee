"""Groups of records, the exchanges taking turns."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from bus.log import Log
from bus.messages import decode_record
from procs.persister.gathering import GROUP_TRADES, Gathering
from tests.procs.journalling import Journalling
from tests.store.folding import random_trades

NAMES = ("binance", "coinbase")


@pytest.fixture
def journals(tmp_path: Path) -> Iterator[dict[str, Journalling]]:
    made = {name: Journalling(tmp_path, name) for name in NAMES}
    yield made
    for one in made.values():
        one.writer.close()


@pytest.fixture
def gathering(tmp_path: Path, journals: dict[str, Journalling]) -> Gathering:
    made = Gathering(tmp_path, Counter(), Log("test"))
    for name in NAMES:
        made.follow(name, journals[name].writer.epoch, 0)
    assert made.next() is None  # which has read the journals: there is nothing yet
    assert not made.busy()
    return made


def test_a_small_group_waits_until_it_is_ripe(
    gathering: Gathering, journals: dict[str, Journalling]
) -> None:
    gathering.take(decode_record(journals["binance"].append(random_trades(1, 20, 1))))
    assert gathering.queue == 20
    assert not gathering.behind()
    assert gathering.next() is None
    assert not gathering.at_rest("binance")
    gathering.ripen()
    assert gathering.busy()
    group = gathering.next()
    assert group is not None
    assert (group[0], [record.seq for record in group[1]]) == ("binance", [1])
    assert (gathering.next(), gathering.queue, gathering.busy()) == (None, 0, False)
    assert gathering.at_rest("binance")


def test_an_exchange_with_a_long_way_to_catch_up_keeps_no_other_waiting(
    gathering: Gathering, journals: dict[str, Journalling]
) -> None:
    for _ in range(30):
        journals["binance"].append(random_trades(2, 1_000, 1))
    gathering.follow("binance", journals["binance"].writer.epoch, 0)
    gathering.take(decode_record(journals["coinbase"].append(random_trades(3, 5, 1))))
    gathering.ripen()
    assert gathering.behind()
    groups = [gathering.next(), gathering.next(), gathering.next()]
    assert sorted(group[0] for group in groups if group)[:2] == ["binance", "binance"]
    assert "coinbase" in [group[0] for group in groups[:2] if group]
    assert gathering.busy()


def test_a_group_that_is_large_enough_does_not_ripen_first(
    gathering: Gathering, journals: dict[str, Journalling]
) -> None:
    gathering.take(decode_record(journals["coinbase"].append(random_trades(4, GROUP_TRADES, 1))))
    group = gathering.next()
    assert group is not None
    assert group[0] == "coinbase"


def test_what_is_let_go_is_read_again_from_the_journal(
    gathering: Gathering, journals: dict[str, Journalling]
) -> None:
    gathering.take(decode_record(journals["binance"].append(random_trades(5, 20, 1))))
    gathering.let_go()
    assert gathering.queue == 0
    gathering.follow("binance", journals["binance"].writer.epoch, 0)
    gathering.ripen()
    group = gathering.next()
    assert group is not None
    assert [record.seq for record in group[1]] == [1]

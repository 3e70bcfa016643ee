"""Aggregators on the journals of a test, whose helper threads end with it."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.procs.living import Aggregating, Clock, Persisting

Start = Callable[..., Aggregating]


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def storing(tmp_path: Path, database: str, clock: Clock) -> Iterator[Persisting]:
    made = Persisting(tmp_path, database, clock)
    yield made
    made.die()


@pytest.fixture
def start(tmp_path: Path, database: str, clock: Clock) -> Iterator[Start]:
    made: list[Aggregating] = []

    def begin(dsn: str = database) -> Aggregating:
        made.append(Aggregating(tmp_path, dsn, clock))
        return made[-1]

    yield begin
    for one in made:
        one.end()

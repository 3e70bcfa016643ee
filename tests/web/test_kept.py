"""What is kept, for how long, and who waits for whom."""

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any

import pytest

from web.kept import KEPT_US, Kept


@dataclass(frozen=True)
class Value:
    number: int
    bytes: int = 10


class Source:
    """Reads values, the next one each time; each reading ends when it is told to."""

    def __init__(self) -> None:
        self.begun = 0
        self.may_end = asyncio.Event()
        self.may_end.set()
        self.error: Exception | None = None

    async def read(self, size: int = 10) -> Value:
        self.begun += 1
        number = self.begun
        await self.may_end.wait()
        if self.error is not None:
            raise self.error
        return Value(number, size)


def run(scenario: Callable[[Kept[Value], Source], Coroutine[Any, Any, None]]) -> None:
    async def each() -> None:
        await scenario(Kept(bytes_max=100), Source())

    asyncio.run(each())


async def turns() -> None:
    """Let every task come as far as it can."""
    for _ in range(5):
        turned = asyncio.Event()
        asyncio.get_running_loop().call_soon(turned.set)
        await turned.wait()


def test_what_was_read_is_given_to_who_asks_the_same_within_half_a_second() -> None:
    async def scenario(kept: Kept[Value], source: Source) -> None:
        assert (await kept.get("a", 0, source.read)).number == 1
        assert (await kept.get("a", KEPT_US - 1, source.read)).number == 1
        assert (await kept.get("b", KEPT_US - 1, source.read)).number == 2
        assert (await kept.get("a", KEPT_US, source.read)).number == 3

    assert KEPT_US <= 500_000
    run(scenario)


def test_who_asks_while_it_is_read_waits_for_the_same_reading_unless_it_began_long_ago() -> None:
    async def scenario(kept: Kept[Value], source: Source) -> None:
        source.may_end.clear()
        asking = [
            asyncio.create_task(kept.get("a", now, source.read))
            for now in (0, KEPT_US - 1, KEPT_US, KEPT_US + 1)
        ]
        await turns()
        assert source.begun == 2
        source.may_end.set()
        assert [one.number for one in await asyncio.gather(*asking)] == [1, 1, 2, 2]
        assert kept.bytes == 10

    run(scenario)


def test_who_gives_up_takes_nothing_from_the_others() -> None:
    async def scenario(kept: Kept[Value], source: Source) -> None:
        source.may_end.clear()
        first, second = (asyncio.create_task(kept.get("a", 0, source.read)) for _ in range(2))
        await turns()
        first.cancel()
        await turns()
        source.may_end.set()
        assert (await second).number == 1
        assert first.cancelled()

    run(scenario)


def test_a_failure_is_told_to_all_who_wait_and_not_kept() -> None:
    async def scenario(kept: Kept[Value], source: Source) -> None:
        source.error = OSError("away")
        told = await asyncio.gather(
            *(kept.get("a", 0, source.read) for _ in range(2)), return_exceptions=True
        )
        assert [type(one) for one in told] == [OSError, OSError]
        assert source.begun == 1
        source.error = None
        assert (await kept.get("a", 0, source.read)).number == 2

    run(scenario)


@pytest.mark.parametrize(("size", "held"), [(10, 10), (30, 3), (101, 0)])
def test_no_more_is_kept_than_so_many_bytes_and_the_oldest_goes_first(size: int, held: int) -> None:
    async def scenario(kept: Kept[Value], source: Source) -> None:
        for key in range(20):
            await kept.get(key, key, lambda: source.read(size))
            await turns()
            assert kept.bytes <= 100
        assert kept.bytes == held * size
        for key in range(20 - held, 20):
            await kept.get(key, 20, source.read)
        assert source.begun == 20
        await kept.get(19 - held, 20, source.read)
        assert source.begun == 21

    run(scenario)


def test_what_is_out_of_date_is_forgotten_when_anything_is_asked_for() -> None:
    async def scenario(kept: Kept[Value], source: Source) -> None:
        for key in range(5):
            await kept.get(key, key, source.read)
        await kept.get("new", 3 + KEPT_US, source.read)
        await turns()
        assert kept.bytes == 2 * 10

    run(scenario)

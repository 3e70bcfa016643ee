"""Waiting for so long and no longer."""

import asyncio
import time

import pytest

from web.patience import within


async def stubborn(stopped: list[str]) -> None:
    """Take a while to stop, as psycopg does where the server does not answer."""
    never = asyncio.Event()
    stopped.append("begun")
    try:
        await never.wait()
    except asyncio.CancelledError:
        stopped.append("asked")
        try:
            await asyncio.wait_for(never.wait(), 0.3)
        except TimeoutError:
            stopped.append("stopped")
        raise ValueError("nobody asks any more") from None


async def given_up(stopped: list[str]) -> float:
    """Return after how many seconds what is stubborn was given up."""
    began = time.monotonic()
    with pytest.raises(TimeoutError):
        await within(0.05, stubborn(stopped))
    took = time.monotonic() - began
    assert stopped == ["begun"]  # it has not even heard of it
    await all_others()
    return took


async def all_others() -> None:
    """Wait for the end of every task but this one."""
    others = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
    await asyncio.wait(others)


def test_what_takes_too_long_is_told_to_stop_and_not_waited_for() -> None:
    stopped: list[str] = []
    assert asyncio.run(given_up(stopped)) < 0.3
    assert stopped == ["begun", "asked", "stopped"]


def test_what_is_done_in_time_returns_its_value_or_raises_its_error() -> None:
    async def value() -> int:
        return 5

    async def error() -> int:
        raise LookupError("its own")

    assert asyncio.run(within(1, value())) == 5
    with pytest.raises(LookupError, match="its own"):
        asyncio.run(within(1, error()))


def test_who_is_cancelled_cancels_what_he_waits_for() -> None:
    stopped: list[str] = []

    async def begin() -> None:
        waiting = asyncio.ensure_future(within(60, stubborn(stopped)))
        await asyncio.wait({waiting}, timeout=0.1)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        await all_others()

    asyncio.run(begin())
    assert stopped == ["begun", "asked", "stopped"]

"""Waiting for so long and no longer, whatever is waited for does when it is told to stop.

In comes work that is to be awaited; out comes what it returns, or ``TimeoutError``. Never waits for
work that was given up: psycopg first asks the server to stop the query, which takes ten seconds
where the server does not answer, and then closes the connection. Until then that work goes on here,
with what it holds.
"""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

_T = TypeVar("_T")
_given_up: set[asyncio.Task[Any]] = set()
"""The loop itself keeps no task alive."""


async def within(seconds: float, work: Coroutine[Any, Any, _T]) -> _T:
    """Return what ``work`` returns; cancel it when that takes longer, or when we are cancelled.

    Raises:
        TimeoutError: it took longer.
    """
    task = asyncio.ensure_future(work)
    try:
        await asyncio.wait({task}, timeout=seconds)
    finally:
        if not task.done():
            task.cancel()
            _given_up.add(task)
            task.add_done_callback(_forget)
    if task in _given_up:
        raise TimeoutError(f"not done within {seconds} s")
    return task.result()


def _forget(task: asyncio.Task[Any]) -> None:
    _given_up.discard(task)
    if not task.cancelled():
        task.exception()  # nobody is told of it any more

"""A real web process on a socket that it inherits, and the real sockets of the bus beside it."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.web.stack import Stack

Start = Callable[..., Stack]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts stacks, and ends them when the test does. The other keywords are limits."""
    stacks: list[Stack] = []

    def begin(
        *,
        database: str | None = None,
        cors: str = "",
        apart: bool = False,
        proxied: bool = False,
        **limits: float,
    ) -> Stack:
        folder = tmp_path / str(len(stacks))
        stack = Stack(folder, limits, database, cors, apart=apart, proxied=proxied)
        stacks.append(stack)
        return stack.wait()

    yield begin
    for stack in stacks:
        stack.end()


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """One stack with the usual limits and no database, for the tests that leave it as it was."""
    made = Stack(tmp_path_factory.mktemp("web"), {}, None, "https://friend.example")
    yield made.wait()
    made.end()

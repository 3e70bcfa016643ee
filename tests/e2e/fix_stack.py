"""Installations for the tests: ``demo``, which all share, and ``stacks``, which makes others."""

from collections.abc import Callable, Iterator

import pytest

from tests.e2e.stack import Stack

Stacks = Callable[..., Stack]
"""Makes an installation that is not started yet, from the variables of `make demo`."""
SHARED_RATE = "200"


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """The installation that all tests share, whether or not it trades; they use ``demo``."""
    stack = Stack(tmp_path_factory.mktemp("demo") / "data", RATE=SHARED_RATE)
    try:
        yield stack.start()
        stack.stop()
    finally:
        stack.remove()


@pytest.fixture(scope="module")
def demo(shared: Stack) -> Iterator[Stack]:
    """The installation that all tests share, while it trades; it has the default symbols.

    Between the modules that use it it rests: working it takes half a processor from all others,
    and each trade that it has makes comparing it take longer.
    """
    shared.resume()
    shared.mark()
    yield shared
    shared.pause()


@pytest.fixture(scope="module")
def stacks(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stacks]:
    """Makes installations of a module's own; all have been stopped cleanly when it ends."""
    made: list[Stack] = []

    def make(**variables: str) -> Stack:
        made.append(Stack(tmp_path_factory.mktemp("stack") / "data", **variables))
        return made[-1]

    try:
        yield make
        for stack in made:
            stack.ask_to_stop()
        for stack in made:
            stack.stop()
    finally:
        for stack in made:
            stack.remove()

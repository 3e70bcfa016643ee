"""What every test may use: fixtures by theme. Where several run at once, they take turns."""

from collections.abc import Generator

import pytest
from hypothesis import HealthCheck, settings

from tests import turns

# How fast the machine is says nothing about the code.
settings.register_profile(
    "any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("any machine")

pytest_plugins = [
    "tests.fix_postgres",
    "tests.fix_decimals",
    "tests.fix_disk",
    "tests.fix_recordings",
    "tests.e2e.fix_stack",
    "tests.procs.fix_aggregator",
    "tests.procs.fix_connection",
    "tests.procs.fix_persister",
    "tests.web.fix_api",
]


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """Wait for the test's turn; its limit of time begins after that."""
    if not turns.SEVERAL:
        return (yield)
    alone = item.get_closest_marker("alone") is not None
    with turns.turn(turns.DOOR, turns.ROOM, alone=alone):
        return (yield)

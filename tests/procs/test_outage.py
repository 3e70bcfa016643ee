"""When a database that takes nothing is an alarm."""

import pytest

from procs.persister.outage import ALARM_AFTER_US, START_US, Outage
from tests.procs.saying import Said


@pytest.fixture
def said() -> Said:
    return Said()


def test_f9_a_database_that_takes_nothing_is_an_alarm_within_ten_seconds_and_only_once(
    said: Said,
) -> None:
    outage = Outage(said)
    outage.over(0)
    for second in range(30):  # it accepts a connection each time, and refuses what is stored
        outage.failed("read-only", second * 1_000_000)
        outage.tick(second * 1_000_000)
        if second * 1_000_000 < ALARM_AFTER_US:
            assert ("error", "database.away") not in said.events
    assert ALARM_AFTER_US < 10_000_000
    assert said.events == [
        ("info", "database.ready"),
        ("warning", "database.lost"),
        ("error", "database.away"),
    ]
    outage.over(31_000_000)
    outage.tick(60_000_000)
    assert said.events[3:] == [("info", "database.ready")]


def test_trouble_that_mends_itself_within_seconds_is_no_alarm(said: Said) -> None:
    outage = Outage(said)
    outage.over(0)
    for begin in (10_000_000, 20_000_000):
        outage.failed("restarting", begin)
        outage.tick(begin + ALARM_AFTER_US - 1)
        outage.over(begin + ALARM_AFTER_US - 1)
        outage.tick(begin + ALARM_AFTER_US)
    assert [kind for kind, _ in said.events].count("error") == 0


def test_a_database_that_is_still_being_made_is_given_more_time(said: Said) -> None:
    outage = Outage(said)
    outage.failed("connection refused", 0)
    outage.tick(START_US - 1)
    assert said.events == [("warning", "database.lost")]
    outage.tick(START_US)
    assert said.events[1:] == [("error", "database.away")]

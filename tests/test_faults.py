"""Every kind of fault that is promised to do no harm has a test with its number in its name.

What each number stands for: the first words below. ``test_f1_f2_…`` is a test of several.
"""

import re

from bus.settings import ROOT

FAULTS = {
    "f1": "a feed is killed",
    "f2": "the aggregator is killed",
    "f3": "the persister is killed, also in its transaction",
    "f4": "web processes are killed",
    "f6": "all are killed at once, or supervisord",
    "f7": "each process stands still",
    "f8": "Postgres is stopped or killed",
    "f9": "Postgres takes nothing: read-only, full",
    "f10": "Postgres is slow",
    "f11": "a reader of the bus is slow",
    "f12": "the exchange drops the connection",
    "f13": "the connection is half-open",
    "f14": "the exchange sends garbage",
    "f15": "the exchange sends prices and times that nobody should believe",
    "f16": "the exchange doubles, disorders and loses trades",
    "f17": "the exchange begins its ids anew, or jumps",
    "f18": "the exchange's REST interface refuses",
    "f19": "clocks are set",
    "f20": "trades at the edge of an hour, and late ones",
    "f21": "a program ends at its start, again and again",
    "f22": "the journal's disk is full, fails, or spoils it",
    "f23": "two of a program that there may be one of",
    "f24": "clients stop reading",
    "f25": "all clients come back at once",
    "f27": "all are asked to end under load",
    "f28": "the power goes",
    "a10": "a foreign page opens a WebSocket",
    "a18": "a WebSocket is abused",
    "a19": "one address opens connections without end",
    "a20": "requests come, and answers are taken, too slowly",
    "a22": "bodies are bombs",
    "a23": "numbers and ranges are beyond reason",
    "a28": "somebody else answers in the exchange's place",
    "a29": "no two requests come from one address",
}
NOT_HERE: dict[str, str] = {}
"""Faults without a test of their own, and why; three at most."""


def numbers_in_names() -> set[str]:
    """Return the numbers in the names of all tests."""
    found: set[str] = set()
    for path in (ROOT / "tests").rglob("test_*.py"):
        for name in re.findall(r"^\s*(?:async )?def test_(\w+)", path.read_text("utf-8"), re.M):
            numbers = re.match(r"(?:[af]\d+_)+", name)
            found.update(numbers.group().rstrip("_").split("_") if numbers else ())
    return found


def test_every_fault_has_a_test_with_its_number() -> None:
    assert sorted(FAULTS.keys() - numbers_in_names() - NOT_HERE.keys()) == []
    assert len(NOT_HERE) <= 3


def test_no_test_has_a_number_that_means_nothing() -> None:
    faults = {number for number in numbers_in_names() if number.startswith("f")}
    assert sorted(faults - FAULTS.keys()) == []

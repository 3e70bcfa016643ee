"""A real load process on the plainest of servers, and how the work is shared."""

import sys

import pytest

from bench.load.commands import Open
from bench.load.dialects import PLAIN
from bench.load.processes import CLIENTS_MAX, Load, shared
from bench.load.tally import Tally
from bench.peers.entrants import Load as Work
from bench.peers.entrants import peer
from tests.eventually import eventually

CLIENTS, RATE = 20, 50.0


@pytest.mark.parametrize(("clients", "processes"), [(10, 3), (50_000, 3), (1, 2)])
def test_every_client_has_its_own_wish_whatever_the_number_of_processes(
    clients: int, processes: int
) -> None:
    wish = Open(1, clients, PLAIN, subscriptions=[[f"client {one}"] for one in range(clients)])
    parts = shared(wish, processes, 0)
    assert sum(part.count for part in parts) == clients
    wanted = [
        part.subscriptions[number % len(part.subscriptions)][0]
        for part in parts
        for number in range(part.count)
    ]
    assert sorted(wanted) == sorted(f"client {one}" for one in range(clients))


def test_no_two_processes_connect_from_one_address_nor_any_from_too_few() -> None:
    parts = [*shared(Open(1, 50_000, PLAIN), 3, 0), *shared(Open(1, 10_000, PLAIN), 2, 3)]
    addresses = [each for part in parts for each in part.sources]
    assert len(set(addresses)) == len(addresses)
    for part in parts:
        assert part.count <= CLIENTS_MAX
        assert part.count <= 28_000 * len(part.sources)


def test_a_load_counts_and_times_what_a_server_sends() -> None:
    start = peer(sys.executable, "-m", "bench.peers.raw_loop")
    with start(Work(CLIENTS, RATE, 236)) as running:
        wish = Open(running.port, CLIENTS, PLAIN, sampled_every=4, sweep_s=0.05)
        with Load(wish, 2) as load:
            assert load.open().live == CLIENTS
            load.begin()

            def enough() -> Tally | None:
                tally, live = load.count()
                assert live == CLIENTS
                return tally if tally.frames >= CLIENTS * 20 else None

            tally = eventually(enough, within=20)
            assert tally is not None
    assert tally.octets == tally.frames * 240
    assert (tally.closed, tally.violations) == ({}, 0)
    assert 0 < sum(tally.latencies.values()) < tally.frames

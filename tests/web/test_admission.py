"""Who may have a live connection."""

from collections import Counter
from collections.abc import Iterator
from ipaddress import ip_network
from pathlib import Path

import pytest
from starlette.types import Scope

from web.admission import Admission, spread_ms
from web.answers import Refused
from web.occupancy import Occupancy


@pytest.fixture
def occupancy(tmp_path: Path) -> Iterator[Occupancy]:
    made = Occupancy(tmp_path, 1, 1)
    yield made
    made.close()


def asks(peer: str, forwarded: str = "") -> Scope:
    """The scope of a client that asks."""
    headers = [(b"x-forwarded-for", forwarded.encode())] if forwarded else []
    return {"type": "websocket", "client": (peer, 1), "headers": headers}


def nothing(_spread_ms: int) -> None:
    pass


def test_an_address_has_so_many_places_and_gets_one_back_with_each_that_ends(
    occupancy: Occupancy,
) -> None:
    counters: Counter[str] = Counter()
    admission = Admission(occupancy, 2, (), counters)
    places = [admission.enter(asks("192.0.2.1"), nothing) for _ in range(2)]
    with pytest.raises(Refused) as refused:
        admission.enter(asks("192.0.2.1"), nothing)
    assert (refused.value.status, refused.value.headers) == (429, {"retry-after": "10"})
    assert counters["refused_per_address"] == 1
    admission.enter(asks("192.0.2.2"), nothing)
    admission.leave(places[0])
    admission.enter(asks("192.0.2.1"), nothing)


def test_behind_a_proxy_that_is_believed_it_is_the_client_that_counts(
    occupancy: Occupancy,
) -> None:
    admission = Admission(occupancy, 1, (ip_network("192.0.2.0/24"),))
    admission.enter(asks("192.0.2.1", "198.51.100.1"), nothing)
    admission.enter(asks("192.0.2.1", "198.51.100.2"), nothing)
    with pytest.raises(Refused):
        admission.enter(asks("192.0.2.2", "198.51.100.1"), nothing)


@pytest.mark.parametrize("peer", ["127.0.0.1", "127.8.8.8", "::1"])
def test_this_machine_is_not_limited(occupancy: Occupancy, peer: str) -> None:
    admission = Admission(occupancy, 1)
    for _ in range(5):
        admission.enter(asks(peer), nothing)


def test_zero_is_no_limit(occupancy: Occupancy) -> None:
    admission = Admission(occupancy, 0)
    for _ in range(50):
        admission.enter(asks("192.0.2.1"), nothing)


def test_each_is_sent_on_once_and_leaves_as_ever(occupancy: Occupancy) -> None:
    sent: list[int] = []
    counters: Counter[str] = Counter()
    admission = Admission(occupancy, 3, (), counters)
    places = [admission.enter(asks("192.0.2.1"), sent.append) for _ in range(3)]
    admission.send_on(2)
    admission.send_on(2)
    assert sent == [500] * 3
    assert counters["sent_on"] == 3
    assert admission.places() == []
    for place in places:
        admission.leave(place)
    admission.enter(asks("192.0.2.1"), nothing)


@pytest.mark.parametrize(
    ("connections", "expected"), [(0, 500), (400, 500), (5000, 5000), (90_000, 30_000)]
)
def test_clients_come_back_at_about_a_thousand_a_second(connections: int, expected: int) -> None:
    assert spread_ms(connections) == expected

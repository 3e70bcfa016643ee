"""Who may have a live connection, and who has one: WebSockets and event streams.

In come ASGI scopes; out goes a ``Place`` for each connection, or a 429 where its address has as
many as it may, over all web processes together. Connections from this machine are not limited: so a
proxy here that is not in TRUSTED_PROXIES, which makes all clients look like one, locks nobody out.
Through its place each connection can be sent away, to another process or for a moment.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from starlette.types import Scope

from web.address import Networks, client_address, is_loopback
from web.answers import Refused
from web.occupancy import Occupancy

RETRY_AFTER_S = 10
SendAway = Callable[[int], None]
"""Ends a connection whose client should come back within so many ms."""
SPREAD_MS_MIN, SPREAD_MS_MAX = 500, 30_000


@dataclass(eq=False, slots=True)
class Place:
    """That of one open connection."""

    address: str | None
    """By which it is counted; None: it is not."""
    send_away: SendAway


class Admission:
    """The live connections of one process.

    Args:
        occupancy: what all processes hold; without it no address is limited.
        most: how many connections an address may have; 0: any number.
        trusted: proxies that are believed.
        counters: where refusals are counted.
    """

    def __init__(
        self,
        occupancy: Occupancy | None = None,
        most: int = 0,
        trusted: Networks = (),
        counters: Counter[str] | None = None,
    ) -> None:
        self._occupancy = occupancy
        self._most = most
        self._trusted = trusted
        self._counters = Counter() if counters is None else counters
        self._places: set[Place] = set()

    def enter(self, scope: Scope, send_away: SendAway) -> Place:
        """Return the place of a connection that is about to open; ``leave`` it afterwards.

        Raises:
            Refused: 429, its address has as many as it may.
        """
        address: str | None = None
        if self._occupancy is not None and self._most:
            address = client_address(scope, self._trusted)
            if is_loopback(address):
                address = None
            elif not self._occupancy.add(address, self._most):
                self._counters["refused_per_address"] += 1
                sentence = f"an address may have {self._most} live connections"
                raise Refused(429, sentence, retry_after_s=RETRY_AFTER_S)
        place = Place(address, send_away)
        self._places.add(place)
        return place

    def leave(self, place: Place) -> None:
        """The connection has ended."""
        self._places.discard(place)
        if place.address is not None and self._occupancy is not None:
            self._occupancy.remove(place.address)

    def send_on(self, count: int) -> None:
        """Send some clients away, to find a process that holds fewer."""
        for _ in range(min(count, len(self._places))):
            self._counters["sent_on"] += 1
            self._places.pop().send_away(SPREAD_MS_MIN)

    def places(self) -> list[Place]:
        """Return the places that are taken."""
        return list(self._places)


def spread_ms(connections: int) -> int:
    """Return over how many ms so many clients should spread their return: a thousand a second."""
    return max(SPREAD_MS_MIN, min(SPREAD_MS_MAX, connections))

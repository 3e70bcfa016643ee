"""A bus that drops, doubles and delays what is given to it, by a seed."""

import heapq
from random import Random

DROPPED, DOUBLED, DELAYED = 0.08, 0.05, 0.15
DELAY_STEPS_MAX = 12


class FakeBus:
    """Messages to consumers by name. ``healed`` it delivers everything at once, once."""

    def __init__(self, chance: Random) -> None:
        self._chance = chance
        self._waiting: list[tuple[int, int, str, str, list[bytes]]] = []
        self._step = 0
        self._given = 0
        self.healed = False
        self.faults = 0

    def give(self, consumer: str, source: str, frames: list[bytes]) -> None:
        """Take a message for ``consumer``, which will read it from ``source``."""
        copies, delay = 1, 0
        if not self.healed:
            luck = self._chance.random()
            if luck < DROPPED:
                copies = 0
            elif luck < DROPPED + DOUBLED:
                copies = 2
            elif luck < DROPPED + DOUBLED + DELAYED:
                delay = self._chance.randrange(1, DELAY_STEPS_MAX)
            self.faults += copies != 1 or delay > 0
        for _ in range(copies):
            self._given += 1
            due = self._step + delay
            heapq.heappush(self._waiting, (due, self._given, consumer, source, frames))

    def deliver(self) -> list[tuple[str, str, list[bytes]]]:
        """Move one step on; return (consumer, source, frames) of what arrives."""
        self._step += 1
        arrived = []
        while self._waiting and (self.healed or self._waiting[0][0] <= self._step):
            arrived.append(heapq.heappop(self._waiting)[2:])
        return arrived

    def forget(self, consumer: str) -> None:
        """Lose what is on its way to a consumer that has died."""
        self._waiting = [one for one in self._waiting if one[2] != consumer]
        heapq.heapify(self._waiting)

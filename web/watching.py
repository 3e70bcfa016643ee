"""Who watches what: the topics, and the cohorts of clients by what they are sent.

In come clients with their wishes; out go the cohort that a client belongs to, the topic of a key,
and the cohorts that are sent an exchange's trades. What nobody watches is forgotten. Pure.
"""

from collections.abc import Callable, Mapping

from bus.actor import Instant
from web.cohort import Client, Cohort, Wishes
from web.lanes import Topic
from web.update import Derived, WatchKey

Compute = Callable[[Instant], Derived]
"""Returns the present value of a key that no message is about."""
COHORT_MAX = 500
"""Clients of one cohort: writing to them takes some milliseconds, then others have their turn."""
_NONE: Mapping[str, dict[Cohort, None]] = {}


class Watching:
    """All that is watched in one web process."""

    def __init__(self) -> None:
        self.topics: dict[WatchKey, Topic] = {}
        self.derived: dict[WatchKey, Compute] = {}
        """How the values of keys come about that no message is about."""
        self._cohorts: dict[tuple[object, ...], dict[Cohort, None]] = {}
        """Those of the same wishes; the last of them may have room."""
        self._trades: dict[str, dict[str, dict[Cohort, None]]] = {}
        """Who is sent trades, by exchange and symbol; exchanges without any are not in it."""

    def derive(self, key: WatchKey, compute: Compute) -> Topic:
        """Return the topic of a key whose value is computed."""
        self.derived[key] = compute
        return self.topics.setdefault(key, Topic())

    def trades(self, exchange: str) -> Mapping[str, dict[Cohort, None]]:
        """Return the cohorts that are sent trades of an exchange, by symbol."""
        return self._trades.get(exchange, _NONE)

    def cohort(self, client: Client, wishes: Wishes, serial: int) -> Cohort:
        """Return the cohort of a client with these wishes; ``serial``: of the newest update."""
        key = _key(client, wishes)
        parts = self._cohorts.setdefault(key, {})
        found = next(reversed(parts), None)
        if found is None or len(found) >= COHORT_MAX:
            for _, _, keys in wishes:
                for each in keys:
                    self.topics.setdefault(each, Topic()).cohorts += 1
            found = Cohort(client, wishes, self.topics, serial)
            parts[found] = None
            for lane in found.lanes:
                lane.rest()
            for exchange, symbol in _traded(wishes):
                self._trades.setdefault(exchange, {}).setdefault(symbol, {})[found] = None
        return found

    def end(self, cohort: Cohort) -> None:
        """Forget a cohort without clients."""
        key = _key(cohort, cohort.wishes)
        del self._cohorts[key][cohort]
        if not self._cohorts[key]:
            del self._cohorts[key]
        for lane in cohort.lanes:
            lane.end()
        for _, _, keys in cohort.wishes:
            for each in keys:
                topic = self.topics[each]
                topic.cohorts -= 1
                if not topic.cohorts:
                    del self.topics[each]
                    self.derived.pop(each, None)
        for exchange, symbol in _traded(cohort.wishes):
            symbols = self._trades[exchange]
            del symbols[symbol][cohort]
            if not symbols[symbol]:
                del symbols[symbol]
            if not symbols:
                del self._trades[exchange]


def _key(whose: Client | Cohort, wishes: Wishes) -> tuple[object, ...]:
    return (whose.codec.kind, whose.traffic, wishes)


def _traded(wishes: Wishes) -> set[tuple[str, str]]:
    return {(key[1], key[2]) for channel, _, keys in wishes if channel == "trade" for key in keys}

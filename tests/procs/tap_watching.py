"""What must hold while a tap is attacked: its friends miss nothing, and it stays small."""

import os
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from bus.sockets import Socket
from tests.eventually import eventually
from tests.procs.tapping import TRADES, Tapped, newest, taken

SCALE = int(os.environ.get("TICKWIRE_SCALE", "1"))
"""TICKWIRE_SCALE, a whole number, multiplies how often something is tried."""
GROWTH_MAX = 8 << 20


class Listener:
    """A client that is there all the time and gets every trade."""

    def __init__(self, tap: Tapped, client: Socket) -> None:
        self._tap = tap
        self._client = client
        assert tap.hears(client)
        taken(client, 50)
        self._last = tap.trade()
        eventually(lambda: self._last in self.ids())

    def ids(self) -> list[int]:
        """Return the ids that have come since."""
        return [newest(message) for message in taken(self._client, 10) if message[0] == TRADES]

    def missed_nothing(self) -> None:
        """Fail unless all trades since the last time have come, in order."""
        end = self._tap.trade()
        found: list[int] = []

        def complete() -> bool:
            found.extend(self.ids())
            return bool(found) and found[-1] == end

        eventually(complete, within=15)
        assert found == list(range(self._last + 1, end + 1))
        self._last = end


@contextmanager
def unmoved(tap: Tapped, growth_max: int = GROWTH_MAX) -> Iterator[Counter[str]]:
    """Fail if the tap grows or ends meanwhile; yields what its counters will have risen by."""
    before = tap.next_beat()
    risen: Counter[str] = Counter()
    yield risen
    assert tap.process.poll() is None
    after = tap.next_beat()
    assert after.pid == before.pid
    assert after.rss_bytes < before.rss_bytes + growth_max
    risen.update({name: int(count) for name, count in after.counters.items()})
    risen.subtract({name: int(count) for name, count in before.counters.items()})

"""What the feeds say of their symbols, on its way into the table ``symbol``.

In: each feed's status, every second. Out: what has changed since it was last written. A symbol of
which the exchange has not been heard yet changes nothing: what is known from before stays.
"""

from collections.abc import Sequence
from functools import partial

from bus.messages import FeedStatus
from procs.persister.sift import Refused, sift
from store import symbols
from store.pool import Connection
from store.symbols import Listed


class Listings:
    """The newest that was told of each symbol, and what of it stands in Postgres."""

    def __init__(self) -> None:
        self._told: dict[tuple[str, str], Listed] = {}
        self._written: dict[tuple[str, str], Listed] = {}

    def take(self, status: FeedStatus) -> None:
        """Take a feed's status."""
        for one in status.symbols:
            if one.listed is not None:
                row = Listed(status.exchange, one.symbol, one.listed, one.tick_size, one.size_step)
                self._told[row.exchange, row.symbol] = row

    def listed(self) -> list[tuple[str, str]]:
        """Return each (exchange, symbol) that the exchange lists."""
        return [key for key, row in self._told.items() if row.listed]

    def changed(self) -> list[Listed]:
        """Return what is not written yet."""
        return [row for key, row in self._told.items() if self._written.get(key) != row]

    def write(self, connection: Connection) -> Sequence[Refused[Listed]]:
        """Write what has changed; return what the database will never take, which is not retried.

        Raises:
            psycopg.Error: nothing is known to be written; the same will be tried again.
        """
        rows = self.changed()
        refused = sift(rows, partial(symbols.save, connection))
        self._written.update({(row.exchange, row.symbol): row for row in rows})
        return refused

    def forget(self) -> None:
        """Believe nothing of what stands in Postgres: it may be another one now."""
        self._written.clear()

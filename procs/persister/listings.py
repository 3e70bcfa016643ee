"""What the feeds say of their symbols, on its way into the table ``symbol``.

In: each feed's status, every second. Out: what has changed since it was last written. A symbol of
which the exchange has not been heard yet changes nothing: what is known from before stays.
"""

from bus.messages import FeedStatus, decode
from store import symbols
from store.pool import Connection
from store.symbols import Listed


class Listings:
    """The newest that was told of each symbol, and what of it stands in Postgres."""

    def __init__(self) -> None:
        self._told: dict[tuple[str, str], Listed] = {}
        self._written: dict[tuple[str, str], Listed] = {}

    def take(self, payload: bytes) -> None:
        """Take a feed's status."""
        status = decode(payload)
        if isinstance(status, FeedStatus):
            for one in status.symbols:
                if one.listed is not None:
                    row = Listed(
                        status.exchange, one.symbol, one.listed, one.tick_size, one.size_step
                    )
                    self._told[row.exchange, row.symbol] = row

    def listed(self) -> list[tuple[str, str]]:
        """Return each (exchange, symbol) that the exchange lists."""
        return [key for key, row in self._told.items() if row.listed]

    def changed(self) -> list[Listed]:
        """Return what is not written yet."""
        return [row for key, row in self._told.items() if self._written.get(key) != row]

    def write(self, connection: Connection) -> None:
        """Write what has changed.

        Raises:
            psycopg.Error: nothing is written; the same will be tried again.
        """
        rows = self.changed()
        symbols.save(connection, rows)
        self._written.update({(row.exchange, row.symbol): row for row in rows})

    def forget(self) -> None:
        """Believe nothing of what stands in Postgres: it may be another one now."""
        self._written.clear()

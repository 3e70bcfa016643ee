"""What one exchange is to be asked for of its own candles, and what its answers bring.

The persister's wishes come in, one question at a time goes out, each good answer becomes a
``History``. It knows no clock and asks nobody: ``asking`` does, whenever no trade is missing. A
wish that fails is forgotten; the persister asks again for what it does not get.
"""

from msgspec.structs import replace

from bus.messages import History, HistoryWanted
from procs.feed.exchanges import Historic

WISHES_MAX = 1_000
"""More are not taken: the persister asks again."""


class HistoryWishes:
    """The wanted candles of one exchange.

    Args:
        exchange: whose they are.
        rest_url: where it is asked.
    """

    def __init__(self, exchange: Historic, rest_url: str) -> None:
        self._exchange = exchange
        self._rest_url = rest_url
        self._wishes: dict[HistoryWanted, None] = {}

    def __len__(self) -> int:
        """Return how many questions are to be asked."""
        return len(self._wishes)

    def add(self, wanted: HistoryWanted) -> None:
        """Ask for a range, its newest page alone where it is longer than a page."""
        step = wanted.interval_s * 1_000_000
        longest = self._exchange.candles_per_page * step
        whole = wanted.start % step == 0 and wanted.end % step == 0
        if whole and wanted.start < wanted.end and len(self._wishes) < WISHES_MAX:
            page = replace(wanted, start=max(wanted.start, wanted.end - longest))
            self._wishes.setdefault(page)

    def next(self) -> HistoryWanted | None:
        """Return what to ask for: minutes before hours before days, else as it was wanted."""
        return min(self._wishes, key=lambda wish: wish.interval_s, default=None)

    def url(self, asked: HistoryWanted) -> str:
        """Return the address of the answer."""
        return self._exchange.candles_url(
            self._rest_url, asked.symbol, asked.interval_s, asked.start, asked.end
        )

    def settle(self, asked: HistoryWanted, body: bytes) -> History:
        """Return what a good answer has brought, which is all that there is of what was asked.

        Raises:
            BadFrame: it is no list of candles.
        """
        found = self._exchange.parse_candles(asked.symbol, asked.interval_s, body)
        candles = [one for one in found if asked.start <= one.ts_open < asked.end]
        return History(
            asked.exchange, asked.symbol, asked.interval_s, asked.start, asked.end, candles
        )

    def drop(self, asked: HistoryWanted) -> None:
        """Ask for it no more, until it is wanted again."""
        self._wishes.pop(asked, None)

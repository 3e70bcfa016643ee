"""A journal that a test writes, without a feed."""

from collections.abc import Callable
from pathlib import Path

from bus.journal import JournalWriter, path_of
from bus.messages import JournalRecord, Trade, TradeBatch, encode
from tests.store.folding import START


class Journalling:
    """A journal that a test writes, and the bodies that the bus would bring."""

    def __init__(self, folder: Path, exchange: str = "binance") -> None:
        self.folder = folder
        self._exchange = exchange
        self.writer = self._open()
        self.trades: list[Trade] = []

    def _open(self) -> JournalWriter:
        return JournalWriter(
            path_of(self.folder, self._exchange), cap_bytes=1 << 30, reserve_bytes=1 << 20
        )

    def append(self, trades: list[Trade]) -> bytes:
        """Journal a batch; return its body."""
        self.trades += trades
        return self.add(lambda e, seq: TradeBatch(self._exchange, e, seq, trades, {}))

    def add(self, make: Callable[[int, int], JournalRecord]) -> bytes:
        """Journal a record made of (epoch, seq); return its body."""
        body = encode(make(self.writer.epoch, self.writer.last_seq + 1))
        self.writer.append([body], START)
        return body

    def begin_again(self) -> None:
        """Lose the file: a new one has a new epoch."""
        self.writer.close()
        for path in self.folder.glob(f"{self._exchange}.*"):
            path.unlink()
        self.writer = self._open()

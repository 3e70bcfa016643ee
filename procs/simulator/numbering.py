"""Ids that an exchange tells otherwise than they are: begun anew, or far ahead for one trade.

A trade's own id never changes: ``/truth`` tells it. From a reset on, everything else that the
exchange says (frames, heartbeats, REST) counts from 1 again, and what was before can no longer be
asked for. A jump is in the frame of one trade alone. Rests in memory: a restart ends it. Pure.
"""

from bisect import bisect_right

JUMP = 1_000_000_000


class Numbering:
    """How the ids of one symbol are told."""

    def __init__(self) -> None:
        self._resets: list[int] = []
        self._jumps: set[int] = set()

    def reset(self, trade_id: int) -> int:
        """Let ids count anew from this trade on; return what it is told as."""
        self._resets.append(trade_id)
        return 1

    def jump(self, trade_id: int) -> int:
        """Let the frame of this trade carry an id far ahead; return that."""
        self._jumps.add(trade_id)
        return self.in_frame(trade_id)

    def told(self, trade_id: int) -> int:
        """Return the id that REST and heartbeats tell of a trade, by its own."""
        at = bisect_right(self._resets, trade_id)
        return trade_id - self._resets[at - 1] + 1 if at else trade_id

    def in_frame(self, trade_id: int) -> int:
        """Return the id that a trade's frame carries, by its own."""
        return self.told(trade_id) + (JUMP if trade_id in self._jumps else 0)

    @property
    def before(self) -> int:
        """How many trades are from before the last reset."""
        return self._resets[-1] - 1 if self._resets else 0


KINDS = {"reset": Numbering.reset, "jump": Numbering.jump}

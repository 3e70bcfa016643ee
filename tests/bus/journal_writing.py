"""A writer to be killed: appends records to a journal for ever, says each that is committed.

Run as ``python -m tests.bus.journal_writing FILE``; each line is a seq, written after its commit.
"""

import os
import sys
from pathlib import Path

from bus.journal import JournalWriter


def body(seq: int) -> bytes:
    """Return the bytes of record ``seq``: of many sizes, some larger than a page."""
    return (b"%d." % seq) * (1 + seq * 7919 % 2000)


def main() -> None:
    """Append until killed."""
    writer = JournalWriter(Path(sys.argv[1]), cap_bytes=1 << 40, reserve_bytes=1 << 20)
    while True:
        seq = writer.last_seq + 1
        seen = {("A-USD", 0): {0: seq}}
        writer.append([body(seq), body(seq + 1)], seq, seen, {"A-USD": seq})
        os.write(1, b"%d\n" % writer.last_seq)
        if seq % 50 == 1:
            writer.trim(seq - 40, 1 << 62)


if __name__ == "__main__":
    main()

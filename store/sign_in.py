"""Attempts to sign in, counted exactly: at most so many in any minute by one address or account.

In come who attempts it and the limit; out goes whether it may be made, which is then counted. The
database's clock is the only one. Rows that mean nothing any more are deleted by later attempts, so
the table is as large as a minute's attempts. No name is ever stored, only its hash.
"""

import hashlib
from collections.abc import Sequence
from typing import NamedTuple

from store.pool import Pool

WINDOW_S = 60
PRUNED = 8
"""Rows without meaning that one attempt deletes; it makes at most two."""

# Locks the rows, in one order for everybody, until the transaction ends: who attempts the same at
# the same time waits here and then sees what has been counted.
_KNOWN = """
INSERT INTO sign_in AS known (who, attempts, forgotten_at)
SELECT who, '{}', clock_timestamp() FROM unnest(%(who)s::bytea[]) AS who ORDER BY who
ON CONFLICT (who) DO UPDATE SET attempts = ARRAY(
    SELECT attempt FROM unnest(known.attempts) AS attempt
    WHERE attempt > clock_timestamp() - %(window_s)s * interval '1 second'
    ORDER BY attempt
)
RETURNING ARRAY(
    SELECT (extract(epoch FROM attempt - clock_timestamp()) * 1000000)::bigint
           + %(window_s)s::bigint * 1000000
    FROM unnest(attempts) AS attempt ORDER BY attempt
)
"""
_COUNT = """
UPDATE sign_in
SET attempts = attempts || clock_timestamp(),
    forgotten_at = clock_timestamp() + %(window_s)s * interval '1 second'
WHERE who = ANY (%(who)s::bytea[])
"""
_PRUNE = """
DELETE FROM sign_in WHERE who = ANY (ARRAY(
    SELECT who FROM sign_in WHERE forgotten_at < clock_timestamp()
    ORDER BY forgotten_at LIMIT %(pruned)s FOR UPDATE SKIP LOCKED
))
"""


class Attempt(NamedTuple):
    """What became of one attempt."""

    remaining: int
    """How many more may be made now."""
    reset_us: int
    """How long until none is remembered, µs."""
    wait_us: int
    """How long until one may be made again, µs; 0: this one was counted."""


async def attempt(pool: Pool, who: Sequence[tuple[str, str]], limit: int) -> Attempt:
    """Count an attempt, if nobody of ``who``, such as ("address", "192.0.2.1"), has made too many.

    One that is refused is not counted: who waits is let in, however often he has asked meanwhile.

    Raises:
        psycopg.Error: see ``store.pool.is_waitable``. Nothing was counted, or nobody was told.
    """
    given = {"who": [_hash(*each) for each in who], "window_s": WINDOW_S, "pruned": PRUNED}
    async with pool.connection() as connection, connection.transaction():
        rows = await (await connection.execute(_KNOWN, given)).fetchall()
        # For each, when each of its attempts will be forgotten, the oldest first.
        remembered: list[list[int]] = [left for (left,) in rows]
        wait_us = max(left[-limit] if len(left) >= limit else 0 for left in remembered)
        if wait_us <= 0:
            await connection.execute(_COUNT, given)
        await connection.execute(_PRUNE, given)
    if wait_us > 0:
        return Attempt(0, max(left[-1] for left in remembered if left), wait_us)
    return Attempt(max(0, limit - 1 - max(map(len, remembered))), WINDOW_S * 1_000_000, 0)


def _hash(kind: str, name: str) -> bytes:
    return hashlib.blake2b(f"{kind} {name}".encode(errors="surrogatepass"), digest_size=16).digest()

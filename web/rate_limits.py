"""How often one address may ask: the classes of limits, and what is said of them in each answer.

In comes a request with the class that its route declares; it goes on, or is refused with 429 and
how long to wait. What is left is kept in the scope, for the headers of the answer, whatever that
is. Buckets of the classes ``general`` and ``market`` stand in the table that the web processes
share; attempts to sign in, which are counted exactly, in Postgres.
"""

import time
from typing import Literal

from starlette.types import Scope

from bus.heartbeat import Health, labelled
from bus.settings import Settings
from store import sign_in
from store.pool import Pool
from web.address import client_address
from web.answers import Refused
from web.rate import Rate, seconds
from web.rate_table import Table

Limit = Literal["general", "market", "sign_in"]
"""Classes of limits. A route declares one; those of one class share a bucket for each address."""
LIMITED = "rate_limited"
_HEADERS = "tickwire.rate_headers"
RawHeaders = tuple[tuple[bytes, bytes], ...]


def headers_of(scope: Scope) -> RawHeaders:
    """Return the headers that tell the client of its limit; none where there is none."""
    found: RawHeaders = scope.get(_HEADERS, ())
    return found


class RateLimits:
    """The limits of one web process.

    Args:
        settings: how many requests a minute each class has, 0 for any number; which proxies are
            believed.
        health: where refusals are counted.
        table: the buckets.
    """

    def __init__(self, settings: Settings, health: Health, table: Table) -> None:
        self._trusted = settings.trusted_proxies
        self._health = health
        self._table = table
        self._sign_in = settings.rate_limit_sign_in
        limits: dict[Limit, int] = {
            "general": settings.rate_limit_general,
            "market": settings.rate_limit_market,
        }
        self._rates = {name: Rate(limit) for name, limit in limits.items() if limit}

    def admit(self, limit: Limit, scope: Scope) -> None:
        """Let a request pass, or not.

        An attempt to sign in is one of the general requests first: nobody can keep the database
        busy by it.

        Raises:
            Refused: 429.
        """
        name: Limit = "general" if limit == "sign_in" else limit
        rate = self._rates.get(name)
        if rate is None:
            return
        address, now = client_address(scope, self._trusted), time.monotonic_ns()
        full_at, remaining, wait_ns = self._table.take(rate, f"{name} {address}", now)
        reset_s = seconds(full_at - now)
        self._tell(scope, name, (rate.per_minute, remaining, reset_s), seconds(wait_ns))

    async def admit_sign_in(self, pool: Pool, account: str, scope: Scope) -> None:
        """Let an attempt to sign in pass, or not, by its address and by the account that it names.

        Raises:
            Refused: 429.
            psycopg.Error: see ``store.pool.is_waitable``.
        """
        if not self._sign_in:
            return
        address = client_address(scope, self._trusted)
        who = [("address", address), ("account", account.strip().casefold())]
        made = await sign_in.attempt(pool, who, self._sign_in)
        reset_s = seconds(made.reset_us * 1000)
        told = (self._sign_in, made.remaining, reset_s)
        self._tell(scope, "sign_in", told, seconds(made.wait_us * 1000))

    def _tell(
        self, scope: Scope, name: Limit, told: tuple[int, int, int], retry_after_s: int
    ) -> None:
        """Keep the headers for the answer; refuse where there is something to wait for."""
        scope[_HEADERS] = (
            (b"x-ratelimit-limit", b"%d" % told[0]),
            (b"x-ratelimit-remaining", b"%d" % told[1]),
            (b"x-ratelimit-reset", b"%d" % told[2]),
        )
        if retry_after_s:
            self._health.counters[labelled(LIMITED, limit=name)] += 1
            sentence = f"more than {told[0]} requests a minute; wait {retry_after_s} s"
            raise Refused(429, sentence, retry_after_s=retry_after_s)

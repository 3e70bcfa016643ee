"""How long the database has not taken what was to be stored. Pure.

In come the moments when it failed and when it worked, out comes what there is to say: once that it
failed, once more when that has lasted so long that a person must know, and once how long it took. A
connection alone proves nothing: a database that is read-only or full accepts connections.
"""

from bus.log import Log

ALARM_AFTER_US = 5_000_000
START_US = 30_000_000
"""At the start the database may be about to be made: the alarm waits for so long."""


class Outage:
    """One database's trouble.

    Args:
        log: where it is said.
    """

    def __init__(self, log: Log) -> None:
        self._log = log
        self._since: int | None = None
        self._alarmed = False
        self._alarm_after = START_US
        self._reason: str | None = None

    def failed(self, reason: str, now: int) -> None:
        """Take a failure; ``now`` is µs of the clock that only goes forward."""
        if self._since is None:
            self._since = now
        if reason != self._reason:
            self._log.warning("database.lost", reason=reason)
        self._reason = reason

    def tick(self, now: int) -> None:
        """Give the alarm, once, when the trouble has lasted for long."""
        if self._since is None or self._alarmed:
            return
        if now - self._since >= self._alarm_after:
            self._alarmed = True
            self._log.error("database.away", reason=self._reason)

    def over(self, now: int) -> None:
        """Take that something was stored, or that nothing waits to be."""
        lasted_us = 0 if self._since is None else now - self._since
        self._log.info("database.ready", after_s=lasted_us // 1_000_000)
        self._since, self._alarmed, self._reason = None, False, None
        self._alarm_after = ALARM_AFTER_US

"""supervisord as a launch runs it: the port of the web processes is open for as long as it runs.

Comes in: supervisord's own command line. supervisord itself closes that port when the last of its
processes ends, and opens it again for the next. Where everything is killed at once it then crashes:
another program that is being started is still a copy of supervisord, which has the port. So here it
is kept: who connects meanwhile waits for the next process. It must never do anything else.
"""

from supervisor import process, supervisord
from supervisor.socket_manager import SocketManager


class KeptOpen(SocketManager):  # type: ignore[misc]
    """A listening socket that is not closed while nobody accepts."""

    def _close(self) -> None:
        """Leave it as it is: the end of supervisord closes it."""


if __name__ == "__main__":
    process.SocketManager = KeptOpen
    supervisord.main()

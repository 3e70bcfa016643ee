"""The open WebSockets and event streams of this process: who is woken, judged and counted.

In come clients with the function that wakes them; when the hub says that something changed, theirs
are called. Nothing is sent from here.
"""

from collections.abc import Callable

from web.hub import Client, Hub


class Sessions:
    """All of them.

    Args:
        hub: says for whom something has come.
    """

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._open: dict[Client, tuple[Callable[[], None], Callable[[], bool] | None]] = {}

    def __len__(self) -> int:
        return len(self._open)

    def open(
        self, client: Client, wake: Callable[[], None], judge: Callable[[], bool] | None = None
    ) -> None:
        """Add one: ``wake`` is called when it may have something to send, ``judge`` each second."""
        self._open[client] = (wake, judge)
        wake()

    def close(self, client: Client) -> None:
        """Remove one."""
        self._open.pop(client, None)

    def wake(self) -> None:
        """Wake those for whom something has come."""
        for client in self._hub.changed():
            found = self._open.get(client)
            if found is not None:
                found[0]()

    def wake_all(self) -> None:
        """Wake everybody: something that concerns all has happened."""
        for wake, _ in list(self._open.values()):
            wake()

    def judge(self) -> int:
        """Close those that are too slow; return how many."""
        return sum(1 for _, judge in list(self._open.values()) if judge is not None and judge())

"""What goes through one web process, counted in its heartbeat: requests, connections, texts.

In come events: a request was answered, a stream was opened or closed, texts were written to it. Out
go counters and histograms by route, by status class and by stream, never by what a client has sent:
what no route answers is one route, ``unmatched``.
"""

import re
import time

from starlette.types import Scope

from bus.heartbeat import Health, labelled

REQUESTS, REQUEST_S = "requests", "request_s"
OPENED, CLOSED, TEXTS, BROADCAST_S = (
    "streams_opened",
    "streams_closed",
    "stream_texts",
    "broadcast_s",
)
UNMATCHED = "unmatched"
_converter = re.compile(r":[a-z]+}")


class Requests:
    """The requests of one process.

    Args:
        health: where they are counted.
    """

    def __init__(self, health: Health) -> None:
        self._health = health
        self._names: dict[tuple[str, int], tuple[str, str]] = {}

    def answered(self, scope: Scope, status: int, seconds: float) -> None:
        """Count one request whose answer has begun, ``seconds`` after it came."""
        route = scope.get("route")
        path = route.path if route is not None else UNMATCHED
        names = self._names.get((path, status // 100))
        if names is None:
            template = _converter.sub("}", path)
            names = self._names[path, status // 100] = (
                labelled(REQUESTS, route=template, status=f"{status // 100}xx"),
                labelled(REQUEST_S, route=template),
            )
        self._health.counters[names[0]] += 1
        self._health.observe(names[1], seconds)


class Connections:
    """The connections of one kind of stream.

    Args:
        health: where they are counted.
        name: which kind.
    """

    def __init__(self, health: Health, name: str) -> None:
        self._health = health
        self._opened = labelled(OPENED, stream=name)
        self._closed = labelled(CLOSED, stream=name)
        self._texts = labelled(TEXTS, stream=name)

    def opened(self) -> None:
        """Count a connection that begins."""
        self._health.counters[self._opened] += 1

    def closed(self) -> None:
        """Count a connection that has ended."""
        self._health.counters[self._closed] += 1

    def wrote(self, texts: int, received: int | None) -> None:
        """Count texts that the socket has taken.

        ``received`` is when the feed got the trade of one of them, µs UTC; None: none has news.
        """
        self._health.counters[self._texts] += texts
        if received is not None:
            self._health.observe(BROADCAST_S, time.time() - received / 1e6)

"""One attempt to connect to an exchange, in a helper thread: DNS has no time-out.

An address goes in, an open, subscribed, non-blocking socket and the exchange's own time come out,
or the reason why not. Whatever a network can bring up is such a reason: the thread never dies of
it, and the one who waits looks at ``done``.
"""

import http.client
import threading
import time

import websocket

from bus.errors import BadFrame
from procs.feed.exchanges import Clocked, Streamed, headers_of
from procs.feed.refusal import FORBIDDEN, FORBIDDEN_S, retry_after_s, sentence
from procs.feed.rest import USER_AGENT, get

CONNECT_TIMEOUT_S = 10.0
CLOCK_BYTES_MAX = 65_536


class Attempt:
    """One attempt to connect, in a thread of its own. ``done`` is set last."""

    def __init__(self, exchange: Streamed, websocket_url: str, rest_url: str) -> None:
        self.socket: websocket.WebSocket | None = None
        self.clock_us: int | None = None
        self.clock_error: str | None = None
        self.error: str | None = None
        self.status: int | None = None
        self.retry_after_s = 0.0
        self.done = threading.Event()
        self._exchange = exchange
        self._websocket_url = websocket_url
        self._rest_url = rest_url
        self._abandoned = False
        self._lock = threading.Lock()
        threading.Thread(target=self._run, name="connect", daemon=True).start()

    def abandon(self) -> None:
        """Close what the attempt brings, now or when it comes."""
        with self._lock:
            self._abandoned = True
            if self.socket is not None:
                self.socket.shutdown()

    def _run(self) -> None:
        try:
            self._read_clock()
            made = connect(self._exchange, self._websocket_url)
            if self.clock_us is None:
                self._read_clock()  # it answers now; at a start it may not have before
            with self._lock:
                self.socket = made
                if self._abandoned:
                    made.shutdown()
        except websocket.WebSocketBadStatusException as error:
            self.status = error.status_code
            self.error = sentence(error)
            after = (error.resp_headers or {}).get("retry-after", "")
            asked_s = retry_after_s(str(after), time.time())
            self.retry_after_s = max(asked_s, FORBIDDEN_S if error.status_code in FORBIDDEN else 0)
        except Exception as error:  # whatever a network can bring: this attempt has failed
            self.error = sentence(error)
        finally:
            self.done.set()

    def _read_clock(self) -> None:
        """Ask for the exchange's time. Without an answer our own clock has to do."""
        exchange = self._exchange
        if not isinstance(exchange, Clocked):
            return
        try:
            url = exchange.time_url(self._rest_url)
            answer = get(url, CLOCK_BYTES_MAX, headers_of(exchange))
            if answer.status != 200:
                raise BadFrame(f"HTTP {answer.status}")
            self.clock_us = exchange.parse_time(answer.body)
        except (OSError, http.client.HTTPException, BadFrame, ValueError) as error:
            self.clock_error = sentence(error)


def connect(exchange: Streamed, websocket_url: str) -> websocket.WebSocket:
    """Return an open, subscribed, non-blocking socket.

    Raises:
        Exception: whatever a network can bring up; ``sentence`` says it to a person.
    """
    made = websocket.create_connection(
        exchange.connect_url(websocket_url),
        timeout=CONNECT_TIMEOUT_S,
        sockopt=((6, 1, 1),),  # TCP_NODELAY
        skip_utf8_validation=True,
        enable_multithread=False,
        redirect_limit=0,
        suppress_origin=True,
        header=[f"User-Agent: {USER_AGENT}"],
    )
    try:
        for text in exchange.subscribe():
            made.send(text)
        assert made.sock is not None
        made.sock.setblocking(False)
    except Exception:
        made.shutdown()
        raise
    return made

"""One attempt to connect to an exchange, in a helper thread: DNS has no time-out.

An address goes in, an open, subscribed, non-blocking socket and the exchange's own time come out,
or the reason why not. Whatever a network can bring up is such a reason: the thread never dies of
it, and the one who waits looks at ``done``.
"""

import http.client
import socket
import ssl
import threading
import time
import urllib.error
import urllib.request
from email.utils import parsedate_to_datetime

import websocket

from bus.errors import BadFrame
from procs.feed.exchanges import Exchange

CONNECT_TIMEOUT_S = 10.0
CLOCK_TIMEOUT_S = 5.0
RETRY_AFTER_S_MAX = 259_200.0
"""Three days: an exchange's longest ban, and the longest wait that is believed."""
FORBIDDEN = {
    403: "the exchange does not let us in (HTTP 403)",
    451: "the exchange does not serve this place (HTTP 451)",
}
"""Refusals that say where we are, or who: that does not change soon."""
FORBIDDEN_S = 600.0
"""The wait after such a refusal."""
USER_AGENT = "tickwire"


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """An exchange that sends us elsewhere, perhaps without TLS, has not answered."""

    def redirect_request(self, *_: object) -> None:
        """Follow none."""


opener = urllib.request.build_opener(_NoRedirect)
"""Asks by HTTP, and nobody else than who was meant."""


class Attempt:
    """One attempt to connect, in a thread of its own. ``done`` is set last."""

    def __init__(self, exchange: Exchange, websocket_url: str, rest_url: str) -> None:
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
        url = self._exchange.time_url(self._rest_url)
        request = urllib.request.Request(url, headers={"User-Agent": USER_AGENT})  # noqa: S310
        try:
            with opener.open(request, timeout=CLOCK_TIMEOUT_S) as answer:
                self.clock_us = self._exchange.parse_time(answer.read(65536))
        except (OSError, http.client.HTTPException, BadFrame, ValueError) as error:
            self.clock_error = sentence(error)


def connect(exchange: Exchange, websocket_url: str) -> websocket.WebSocket:
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


def sentence(error: BaseException) -> str:
    """Return what an error of the network means, for a person."""
    if isinstance(error, urllib.error.URLError) and isinstance(error.reason, OSError):
        error = error.reason
    if isinstance(error, websocket.WebSocketBadStatusException):
        return refusal(error.status_code)
    if isinstance(error, websocket.WebSocketAddressException | socket.gaierror):
        return "the name cannot be resolved; is there internet?"
    if isinstance(error, ConnectionRefusedError):
        return "the connection was refused"
    if isinstance(error, TimeoutError | websocket.WebSocketTimeoutException):
        return "there was no answer"
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not to be trusted: {error.verify_message}"[:200]
    return f"{type(error).__name__}: {error}"[:200]


def refusal(status: int) -> str:
    """Return what an HTTP status that is no success means, for a person."""
    return FORBIDDEN.get(status, f"the exchange answered HTTP {status}")


def retry_after_s(text: str, now_s: float) -> float:
    """Return the seconds that a Retry-After header asks for: a number, or a date; 0 for neither."""
    try:
        asked = float(text) if text.isascii() and text.isdigit() else _until(text, now_s)
    except (ValueError, OverflowError):
        return 0.0
    return min(max(asked, 0.0), RETRY_AFTER_S_MAX)


def _until(text: str, now_s: float) -> float:
    return parsedate_to_datetime(text).timestamp() - now_s

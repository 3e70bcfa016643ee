"""What it means that an exchange, or the network before it, does not give what was asked for.

An error or an answer's status goes in; a sentence for a person and the seconds to wait come out. No
sentence has more of an address than its host: what stands behind it may be a key.
"""

import socket
import ssl
import urllib.error
from email.utils import parsedate_to_datetime

import websocket

RETRY_AFTER_S_MAX = 259_200.0
"""Three days: an exchange's longest ban, and the longest wait that is believed."""
LIMITED_S = 30.0
"""The wait after a 429 or 418 that does not say how long."""
FORBIDDEN = {
    403: "the exchange does not let us in (HTTP 403)",
    451: "the exchange does not serve this place (HTTP 451)",
}
"""Refusals that say where we are, or who: that does not change soon."""
FORBIDDEN_S = 600.0
"""The wait after such a refusal."""


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


def wait_s(status: int, asked_s: float) -> float | None:
    """Return the wait after an answer that forbids or limits, which asked for ``asked_s`` seconds.

    None where the status is another one.
    """
    if status in FORBIDDEN:
        return max(FORBIDDEN_S, asked_s)
    return (asked_s or LIMITED_S) if status in (418, 429) else None


def retry_after_s(text: str, now_s: float) -> float:
    """Return the seconds that a Retry-After header asks for: a number, or a date; 0 for neither."""
    try:
        asked = float(text) if text.isascii() and text.isdigit() else _until(text, now_s)
    except (ValueError, OverflowError):
        return 0.0
    return min(max(asked, 0.0), RETRY_AFTER_S_MAX)


def _until(text: str, now_s: float) -> float:
    return parsedate_to_datetime(text).timestamp() - now_s

"""One question to an exchange by REST, for whoever may wait for the answer: a thread of its own.

An address and headers go in; status, body and the wait that was asked for come out. Neither silence
nor a trickle nor a flood holds up the asker for ever, but for name servers, which have no time-out.
A redirect is an answer like any other: what the headers carry is for nobody else.
"""

import http.client
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from typing import NamedTuple, cast

from bus.actor import Instant
from bus.errors import BadFrame
from procs.feed.refusal import retry_after_s, sentence

USER_AGENT = "tickwire"
SILENCE_S_MAX = 5.0
"""An answer that stands still for so long has failed,"""
ANSWER_S_MAX = 10.0
"""and so has one that takes so long altogether."""
STUCK_US = 60_000_000
"""What has no answer for so long (name servers have no time-out) is abandoned."""
NO_HEADERS: Mapping[str, str] = {}


class Answer(NamedTuple):
    """What the exchange said."""

    status: int
    body: bytes
    """Empty where the answer is an error whose body cannot be read."""
    retry_after_s: float
    """Not to be asked again before; 0 where it does not say."""


class _Staying(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: object) -> None:
        """Follow nobody."""


_opener = urllib.request.build_opener(_Staying)


def get(url: str, bytes_max: int, headers: Mapping[str, str] = NO_HEADERS) -> Answer:
    """Return the answer, whatever its status.

    Raises:
        BadFrame: it is larger than ``bytes_max``.
        Exception: whatever a network can bring up; ``refusal.sentence`` says it to a person.
    """
    request = urllib.request.Request(url, headers={"User-Agent": USER_AGENT, **headers})  # noqa: S310
    try:
        with _opener.open(request, timeout=SILENCE_S_MAX) as answer:
            return Answer(answer.status, _body(answer, bytes_max), 0.0)
    except urllib.error.HTTPError as refused:
        with refused:
            wait_s = retry_after_s(refused.headers.get("Retry-After", ""), time.time())
            try:
                body = _body(cast(http.client.HTTPResponse, refused.fp), bytes_max)
            except (OSError, http.client.HTTPException, BadFrame):
                body = b""
            return Answer(refused.code, body, wait_s)


def _body(answer: http.client.HTTPResponse, bytes_max: int) -> bytes:
    give_up = time.monotonic() + ANSWER_S_MAX
    body = bytearray()
    while piece := answer.read1(1 << 16):
        body += piece
        if len(body) > bytes_max:
            raise BadFrame(f"an answer of more than {bytes_max} bytes")
        if time.monotonic() > give_up:
            raise TimeoutError
    return bytes(body)


class Call:
    """One question, in a thread of its own, for who may not wait. ``done`` is set last.

    Args:
        url: what to ask.
        bytes_max: size of the largest answer.
        headers: what the question carries.
        now: when it is asked.
    """

    def __init__(self, url: str, bytes_max: int, headers: Mapping[str, str], now: Instant) -> None:
        self.began = now.mono
        self.answer: Answer | None = None
        """None: there was none, and ``error`` says why."""
        self.error = ""
        self.ts_recv = 0
        """When the answer was there, µs UTC of this machine's clock."""
        self.done = threading.Event()
        self._asked = (url, bytes_max, headers)
        threading.Thread(target=self._run, name="rest", daemon=True).start()

    def stuck(self, now: Instant) -> bool:
        """Return whether it has taken so long that nobody should wait for it any more."""
        return not self.done.is_set() and now.mono - self.began > STUCK_US

    def _run(self) -> None:
        try:
            self.answer = get(*self._asked)
            self.ts_recv = time.time_ns() // 1000
        except BadFrame as bad:
            self.error = str(bad)
        except Exception as error:  # whatever a network can bring: the call has failed
            self.error = sentence(error)
        finally:
            self.done.set()

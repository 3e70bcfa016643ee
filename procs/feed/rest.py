"""One question to an exchange by REST, for whoever may wait for the answer: a thread of its own.

An address goes in, status, body and the wait that was asked for come out. Neither silence nor a
trickle nor a flood holds up the asker for ever, but for name servers, which have no time-out.
"""

import http.client
import time
import urllib.error
import urllib.request
from typing import NamedTuple, cast

from bus.errors import BadFrame
from procs.feed.attempt import USER_AGENT, opener, retry_after_s

SILENCE_S_MAX = 5.0
"""An answer that stands still for so long has failed,"""
ANSWER_S_MAX = 10.0
"""and so has one that takes so long altogether."""


class Answer(NamedTuple):
    """What the exchange said."""

    status: int
    body: bytes
    """Empty where the answer is an error whose body cannot be read."""
    retry_after_s: float
    """Not to be asked again before; 0 where it does not say."""


def get(url: str, bytes_max: int) -> Answer:
    """Return the answer, whatever its status.

    Raises:
        BadFrame: it is larger than ``bytes_max``.
        Exception: whatever a network can bring up; ``attempt.sentence`` says it to a person.
    """
    request = urllib.request.Request(url, headers={"User-Agent": USER_AGENT})  # noqa: S310
    try:
        with opener.open(request, timeout=SILENCE_S_MAX) as answer:
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

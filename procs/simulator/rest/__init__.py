"""The REST side of each simulated exchange, one file per exchange; here is what they share.

A request that an exchange would refuse is answered in that exchange's own words.
"""

from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import Response


class Refused(Exception):
    """The exchange refuses a request; ``answer`` is what it says then."""

    def __init__(self, reason: str, answer: Response) -> None:
        super().__init__(reason)
        self.answer = answer


def answering(
    endpoint: Callable[[Request], Response],
) -> Callable[[Request], Awaitable[Response]]:
    """Return an endpoint that runs in the loop and answers what is refused."""

    async def answer(request: Request) -> Response:
        try:
            return endpoint(request)
        except Refused as refused:
            return refused.answer

    return answer

"""REST answers that fail, in front of each exchange's REST routes.

In comes a request, out goes what ``Faults.rest_failure`` says of its number, or the exchange's own
answer. WebSockets and the simulator's own routes never fail here.
"""

import asyncio

from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from procs.simulator.faults import SILENCE, Switch

SILENCE_S = 3.0
RETRY_AFTER_S = 1
"""Said with 429 and 418."""


class FailingRest:
    """The routes of one exchange, with failures before them.

    Args:
        app: the routes.
        switch: says what part fails.
        key: 64 bits that belong to seed and exchange.
    """

    def __init__(self, app: ASGIApp, switch: Switch, key: int) -> None:
        self._app = app
        self._switch = switch
        self._key = key
        self._asked = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, fail, or answer late."""
        status = None
        if scope["type"] == "http":
            self._asked += 1
            status = self._switch.faults.rest_failure(self._key + self._asked)
        if status == SILENCE:
            await asyncio.sleep(SILENCE_S)
        elif status is not None:
            headers = {"Retry-After": str(RETRY_AFTER_S)} if status in (418, 429) else None
            answer = JSONResponse({"error": f"simulated failure {status}"}, status, headers)
            await answer(scope, receive, send)
            return
        await self._app(scope, receive, send)

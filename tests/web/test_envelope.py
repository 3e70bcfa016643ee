"""Every line that is logged while a request or a WebSocket lasts has its id, and few lines are."""

import asyncio
import json
import logging
from typing import Any

import pytest
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route, Router, WebSocketRoute
from starlette.types import Message, Scope
from starlette.websockets import WebSocket

from bus import log
from bus.heartbeat import Health
from bus.log import Log
from tests.web.asgi import ask
from web.envelope import Caught, Marked, request_id_of


async def fine(request: Request) -> Response:
    return Response("fine")


async def broken(request: Request) -> Response:
    await asyncio.to_thread(logging.getLogger("some.library").warning, "what it has to say")
    raise ZeroDivisionError("a secret")


async def live(websocket: WebSocket) -> None:
    await websocket.accept()
    Log("web").warning("an.event", id_in_use=request_id_of(websocket.scope))


ROUTES = [Route("/fine", fine), Route("/broken", broken), WebSocketRoute("/live", live)]
APP = Marked(Caught(Router(ROUTES), Log("web")), Health("web-1"))
Lines = list[dict[str, Any]]


@pytest.fixture
def logs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lets logs go to standard output as a process's do, as JSON, until the test ends."""
    root = logging.getLogger()
    monkeypatch.setattr(root, "handlers", [])
    monkeypatch.setattr(root, "level", root.level)
    monkeypatch.setattr(logging, "raiseExceptions", True)
    log.configure("INFO", "json")


def said(capsys: pytest.CaptureFixture[str]) -> Lines:
    """The lines so far."""
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


@pytest.mark.usefixtures("logs")
def test_whatever_goes_wrong_in_a_request_is_logged_with_its_id(
    capsys: pytest.CaptureFixture[str],
) -> None:
    async def several() -> list[str]:
        names = [f"request-{number}" for number in range(3)]
        asked = (ask(APP, "/broken", headers={"x-request-id": name}) for name in names)
        answers = await asyncio.gather(*(asyncio.create_task(one) for one in asked))
        return [answer.error["request_id"] for answer in answers]

    ids = asyncio.run(several())
    lines = said(capsys)
    assert ids == ["request-0", "request-1", "request-2"]
    assert sorted(line["request_id"] for line in lines) == sorted([*ids, *ids])
    assert sum("a secret" in line.get("traceback", "") for line in lines) == len(ids)


@pytest.mark.usefixtures("logs")
def test_a_request_that_goes_well_logs_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    assert asyncio.run(ask(APP, "/fine")).status == 200
    assert asyncio.run(ask(APP, "/nothing")).status == 404
    assert said(capsys) == []


@pytest.mark.usefixtures("logs")
def test_a_websocket_has_one_id_as_long_as_it_lasts(capsys: pytest.CaptureFixture[str]) -> None:
    scope: Scope = {"type": "websocket", "path": "/live", "headers": [], "query_string": b""}

    async def receive() -> Message:
        return {"type": "websocket.connect"}

    async def send(message: Message) -> None:
        pass

    asyncio.run(APP(scope, receive, send))
    (line,) = said(capsys)
    assert line["id_in_use"] == line["request_id"] == request_id_of(scope)

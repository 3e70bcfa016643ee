"""One connection's messages, and its neighbours."""

import asyncio
from pathlib import Path

import pytest
from starlette.types import Message
from starlette.websockets import WebSocket

from bus.actor import Instant
from bus.heartbeat import Health
from bus.settings import Settings
from market.symbols import Directory
from tests.web.messages import FEEDS
from tests.web.outbox import join
from web import rate_table
from web.broadcaster import Broadcaster
from web.codecs.native import NativeCodec
from web.conversation import converse
from web.hub import Hub
from web.limits import Limits
from web.rate_limits import RateLimits
from web.services import Services

SAID = 20


async def turns_of_a_burst(folder: Path) -> list[int]:
    """Let a socket have all its messages ready; return how often others ran before each."""
    ready: list[Message] = [{"type": "websocket.receive", "text": "x"} for _ in range(SAID)]
    ready = [{"type": "websocket.connect"}, *ready, {"type": "websocket.disconnect", "code": 1000}]
    hub = Hub(stale_after_s=15)
    settings, health = Settings(data_dir=folder, feeds=FEEDS), Health("web-1")
    services = Services(
        settings,
        health,
        hub,
        Broadcaster(hub, Limits()),
        Directory(FEEDS),
        None,  # type: ignore[arg-type]
        "1.2.3",
        RateLimits(settings, health, rate_table.private()),
    )
    heard: list[int] = []
    turns = 0

    async def receive() -> Message:
        return ready.pop(0)

    async def send(message: Message) -> None:
        pass

    def run() -> None:
        nonlocal turns
        turns += 1
        if ready:
            asyncio.get_running_loop().call_soon(run)

    def hear(text: str | bytes, now: Instant) -> None:
        heard.append(turns)

    websocket = WebSocket({"type": "websocket", "path": "/ws", "headers": []}, receive, send)
    await websocket.accept()
    run()
    await converse(websocket, services, join(hub, NativeCodec()), hear)
    return heard


def test_after_each_message_of_a_burst_the_others_have_their_turn(tmp_path: Path) -> None:
    heard = asyncio.run(turns_of_a_burst(tmp_path))
    assert len(heard) == SAID
    assert len(set(heard)) == SAID


def test_without_that_nobody_would_run_in_between(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def at_once(seconds: float) -> None:
        pass

    monkeypatch.setattr(asyncio, "sleep", at_once)
    assert len(set(asyncio.run(turns_of_a_burst(tmp_path)))) == 1

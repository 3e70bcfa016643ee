"""What clients send compressed: agreed to, bounded, and closed where it is abuse."""

import re
import sys
import zlib
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.faults import times
from tests.web.conftest import Start
from tests.web.serve import Apart
from tests.web.stack import Stack
from tests.web.websocket import (
    COMPRESSED,
    CONTINUED,
    PING,
    TEXT,
    asked,
    code_after,
    masked,
    opened,
)

COMPRESSION = "Sec-WebSocket-Extensions: permessage-deflate"
PACKED = zlib.compress(bytes(32 << 20), wbits=-15)
"""A thousandth of what it becomes."""
SMALL = zlib.compress(b'{"type":"ping","is":[' + bytes(1500), wbits=-15)
"""Of a message that is too long for its size, but not so much that it would be closed for that."""
BOMBS = {
    "small ones that become large": (
        masked(TEXT | COMPRESSED, zlib.compress(bytes(60_000), wbits=-15)) * 5000,
        {1009},
    ),
    "small ones without end": (masked(TEXT | COMPRESSED, SMALL) * 5000, {4429}),
    "a frame that becomes large": (masked(TEXT | COMPRESSED, PACKED), {1009}),
    "fragments that become large": (
        masked(TEXT | COMPRESSED, PACKED[:600], fin=False)
        + masked(CONTINUED, PACKED[600:1200], fin=False) * 200,
        {1009},
    ),
    "nothing that was compressed": (masked(TEXT | COMPRESSED, b"\xff" * 100), {1002}),
    "compressed control frames": (masked(PING | COMPRESSED), {1002}),
    "a compressed continuation": (
        masked(TEXT | COMPRESSED, SMALL[:20], fin=False) + masked(CONTINUED | COMPRESSED),
        {1002},
    ),
}


@pytest.mark.parametrize("kind", BOMBS)
def test_a18_compressed_abuse_is_closed_with_its_code(stack: Stack, kind: str) -> None:
    sent, codes = BOMBS[kind]
    for _ in range(times(1, 50)):
        with opened(stack.port, COMPRESSION) as client:
            assert code_after(client, sent) in codes
    assert stack.get("/health/live")[0] == 200


def test_what_is_compressed_needs_no_memory_of_what_was_before(stack: Stack) -> None:
    client, head = asked(stack.port, COMPRESSION)
    with client:
        agreed = head.lower().partition(b"sec-websocket-extensions: ")[2].partition(b"\r\n")[0]
        assert {part.strip() for part in agreed.split(b";")} == {
            b"permessage-deflate",
            b"server_no_context_takeover",
            b"client_no_context_takeover",
        }


def test_compression_can_be_switched_off(start: Start) -> None:
    client, head = asked(start(compressed=False).port, COMPRESSION)
    with client:
        assert b"sec-websocket-extensions" not in head.lower()


@pytest.mark.alone
@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells the most that a process had")
def test_a18_abuse_never_takes_much_memory(start: Start) -> None:
    stack = start(apart=True)
    assert isinstance(stack.web, Apart)
    pid = stack.web.process.pid
    for _ in range(times(2, 50)):
        begun = kib(pid, "VmRSS")
        Path(f"/proc/{pid}/clear_refs").write_text("5")  # begin to measure anew
        with ExitStack() as opening:
            clients = [opening.enter_context(opened(stack.port, COMPRESSION)) for _ in BOMBS]
            with ThreadPoolExecutor(len(BOMBS)) as pool:
                list(pool.map(code_after, clients, [sent for sent, _ in BOMBS.values()]))
        more = kib(pid, "VmHWM") - begun
    assert more < 4096  # the second time, when all code has been used


def kib(pid: int, name: str) -> int:
    """Return a figure of a process's memory."""
    found = re.search(rf"{name}:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    assert found is not None
    return int(found[1])

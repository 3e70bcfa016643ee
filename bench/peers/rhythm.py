"""What all peers in Python share: their arguments, the message they send, and when.

A message says when it was made (``sent``, µs UTC) and is filled up to its size, so that all peers
send as many bytes. Standard library alone: a peer's environment has the peer and nothing else.
"""

import argparse
import asyncio
import os
import time
from collections.abc import Callable

FRAME_HEAD_BYTES = 4


class Asked(argparse.Namespace):
    """What a peer is told on its command line."""

    port: int
    rate: float
    bytes: int


def asked() -> Asked:
    """Return what was asked for."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--rate", type=float, required=True)
    parser.add_argument("--bytes", type=int, required=True)
    return parser.parse_args(namespace=Asked())


def message(size: int) -> bytes:
    """Return a message of ``size`` bytes, made now.

    Raises:
        ValueError: the size has no room for what it says.
    """
    head = b'{"sent":%d,"fill":"' % (time.time_ns() // 1000)
    if size < len(head) + 2:
        raise ValueError(f"a message of {size} bytes was asked for, it takes {len(head) + 2}")
    return head + b"x" * (size - len(head) - 2) + b'"}'


def ready(*pids: int) -> None:
    """Say that clients may come, and which processes serve them: this one unless others do."""
    print("READY", *(pids or (os.getpid(),)), flush=True)


async def beat(rate: float, each: Callable[[], object]) -> None:
    """Call ``each`` so many times a second, for ever, at moments that do not drift."""
    begin = time.monotonic()
    number = 0
    while True:
        number += 1
        await asyncio.sleep(max(0.0, begin + number / rate - time.monotonic()))
        each()

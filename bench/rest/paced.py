"""Requests at moments that nothing delays: so many a second, however long the answers take.

A request's time begins at the moment it was due. One that has to wait because every connection is
busy has waited too, so a server that stalls cannot look good by being asked less.
"""

import asyncio

CONNECTIONS = 32
_LENGTH = b"content-length:"
_LIMIT = 1 << 20
Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class WrongAnswer(Exception):
    """An answer that is no success, or does not say its length."""


async def fetch(streams: Streams, path: str) -> int:
    """Ask for a path on an open connection; return the bytes of the answer's body.

    Raises:
        WrongAnswer: the answer is no success, or does not say its length.
    """
    reader, writer = streams
    writer.write(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode())
    status, *head = (await reader.readuntil(b"\r\n\r\n")).lower().split(b"\r\n")
    lengths = [int(line[len(_LENGTH) :]) for line in head if line.startswith(_LENGTH)]
    if b" 200 " not in status + b" " or len(lengths) != 1:
        raise WrongAnswer(f"{path} was answered with {status.decode()}")
    return len(await reader.readexactly(lengths[0]))


async def paced(port: int, path: str, rate: float, seconds: float) -> tuple[list[float], int]:
    """Return the ms of each request and the bytes of an answer.

    Raises:
        ExceptionGroup: of ``WrongAnswer``, or of what has happened to a connection.
    """
    opened = [
        await asyncio.open_connection("127.0.0.1", port, limit=_LIMIT) for _ in range(CONNECTIONS)
    ]
    free: asyncio.Queue[Streams] = asyncio.Queue()
    for each in opened:
        free.put_nowait(each)
    loop = asyncio.get_running_loop()
    begin = loop.time()
    taken: list[float] = []
    size = 0

    async def one(due: float) -> None:
        nonlocal size
        streams = await free.get()
        size = await fetch(streams, path)
        taken.append((loop.time() - due) * 1000)
        free.put_nowait(streams)

    try:
        async with asyncio.TaskGroup() as group:
            for number in range(int(rate * seconds)):
                due = begin + number / rate
                await asyncio.sleep(max(0.0, due - loop.time()))
                group.create_task(one(due))
    finally:
        for _, writer in opened:
            writer.close()
            await writer.wait_closed()
    return taken, size

"""wrk's figures, and requests that are paced by the clock."""

import asyncio

import pytest

from bench.rest import wrk
from bench.rest.paced import WrongAnswer, paced

Paced = tuple[list[float], int]


def test_figures_are_found_in_what_wrk_says() -> None:
    figures = '{"requests":12000,"us":1000000,"p50":1,"p95":2,"p99":3,"wrong":0}'
    said = f"Running 1s test\nFIGURES {figures}\n"
    assert wrk.read(said) == wrk.Asked(12_000, 1_000_000, 1, 2, 3, 0)
    with pytest.raises(ValueError, match="no figures"):
        wrk.read("unable to connect")


async def _against(answer: bytes, late_s: float, rate: float, seconds: float) -> Paced:
    """Ask a server that gives the same answer, ``late_s`` after each request."""
    serving: set[asyncio.Task[None] | None] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        serving.add(asyncio.current_task())
        try:
            while await reader.readuntil(b"\r\n\r\n"):
                if late_s:
                    await asyncio.wait([asyncio.get_running_loop().create_future()], timeout=late_s)
                writer.write(answer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass  # the client has gone
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        async with server:
            return await paced(server.sockets[0].getsockname()[1], "/x", rate, seconds)
    finally:
        await asyncio.gather(*(task for task in serving if task is not None))


def test_every_request_is_made_and_timed() -> None:
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nprice"
    taken, size = asyncio.run(_against(answer, 0, rate=400, seconds=0.25))
    assert (len(taken), size) == (100, 5)


def test_a_slow_server_is_asked_as_often_and_its_time_includes_the_wait() -> None:
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
    taken, _ = asyncio.run(_against(answer, 0.1, rate=1000, seconds=0.2))
    assert len(taken) == 200
    assert min(taken) >= 99
    assert max(taken) >= 250  # 200 requests over 32 connections of 10 a second each: 0.6 s


def test_an_answer_that_is_no_success_ends_the_measurement() -> None:
    answer = b"HTTP/1.1 429 Too Many Requests\r\nContent-Length: 0\r\n\r\n"
    with pytest.raises(ExceptionGroup) as caught:
        asyncio.run(_against(answer, 0, rate=50, seconds=0.1))
    assert caught.value.subgroup(WrongAnswer) is not None

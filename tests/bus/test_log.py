"""One line per event, whatever is in it."""

import json
import os
import subprocess
import sys
from typing import Any

import pytest

from bus.settings import ROOT

NASTY = (
    *("a\nb", "a\r\nERROR forged line", "\x1b[31mred\x1b[0m", "a\u2028b", "a\x85b", "\x00", ""),
    *('say "hi"', "key=value", "ünïcödé", "\ud800", "x" * 10_000),
)


def logged(form: str, program: str) -> list[str]:
    done = subprocess.run(
        [sys.executable, "-c", "from bus.log import Log, configure\n" + program, form],
        cwd=ROOT,
        capture_output=True,
        timeout=20,
        check=True,
        env={"PATH": os.environ["PATH"], "PYTHONIOENCODING": "utf-8"},
    )
    assert done.stderr == b""
    return done.stdout.decode().split("\n")[:-1]


PROGRAM = f"""
import sys
configure("INFO", sys.argv[1])
for text in {NASTY!r}:
    Log("test").warning("an.event", text=text, number=1)
    Log("test").warning(text)
try:
    raise ValueError("first line\\nsecond line")
except ValueError:
    Log("test").exception("a.crash")
Log("test").debug("unseen")
"""


@pytest.mark.parametrize("form", ["text", "json"])
def test_no_value_can_forge_a_line(form: str) -> None:
    lines = logged(form, PROGRAM)
    assert len(lines) == 2 * len(NASTY) + 1
    for line in lines:
        assert line.isprintable()
        assert "\x1b" not in line


def test_json_lines_give_every_value_back() -> None:
    found: list[dict[str, Any]] = [json.loads(line) for line in logged("json", PROGRAM)]
    assert [one["text"] for one in found if one["event"] == "an.event"] == list(NASTY)
    assert found[0]["level"] == "WARNING"
    assert found[0]["logger"] == "test"
    assert "second line" in found[-1]["traceback"]


TASKS = """
import asyncio, logging, sys
from bus import log
configure("INFO", sys.argv[1])

async def one(number):
    log.bind(request_id=f"id-{number}")
    await asyncio.sleep(0)
    Log("web").warning("an.event", number=number)
    logging.getLogger("some.library").warning("a sentence")
    await asyncio.create_task(within(number))

async def within(number):
    log.bind(stage="within")
    Log("web").warning("an.event", number=number)

async def every():
    await asyncio.gather(*(one(number) for number in range(3)))
    Log("web").warning("an.event", number=None)

asyncio.run(every())
"""


def test_what_a_task_has_bound_stands_in_each_of_its_lines_and_in_no_other() -> None:
    found: list[dict[str, Any]] = [json.loads(line) for line in logged("json", TASKS)]
    assert len(found) == 10
    ids = [one["request_id"] for one in found if one["event"] == "a sentence"]
    assert sorted(ids) == ["id-0", "id-1", "id-2"]
    for line in found:
        if "number" in line:
            number = line["number"]
            assert line.get("request_id") == (None if number is None else f"id-{number}")
    assert [line["request_id"] for line in found if "stage" in line] == ids
    assert all("request_id=id-" in line for line in logged("text", TASKS)[:-1])


def test_a_reader_that_has_gone_is_no_error() -> None:
    program = (
        "from bus.log import Log, configure\nconfigure('INFO', 'text')\n"
        "for number in range(20000): Log('test').info('an.event', number=number)\n"
    )
    writer = subprocess.Popen(
        [sys.executable, "-c", program], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert writer.stdout is not None
    assert writer.stderr is not None
    assert b"an.event" in writer.stdout.readline()
    writer.stdout.close()
    assert writer.stderr.read() == b""
    writer.stderr.close()
    assert writer.wait(20) == 0

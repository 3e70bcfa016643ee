"""What processes take, as ``/proc`` tells it, of processes that are known."""

import os
import subprocess
import sys

from bench import usage

BUSY = "import sys, time; x = bytearray(50_000_000)\nwhile time.process_time() < 0.3: pass\n"
WAITS = "print(flush=True); sys.stdin.read()"


def test_a_process_is_measured_with_all_that_run_below_it() -> None:
    with subprocess.Popen(
        ["sh", "-c", '"$0" -c "$1"; true', sys.executable, BUSY + WAITS],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as shell:
        assert shell.stdout is not None
        shell.stdout.readline()
        pids = usage.tree([shell.pid])
        assert len(pids) == 2
        assert 0.25 <= usage.cpu_s(pids) < 3
        assert usage.cpu_s([shell.pid]) < 0.1
        assert 50_000_000 < usage.rss(pids) <= usage.peak_rss(pids) < 200_000_000
        shell.communicate()
    assert usage.tree([shell.pid]) == set()
    assert (usage.cpu_s(pids), usage.rss(pids), usage.peak_rss(pids)) == (0, 0, 0)


def test_a_process_that_waits_takes_no_time() -> None:
    with subprocess.Popen(["cat"], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as waiting:
        assert usage.cpu_s([waiting.pid]) < 0.1
        assert os.getpid() in usage.tree([os.getpid()])
        waiting.communicate()


def test_the_memory_of_tcp_is_read_off_its_own_line() -> None:
    text = "sockets: used 80\nTCP: inuse 3 orphan 0 tw 10 alloc 3 mem 341\nUDP: inuse 1 mem 2\n"
    assert usage.tcp_pages(text) == 341
    assert usage.tcp_memory() >= 0

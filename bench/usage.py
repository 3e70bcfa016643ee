"""What processes take of the machine, read from ``/proc``: CPU time and resident memory.

A process counts with all its threads and with every process below it, so that a server of several
processes is measured whole. Linux only.
"""

import os
from collections.abc import Iterable
from pathlib import Path

_TICK_S = 1 / os.sysconf("SC_CLK_TCK")
_PAGE = os.sysconf("SC_PAGE_SIZE")


def tree(pids: Iterable[int]) -> set[int]:
    """Return these processes and all below them, as far as they live."""
    below: dict[int, list[int]] = {}
    alive = set()
    for entry in Path("/proc").glob("[0-9]*"):
        fields = _stat(int(entry.name))
        if fields:
            alive.add(int(entry.name))
            below.setdefault(int(fields[1]), []).append(int(entry.name))
    found: set[int] = set()
    todo = [pid for pid in pids if pid in alive]
    while todo:
        pid = todo.pop()
        found.add(pid)
        todo += [child for child in below.get(pid, []) if child not in found]
    return found


def cpu_s(pids: Iterable[int]) -> float:
    """Return user and system time of these processes so far, seconds; 0 for those that ended.

    The kernel counts it in ticks of 10 ms: a window should take a second of it or more.
    """
    return sum(sum(map(int, fields[11:13])) for pid in pids if (fields := _stat(pid))) * _TICK_S


def rss(pids: Iterable[int]) -> int:
    """Return the resident memory of these processes, bytes; shared pages count for each.

    What the kernel holds for their sockets is not in it.
    """
    out = 0
    for pid in pids:
        try:
            out += int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * _PAGE
        except OSError:
            pass  # it has just ended
    return out


def peak_rss(pids: Iterable[int]) -> int:
    """Return the sum of the most that each of these processes has ever held resident, bytes."""
    out = 0
    for pid in pids:
        try:
            text = Path(f"/proc/{pid}/status").read_text()
        except OSError:
            continue  # it has just ended
        out += sum(int(line.split()[1]) for line in text.splitlines() if line.startswith("VmHWM"))
    return out * 1024


def tcp_memory() -> int:
    """Return what the kernel holds in the buffers of all TCP sockets of this machine, bytes."""
    return tcp_pages(Path("/proc/net/sockstat").read_text()) * _PAGE


def tcp_pages(sockstat: str) -> int:
    """Return the pages of memory that the text of ``/proc/net/sockstat`` says for TCP."""
    [words] = [line.split() for line in sockstat.splitlines() if line.startswith("TCP:")]
    return int(words[words.index("mem") + 1])


def _stat(pid: int) -> list[str]:
    """Return the fields after the process's name (proc_pid_stat(5), from the third on)."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []

"""What a default installation listens on: three TCP ports of loopback in a demo, and no more."""

import os
import socket
import stat
from collections.abc import Iterable
from pathlib import Path

import pytest

from procs import render
from tests.e2e.remains import processes_of
from tests.e2e.stack import Stack

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(not Path("/proc/net/tcp").exists(), reason="no /proc: ports were NOT seen"),
]
LISTENING = "0A"
LOOPBACK = "0100007F"


def listening(pids: Iterable[int]) -> set[tuple[str, int]]:
    """Return (address as the kernel writes it, port) of all TCP sockets that listen."""
    own = {inode for pid in pids for inode in sockets_of(pid)}
    found = set()
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        for line in Path(table).read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == LISTENING and int(fields[9]) in own:
                address, _, port = fields[1].partition(":")
                found.add((address, int(port, 16)))
    return found


def sockets_of(pid: int) -> list[int]:
    """Return the inodes of a process's sockets."""
    found = []
    for path in Path(f"/proc/{pid}/fd").glob("*"):
        try:
            target = os.readlink(path)
        except OSError:  # closed meanwhile
            continue
        if target.startswith("socket:["):
            found.append(int(target[8:-1]))
    return found


def test_a_demo_listens_on_its_three_ports_of_loopback_alone(demo: Stack) -> None:
    pids = [pid for pid, _ in processes_of(demo.settings.data_dir)]
    assert len(pids) > 5
    tap_port = int(demo.settings.tap_endpoint.rpartition(":")[2])
    ports = {demo.settings.port, tap_port, demo.settings.simulator_port}
    assert listening(pids) == {(LOOPBACK, port) for port in ports}


def test_a_port_that_is_opened_beside_them_would_be_seen() -> None:
    with socket.create_server(("0.0.0.0", 0)) as extra:
        assert ("00000000", extra.getsockname()[1]) in listening([os.getpid()])


def test_supervisord_is_reached_by_its_owner_alone_and_by_no_network(demo: Stack) -> None:
    path = render.socket_path(demo.settings)
    mode = path.lstat().st_mode
    assert stat.S_ISSOCK(mode)
    assert stat.S_IMODE(mode) == 0o700
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    written = demo.settings.data_dir / "run" / "supervisord.conf"
    assert "inet_http_server" not in written.read_text()
    assert listening([demo.pid("supervisord")]) <= {(LOOPBACK, demo.settings.port)}

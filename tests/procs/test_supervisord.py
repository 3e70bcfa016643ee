"""The port of the web processes outlives all of them, under a real supervisord."""

import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from bus.settings import ROOT
from tests.eventually import eventually
from tests.surroundings import free_ports

CONFIGURATION = """\
[supervisord]
logfile={folder}/supervisord.log
pidfile={folder}/supervisord.pid
[fcgi-program:web]
command={python} -c "open('{folder}/ran', 'w')"
socket=tcp://127.0.0.1:{port}
startsecs=0
autorestart=false
"""


@pytest.fixture
def folder() -> Iterator[Path]:
    made = Path(tempfile.mkdtemp(prefix="tw"))
    yield made
    shutil.rmtree(made)


@pytest.mark.parametrize(
    ("module", "open_after"), [("procs.supervisord", True), ("supervisor.supervisord", False)]
)
def test_a_launchs_supervisord_keeps_the_port_when_its_last_process_has_ended(
    folder: Path, module: str, open_after: bool
) -> None:
    (port,) = free_ports(1)
    path = folder / "supervisord.conf"
    path.write_text(CONFIGURATION.format(folder=folder, python=sys.executable, port=port))
    log = folder / "supervisord.log"
    with subprocess.Popen(
        [sys.executable, "-m", module, "-n", "-c", str(path)], cwd=ROOT, stdout=subprocess.DEVNULL
    ) as running:
        eventually(lambda: log.is_file() and "exited: web" in log.read_text(), within=15)
        try:
            eventually(lambda: is_open(port) is open_after, within=5)
        finally:
            running.terminate()
            running.wait(20)
    assert not is_open(port)


def is_open(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=5).close()
    except ConnectionRefusedError:
        return False
    return True

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

import psycopg
import pytest
import zmq

from bus import topics, wiring
from bus.messages import Heartbeat, decode
from bus.process import run_folder
from bus.settings import ROOT, Settings
from bus.sockets import Socket
from procs.postgres import cluster
from tests.eventually import eventually
from tests.fix_postgres import Server, environment_on

AS_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="what root does, only root can show")


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    made = Server(tmp_path)
    try:
        yield made
    finally:
        made.remove()


def working_in(folder: Path) -> list[int]:
    """Return the processes whose working directory is the database's folder."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            if os.readlink(entry / "cwd").startswith(str(folder)):
                found.append(int(entry.name))
        except OSError:
            continue
    return found


def takes_connections(dsn: str) -> bool:
    try:
        psycopg.connect(dsn).close()
    except psycopg.OperationalError:
        return False
    return True


def again(server: Server) -> Server:
    return Server(server.settings.data_dir)


def rows(server: Server, query: str) -> list[tuple[object, ...]]:
    with psycopg.connect(server.dsn()) as connection:
        return connection.execute(query.encode()).fetchall()


def run_patched(data_dir: Path, patch: str) -> "subprocess.Popen[str]":
    """Start the program with something changed first."""
    script = f"from procs.postgres import __main__ as program, identity\n{patch}\n"
    script += "program.run('postgres', program.main)\n"
    return subprocess.Popen(
        [sys.executable, "-c", script],
        cwd=ROOT,
        env=environment_on(data_dir),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


REFUSED = """
def refuse():
    raise OSError(1, "refused")
identity.enter_namespace = refuse
"""


def test_f28_server_keeps_every_acknowledged_row_over_kills(server: Server) -> None:
    server.wait()
    with psycopg.connect(server.dsn(), autocommit=True) as connection:
        connection.execute("CREATE TABLE kept (number int PRIMARY KEY)")
    acknowledged = 0
    for _ in range(2):
        with psycopg.connect(server.dsn(), autocommit=True) as connection:
            for _ in range(200):
                acknowledged += 1
                connection.execute("INSERT INTO kept VALUES (%s)", [acknowledged])
            server.process.kill()
            server.process.wait(10)
        server = again(server).wait()
        assert rows(server, "SELECT count(*), max(number) FROM kept") == [
            (acknowledged, acknowledged)
        ]
    assert server.stop() == 0


def test_server_stops_at_once_with_a_client_and_listens_on_no_network(server: Server) -> None:
    server.wait()
    with closing(psycopg.connect(server.dsn())) as connection:
        row = connection.execute(
            """SELECT current_user, current_setting('listen_addresses'), current_setting('fsync'),
                      current_setting('synchronous_commit'), current_setting('data_checksums')"""
        ).fetchone()
        assert row == ("tickwire", "", "on", "on", "on")
        folder = server.settings.run_dir / "pg"
        assert folder.stat().st_mode & 0o777 == 0o700
        begun = time.monotonic()
        assert server.stop() == 0
        assert time.monotonic() - begun < 5


def test_a_server_that_waits_for_its_clients_is_known(server: Server) -> None:
    folder = server.settings.data_dir
    assert cluster.stopping(folder) == 0  # nothing is there yet
    server.wait()
    assert cluster.stopping(folder) == 0
    with closing(psycopg.connect(server.dsn())):
        server.process.terminate()
        eventually(lambda: cluster.stopping(folder) == server.process.pid, within=10)
        assert server.process.poll() is None
    assert server.process.wait(10) == 0
    assert cluster.stopping(folder) == 0
    for torn in ("", "12\n", "x\n" * 7 + "stopping\n"):
        (folder / "pg" / "postmaster.pid").write_text(torn)
        assert cluster.stopping(folder) == 0


PARENT = """
import subprocess, sys
child = subprocess.Popen([sys.executable, "-m", "procs.postgres"])
print(child.pid, flush=True)
child.wait()
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a process of this")
def test_kill_of_the_parent_leaves_no_process(server: Server) -> None:
    server.wait().stop()  # the files are made
    folder = server.settings.data_dir / "pg"
    parent = server.launch("-c", PARENT)
    eventually(lambda: takes_connections(server.dsn()), within=20)
    assert len(working_in(folder)) > 1
    with closing(psycopg.connect(server.dsn())):  # a client does not keep it alive
        parent.kill()
        parent.wait(10)
        eventually(lambda: not working_in(folder), within=10)
    again(server).wait().remove()


def test_start_is_not_stopped_by_what_a_killed_server_left(server: Server) -> None:
    server.wait()
    folder = server.settings.data_dir / "pg"
    left = (folder / "postmaster.pid").read_text()
    for pid in working_in(folder):
        with suppress(ProcessLookupError):  # the others end when they see the first one gone
            os.kill(pid, signal.SIGKILL)
    server.process.wait(10)
    assert (folder / "postmaster.pid").read_text() == left
    eventually(lambda: not working_in(folder))
    # By now the number belongs to another process. (Not to a parent of the server: that one it
    # would not mind.)
    other = server.launch("-c", "import signal; signal.pause()")
    try:
        text = "\n".join([str(other.pid), *left.splitlines()[1:]]) + "\n"
        (folder / "postmaster.pid").write_text(text)
        (server.settings.run_dir / "pg" / ".s.PGSQL.5432.lock").write_text(text)
        assert again(server).wait().stop() == 0
    finally:
        other.kill()
        other.wait(10)


def test_interrupted_making_of_the_files_begins_anew(server: Server) -> None:
    made = server.settings.data_dir / "pg.tmp"
    eventually(lambda: (made / "base").exists(), within=20)
    server.process.kill()
    server.process.wait(10)
    assert not (server.settings.data_dir / "pg").exists()
    second = again(server).wait()
    assert not made.exists()
    assert rows(second, "SELECT current_database()") == [("tickwire",)]
    second.stop()


def test_second_instance_ends_with_75(server: Server) -> None:
    server.wait()
    second = run_patched(server.settings.data_dir, "")
    _, stderr = second.communicate(timeout=20)
    assert second.returncode == 75
    assert stderr.count("\n") == 1
    assert server.answers()


@AS_ROOT
def test_where_no_namespace_is_allowed_root_becomes_another_user(server: Server) -> None:
    server.wait().stop()
    other = run_patched(server.settings.data_dir, REFUSED)
    try:
        eventually(lambda: takes_connections(server.dsn()), within=20)
        status = Path(f"/proc/{other.pid}/status").read_text()
        uids = next(line for line in status.splitlines() if line.startswith("Uid:")).split()[1:]
        assert "0" not in uids
        assert (server.settings.data_dir / "pg").stat().st_uid == int(uids[0])
    finally:
        other.send_signal(signal.SIGINT)
        other.communicate(timeout=20)
    assert other.returncode == 0
    # And back: the namespace's owner gets the folder again.
    back = again(server).wait()
    assert back.stop() == 0


@AS_ROOT
def test_other_user_makes_the_files_below_a_private_folder(tmp_path: Path) -> None:
    private = tmp_path / "private"
    private.mkdir(mode=0o700)
    other = run_patched(private, REFUSED)
    try:
        eventually(lambda: takes_connections(Server.address(private)), within=20)
        assert (private / "pg").stat().st_uid != 0
    finally:
        other.send_signal(signal.SIGINT)
        other.communicate(timeout=20)
        shutil.rmtree(Settings(data_dir=private).run_dir)
    assert other.returncode == 0


@AS_ROOT
def test_root_that_can_be_nobody_else_is_told_so_in_one_line(server: Server) -> None:
    server.wait().stop()
    alone = run_patched(
        server.settings.data_dir,
        REFUSED + "\nidentity._USERS = ('no-such-user',)",
    )
    _, stderr = alone.communicate(timeout=20)
    assert alone.returncode == 2
    assert stderr.startswith("tickwire: DATABASE_URL: ")
    assert stderr.count("\n") == 1


def test_with_another_database_it_stays_up_and_says_that_it_is_idle(tmp_path: Path) -> None:
    run_dir = run_folder(Settings(data_dir=tmp_path))
    idle = subprocess.Popen(
        [sys.executable, "-m", "procs.postgres"],
        cwd=ROOT,
        env={**environment_on(tmp_path), "DATABASE_URL": "postgresql://elsewhere/tickwire"},
    )
    context: zmq.Context[Socket] = zmq.Context()
    heard = context.socket(zmq.SUB)
    try:
        heard.setsockopt(zmq.SUBSCRIBE, topics.heartbeat("postgres"))
        heard.connect(wiring.endpoint(run_dir, "postgres", wiring.OUT))
        assert heard.poll(20_000)
        beat = decode(heard.recv_multipart()[1])
        assert isinstance(beat, Heartbeat)
        assert beat.state == "idle: DATABASE_URL is set"
        idle.terminate()
        assert idle.wait(10) == 0
        assert not (tmp_path / "pg").exists()
    finally:
        idle.kill()
        idle.wait(10)
        heard.close(0)
        context.term()
        shutil.rmtree(run_dir)

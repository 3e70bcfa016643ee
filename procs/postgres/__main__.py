"""The process ``postgres``: becomes an embedded PostgreSQL server, unless there is another one.

In: the settings. Out: a server on a Unix socket in the run folder, nothing on the network, its
files in ``DATA_DIR/pg``, its log on standard error. This program makes the files at the first
start and then *becomes* the server, so that supervisord owns it: SIGINT stops it at once, also with
clients connected, and the kernel sends it that when its parent dies. The lock stays held until the
last of the server's processes is gone. With ``DATABASE_URL`` it only says that it is idle.

It must never run a server as root, make users, or open what is not its own.
"""

import os
import signal

import zmq

from bus import actor
from bus.process import Process, die_with_parent, run, run_folder
from bus.sockets import Socket, bind
from bus.wiring import OUT
from procs.postgres.cluster import Cluster, environment
from procs.postgres.identity import choose

PROGRAM = "postgres"
LOCK_WAIT_S = 10.0
"""After a kill -9 the server's other processes live on until they notice, and hold the lock."""


def main(process: Process) -> int:
    """Become the server; or stay and say that there is another one."""
    if process.settings.database_url is None:
        serve(process)
        return 0
    process.health.state = "idle: DATABASE_URL is set"
    context: zmq.Context[Socket] = zmq.Context()
    out = bind(context, OUT, run_folder(process.settings), PROGRAM)
    code = actor.run(process, actor.Idle(), {}, {"out": out})
    context.term()
    return code


def serve(process: Process) -> None:
    """Make the database's files if there are none, then become the server.

    Returns only when the parent has died meanwhile.

    Raises:
        SettingError: this user cannot run one here.
        InitFailed: the files could not be made.
    """
    assert process.lock is not None
    # Until there is a server to stop, a signal to stop ends us, and what is half made is made anew.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # Python ignores it, and exec would keep that
    identity = choose()
    sockets = run_folder(process.settings) / "pg"
    cluster = Cluster(process.settings.data_dir, sockets, identity, process.lock)
    made = cluster.prepare()
    process.log.info("postgres.start", made=made, runs_as=identity.name)
    command = cluster.command()
    process.lock.keep_across_exec()
    identity.take()
    # Last, because a change of identity clears it.
    die_with_parent(signal.SIGINT)
    if not process.orphaned:
        os.execve(command[0], command, environment())  # noqa: S606


if __name__ == "__main__":
    run(PROGRAM, main, lock_wait_s=LOCK_WAIT_S)

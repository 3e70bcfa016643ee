"""The program ``postgres`` that does not wait for the disk: ``python -m tests.unsynced_postgres``.

All the rest is the program's own. Only a loss of power needs what has been synced; a server or a
client that is killed does not, and no test pulls the plug on this server. Waiting for the disk is
most of what making and dropping a database for each test costs.
"""

from bus.process import run
from procs.postgres.__main__ import LOCK_WAIT_S, PROGRAM, main
from procs.postgres.cluster import SERVER

if __name__ == "__main__":
    SERVER["fsync"] = "off"
    run(PROGRAM, main, lock_wait_s=LOCK_WAIT_S)

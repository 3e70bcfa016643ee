"""Who the server runs as: PostgreSQL refuses to run as root.

An ordinary user runs it as itself. Root runs it in a user namespace of its own, where root is
called 65534: no file changes hands, and it works below a home that only root may enter. Where the
kernel forbids that (a container's usual profile), root becomes an existing unprivileged user, which
then owns the database's folder. Nothing here makes a user or touches a folder outside DATA_DIR
and the run folder.
"""

import ctypes
import os
import pwd
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from bus.errors import SettingError

_CLONE_NEWUSER = 0x10000000
_MAPPED = 65534
_USERS = ("postgres", "nobody")


class Identity(NamedTuple):
    """Somebody to be, for the server and for initdb."""

    name: str
    uid: int
    """Who owns the files, as seen from outside."""
    gid: int
    take: Callable[[], None]
    """Become it, for good. Call it in a process with one thread, before exec."""
    by_descriptor: bool
    """True when it may not pass through the folders above its own, so it gets them opened."""


def choose() -> Identity:
    """Return who the server can run as here.

    Raises:
        SettingError: as nobody.
    """
    if os.geteuid() != 0:
        return Identity("itself", os.geteuid(), os.getegid(), lambda: None, False)
    if _possible(enter_namespace):
        return Identity("a user namespace", 0, os.getegid(), enter_namespace, False)
    for name in _USERS:
        found = _user(name)
        if found is not None and sys.platform == "linux" and _possible(found.take):
            return found
    raise SettingError(
        "DATABASE_URL",
        "is not set, and the embedded PostgreSQL cannot run as root",
        "start tickwire as an ordinary user, or give the address of a PostgreSQL",
    )


def _user(name: str) -> Identity | None:
    try:
        found = pwd.getpwnam(name)
    except KeyError:
        return None

    def take() -> None:
        os.setgroups([])
        os.setresgid(found.pw_gid, found.pw_gid, found.pw_gid)
        os.setresuid(found.pw_uid, found.pw_uid, found.pw_uid)

    return Identity(name, found.pw_uid, found.pw_gid, take, True)


def enter_namespace() -> None:
    """Enter a new user namespace in which this user, and nobody else, exists and is not root.

    Raises:
        OSError: the system has none, or forbids it.
    """
    uid, gid = os.geteuid(), os.getegid()
    unshare = getattr(ctypes.CDLL(None, use_errno=True), "unshare", None)
    if unshare is None:
        raise OSError("this system has no user namespaces")
    if unshare(_CLONE_NEWUSER) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    # The kernel lets an unprivileged process map its group only after it has given up setgroups.
    Path("/proc/self/setgroups").write_text("deny")
    Path("/proc/self/uid_map").write_text(f"{_MAPPED} {uid} 1")
    Path("/proc/self/gid_map").write_text(f"{_MAPPED} {gid} 1")


def _possible(take: Callable[[], None]) -> bool:
    """Try it in a child."""
    child = os.fork()
    if child == 0:
        try:
            take()
            os._exit(0)
        except OSError:
            os._exit(1)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0

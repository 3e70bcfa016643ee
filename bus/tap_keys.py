"""The keys of a tap that is open to other machines: files of ZeroMQ's CURVE, as pyzmq writes them.

``TAP_KEYS_DIR/server.key`` is the tap's public key and ``server.key_secret`` its secret one;
``clients/<name>.key`` is the public key of a client that may come in, and nothing else authorises
one. Folders are 0700, secret files 0600. A file is complete when its name appears, and none is
ever written over.
"""

import errno
import os
import re
import stat
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import zmq.auth

from bus.errors import SettingError

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}", re.ASCII)
"""What a client may be called: never a path."""
FILE_BYTES_MAX = 16 << 10
KEY_BYTES = 40
"""A key as text, in ZeroMQ's Z85."""
READ_AGAIN_US = 1_000_000
"""So old may be what is known of a folder that looks unchanged."""


class Pair(NamedTuple):
    """A key pair as text (Z85)."""

    public: bytes
    secret: bytes


class ClientFiles(NamedTuple):
    """Where ``authorise`` has put a client's keys, and the one of the server that it needs."""

    public: Path
    secret: Path
    server: Path


def read_pair(path: Path) -> Pair:
    """Return the key pair in a secret file.

    Raises:
        ValueError: it cannot be read or holds no such pair; its text is a reason.
    """
    public, secret = _read(path)
    if secret is None:
        raise ValueError("holds no secret key")
    return Pair(public, secret)


def read_public(path: Path) -> bytes:
    """Return the public key in a file, secret or not.

    Raises:
        ValueError: it cannot be read or holds no public key; its text is a reason.
    """
    return _read(path)[0]


def _read(path: Path) -> tuple[bytes, bytes | None]:
    try:
        found = path.stat()
        if not stat.S_ISREG(found.st_mode) or found.st_size > FILE_BYTES_MAX:
            raise ValueError("is no key file")
        public, secret = zmq.auth.load_certificate(path)
    except OSError as error:
        raise ValueError(error.strerror or "cannot be read") from None
    if len(public) != KEY_BYTES or len(secret or public) != KEY_BYTES:
        raise ValueError("holds no key of 40 characters")
    return public, secret


def server_pair(folder: Path) -> Pair:
    """Return the tap's own key pair, made at the first call on this folder.

    Raises:
        SettingError: the folder is open to others, or a file cannot be written or read.
    """
    secret = folder / "server.key_secret"
    try:
        _own(folder)
        if not secret.exists():
            try:
                _make(folder, "server")
            except FileExistsError:
                pass  # another process has just made it
        pair = read_pair(secret)
        public = folder / "server.key"
        if not public.exists():  # killed between the two files
            _put(folder, public, b'curve\n    public-key = "' + pair.public + b'"\n', 0o644)
        if read_public(public) != pair.public:
            raise ValueError("does not fit to server.key beside it")
    except OSError as error:
        raise _unusable(folder, error) from None
    except ValueError as error:
        advice = "restore it, or remove server.key and server.key_secret to begin anew"
        raise SettingError("TAP_KEYS_DIR", f"{secret} {error}", advice) from None
    return pair


def authorise(folder: Path, name: str) -> ClientFiles:
    """Make a client's key pair and authorise its public half; return where the files are.

    Raises:
        SettingError: the name is none, is taken, or the folder cannot be used.
    """
    if not NAME.fullmatch(name):
        raise SettingError("keygen", repr(name), "give a name of letters, digits, - and _")
    server_pair(folder)
    clients = folder / "clients"
    try:
        _own(clients)
        _make(clients, name)
    except FileExistsError as error:
        advice = "give another name, or remove that file first"
        raise SettingError("keygen", f"{error.filename} exists", advice) from None
    except OSError as error:
        raise _unusable(clients, error) from None
    files = (clients / f"{name}.key", clients / f"{name}.key_secret", folder / "server.key")
    return ClientFiles(*files)


def _unusable(folder: Path, error: OSError) -> SettingError:
    found = f"{folder} cannot be used ({error.strerror})"
    return SettingError("TAP_KEYS_DIR", found, "give a folder that this user may write")


def _own(folder: Path) -> None:
    """Make a 0700 folder; refuse one that others may look into."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    mode = folder.stat().st_mode
    if stat.S_IMODE(mode) & 0o077:
        found = f"{folder} is open to other users (mode {stat.S_IMODE(mode):04o})"
        raise SettingError("TAP_KEYS_DIR", found, "give it to its owner alone: chmod 700")


def _make(folder: Path, name: str) -> None:
    """Put a new pair into a folder, each file complete at once.

    Raises:
        FileExistsError: one of the two files is there; neither has been touched.
    """
    public, secret = folder / f"{name}.key", folder / f"{name}.key_secret"
    if public.exists():
        raise FileExistsError(errno.EEXIST, "File exists", str(public))
    with tempfile.TemporaryDirectory(dir=folder, prefix=".new-") as made:  # mode 0700
        made_public, made_secret = zmq.auth.create_certificates(made, name)
        _put(folder, secret, Path(made_secret).read_bytes(), 0o600)
        _put(folder, public, Path(made_public).read_bytes(), 0o644)


def _put(folder: Path, path: Path, content: bytes, mode: int) -> None:
    """Write a file that is complete when its name appears, and that replaces none."""
    descriptor, name = tempfile.mkstemp(dir=folder, prefix=".new-")  # mode 0600
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
        os.chmod(name, mode)
        os.link(name, path)  # unlike rename, it never replaces
    except FileExistsError:
        raise FileExistsError(errno.EEXIST, "File exists", str(path)) from None
    finally:
        os.unlink(name)


class ClientKeys:
    """The authorised keys as the folder ``clients`` has them.

    A file that comes or goes counts at once, one that is written over within a second.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder / "clients"
        self._names: dict[bytes, str] = {}
        self._read_at = 0
        self._changed: int | None = None
        self.unreadable: dict[str, str] = {}
        """Why a file authorises nobody, by its name."""

    def names(self, mono: int) -> Mapping[bytes, str]:
        """Return the name of each authorised public key.

        ``mono`` is this moment, in µs of a clock that only goes forward. A folder or a file that
        cannot be read authorises nobody.
        """
        try:
            changed = self._folder.stat().st_mtime_ns
        except OSError:
            changed = 0
        if changed != self._changed or mono - self._read_at >= READ_AGAIN_US:
            self._read_at, self._changed = mono, changed
            self._names, self.unreadable = {}, {}
            for path in sorted(self._folder.glob("*.key")):
                try:
                    self._names[read_public(path)] = path.stem
                except ValueError as error:
                    self.unreadable[path.name] = str(error)
        return self._names

"""The files of the tap's keys: made once, for their owner alone, and read as they change."""

import stat
from pathlib import Path

import pytest
import zmq
import zmq.auth

from bus.errors import SettingError
from bus.tap_keys import (
    READ_AGAIN_US,
    ClientKeys,
    authorise,
    read_pair,
    read_public,
    server_pair,
)
from tests.procs.tapping import listed


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_the_taps_own_pair_is_made_once_and_stays(tmp_path: Path) -> None:
    folder = tmp_path / "keys"
    first = server_pair(folder)
    assert server_pair(folder) == first
    assert listed(folder) == ["server.key", "server.key_secret"]
    assert (mode(folder), mode(folder / "server.key_secret")) == (0o700, 0o600)
    assert zmq.auth.load_certificate(folder / "server.key") == (first.public, None)
    assert zmq.curve_public(first.secret) == first.public


def test_a_client_is_authorised_by_its_public_half_alone(tmp_path: Path) -> None:
    folder = tmp_path / "keys"
    files = authorise(folder, "laptop")
    pair = read_pair(files.secret)
    assert zmq.curve_public(pair.secret) == pair.public == read_public(files.public)
    assert (mode(files.secret), mode(files.secret.parent)) == (0o600, 0o700)
    assert pair.secret not in files.public.read_bytes()
    assert read_public(files.server) == server_pair(folder).public
    files.secret.unlink()
    assert ClientKeys(folder).names(0) == {pair.public: "laptop"}


def test_no_key_is_ever_written_over(tmp_path: Path) -> None:
    files = authorise(tmp_path / "keys", "laptop")
    before = {path: path.read_bytes() for path in (files.public, files.secret)}
    with pytest.raises(SettingError, match=r"keygen: .* exists; "):
        authorise(tmp_path / "keys", "laptop")
    assert {path: path.read_bytes() for path in before} == before
    files.public.unlink()
    with pytest.raises(SettingError, match=r"laptop\.key_secret exists"):
        authorise(tmp_path / "keys", "laptop")
    assert listed(tmp_path / "keys" / "clients") == ["laptop.key_secret"]


@pytest.mark.parametrize(
    "name", ["", "..", "../x", "a/b", "/etc/x", "a.b", ".x", "-x", "a b", "ü", "a\n", "x" * 65]
)
def test_a_clients_name_is_never_a_path(tmp_path: Path, name: str) -> None:
    with pytest.raises(SettingError, match="keygen: "):
        authorise(tmp_path / "keys", name)
    assert listed(tmp_path) == []


def test_a_key_counts_as_soon_as_it_is_there_and_no_longer_once_it_went(tmp_path: Path) -> None:
    folder = tmp_path / "keys"
    clients = ClientKeys(folder)
    assert clients.names(0) == {}
    files = authorise(folder, "laptop")
    assert list(clients.names(1).values()) == ["laptop"]
    files.public.unlink()
    assert clients.names(2) == {}


def test_a_key_that_is_written_over_counts_within_a_second(tmp_path: Path) -> None:
    folder = tmp_path / "keys"
    files, other = authorise(folder, "laptop"), authorise(tmp_path / "other", "laptop")
    clients = ClientKeys(folder)
    before = dict(clients.names(0))
    files.public.write_bytes(other.public.read_bytes())
    assert clients.names(READ_AGAIN_US - 1) == before
    assert list(clients.names(READ_AGAIN_US)) == [read_public(other.public)]


def test_a_file_that_is_no_key_authorises_nobody_and_is_named(tmp_path: Path) -> None:
    folder = tmp_path / "keys"
    authorise(folder, "good")
    clients = folder / "clients"
    (clients / "empty.key").touch()
    (clients / "short.key").write_text('curve\n    public-key = "abc"\n')
    (clients / "bytes.key").write_bytes(b"\xff\x00" * 100)
    (clients / "large.key").write_bytes(b"#\n" * 100_000)
    (clients / "folder.key").mkdir()
    (clients / "nowhere.key").symlink_to(tmp_path / "nothing")
    (clients / "other.txt").write_text((clients / "good.key").read_text())
    found = ClientKeys(folder)
    assert list(found.names(0).values()) == ["good"]
    assert sorted(found.unreadable) == [
        *("bytes.key", "empty.key", "folder.key", "large.key", "nowhere.key", "short.key")
    ]


def test_a_folder_that_others_may_look_into_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "keys"
    folder.mkdir(mode=0o755)
    folder.chmod(0o755)
    with pytest.raises(SettingError, match=r"TAP_KEYS_DIR: .* chmod 700"):
        server_pair(folder)
    assert listed(folder) == []
    assert mode(folder) == 0o755
    folder.chmod(0o700)
    assert server_pair(folder).public


def test_a_start_after_a_kill_between_the_two_files_mends_them(tmp_path: Path) -> None:
    folder = tmp_path / "keys"
    pair = server_pair(folder)
    (folder / "server.key").unlink()
    assert server_pair(folder) == pair
    assert read_public(folder / "server.key") == pair.public


def test_a_damaged_pair_is_named_and_not_replaced(tmp_path: Path) -> None:
    folder = tmp_path / "keys"
    server_pair(folder)
    other = server_pair(tmp_path / "other")
    (folder / "server.key").write_bytes((tmp_path / "other" / "server.key").read_bytes())
    with pytest.raises(SettingError, match=r"TAP_KEYS_DIR: .*server.key_secret does not fit"):
        server_pair(folder)
    assert read_public(folder / "server.key") == other.public
    (folder / "server.key_secret").write_text("nothing")
    with pytest.raises(SettingError, match=r"TAP_KEYS_DIR: .*No public key"):
        server_pair(folder)


def test_a_place_that_is_no_folder_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "keys").touch()
    with pytest.raises(SettingError, match="TAP_KEYS_DIR: "):
        server_pair(tmp_path / "keys")

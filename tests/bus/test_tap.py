"""The tap from a terminal, against real taps: what it prints, and what it says while silent."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

import pytest

from bus import settings
from bus.tap_keys import authorise
from tests.eventually import eventually
from tests.procs.tapping import START, SYMBOL, Tapped, listed
from tests.surroundings import bare_environment, free_ports

SAID_WITHIN_S = 30


class Ended(NamedTuple):
    """How a command ended."""

    code: int
    out: str
    err: str


def command(*arguments: object) -> list[str]:
    return [sys.executable, "-m", "bus.tap", *map(str, arguments)]


def run(*arguments: object, **environment: str) -> Ended:
    """Run the command until it ends by itself."""
    done = subprocess.run(
        command(*arguments),
        cwd=settings.ROOT,
        env=bare_environment(**environment),
        capture_output=True,
        text=True,
        timeout=SAID_WITHIN_S,
        check=False,
    )
    return Ended(done.returncode, done.stdout, done.stderr)


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tapped]:
    """A tap on loopback."""
    with Tapped(tmp_path_factory.mktemp("plain"), "127.0.0.1") as made:
        yield made


@pytest.fixture(scope="module")
def locked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tapped]:
    """A tap on all addresses."""
    with Tapped(tmp_path_factory.mktemp("locked"), "0.0.0.0") as made:
        yield made


def printed(tap: Tapped, *arguments: object) -> list[str]:
    """Return two lines that the command prints of trades that go on."""
    listening = subprocess.Popen(
        command(*arguments, "--endpoint", tap.endpoint, "--count", 2, "trade."),
        cwd=settings.ROOT,
        env=tap.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )

    def ended() -> bool:
        tap.trade()
        return listening.poll() is not None

    try:
        eventually(ended, within=SAID_WITHIN_S)
        out, err = listening.communicate()
    finally:
        listening.kill()
        listening.wait()
    assert (listening.returncode, err) == (0, "")
    return out.splitlines()


def test_it_prints_a_line_for_each_trade(plain: Tapped) -> None:
    first, second = printed(plain)
    assert re.match(r"trade\.binance\.ETH-USDT\. exchange=binance symbol=ETH-USDT epoch=7", first)
    assert " price=1.50 size=2 side=buy" in first
    assert first != second


def test_it_prints_json_for_pipes(plain: Tapped) -> None:
    first, second = map(json.loads, printed(plain, "--json"))
    assert (first["type"], first["symbol"], first["price"]) == ("trade", SYMBOL, "1.50")
    assert first["ts_event"] == START + first["trade_id"]
    assert second["prev_seq"] == first["seq"]


def test_it_prints_through_curve_what_keygen_let_it_see(locked: Tapped, tmp_path: Path) -> None:
    made = run("keygen", "printer", **locked.environment)
    assert (made.code, made.err) == (0, "")
    clients = locked.keys_dir / "clients"
    for path in (clients / "printer.key_secret", clients / "printer.key"):
        assert f"{path} " in made.out
    assert f"{locked.keys_dir / 'server.key'} " in made.out
    assert f":{locked.port} --key printer.key_secret --server-key server.key" in made.out
    assert "set it to tcp" not in made.out
    options = ("--key", clients / "printer.key_secret")
    rows = printed(locked, "--json", *options, "--server-key", locked.keys_dir / "server.key")
    assert [json.loads(row)["type"] for row in rows] == ["trade", "trade"]


def test_keygen_says_when_the_tap_is_for_this_machine_alone(tmp_path: Path) -> None:
    made = run("keygen", "x", DATA_DIR=str(tmp_path))
    assert made.code == 0
    assert "set it to tcp://0.0.0.0:5556 and restart" in made.out
    assert listed(tmp_path / "tap-keys" / "clients") == ["x.key", "x.key_secret"]


@pytest.mark.parametrize(
    "arguments",
    [
        ("--count", "-3"),
        ("--count", "1e3"),
        ("--nonsense",),
        ("--endpoint", "http://127.0.0.1:5556"),
        ("--endpoint", "tcp://127.0.0.1"),
        ("--endpoint", "tcp://127.0.0.1:99999"),
        ("--endpoint", "ipc:///" + "x" * 200),
        (os.fsdecode(b"trade.\xff."),),
        ("--key", "nowhere.key_secret"),
        ("--server-key", "nowhere.key"),
        ("--key", "nowhere.key_secret", "--server-key", "nowhere.key"),
        ("--key", "README.md", "--server-key", "README.md"),
        ("--key", "/dev/zero", "--server-key", "/dev/zero"),
        ("keygen",),
        ("keygen", "../x"),
        ("keygen", "a", "b"),
        ("keygen", "taken"),
    ],
)
def test_a_wrong_argument_is_one_line_and_exit_2(
    tmp_path: Path, arguments: tuple[str, ...]
) -> None:
    authorise(tmp_path / "tap-keys", "taken")
    ended = run(*arguments, DATA_DIR=str(tmp_path))
    assert (ended.code, ended.out) == (2, "")
    assert re.fullmatch(r"tickwire: [^\n]+\n", ended.err)


def test_a_secret_file_in_the_place_of_the_servers_is_taken_for_its_public_half(
    locked: Tapped, tmp_path: Path
) -> None:
    files = authorise(locked.keys_dir, "second")
    secret = locked.keys_dir / "server.key_secret"
    assert len(printed(locked, "--key", files.secret, "--server-key", secret)) == 2


def test_it_goes_on_by_itself_once_its_key_is_authorised(locked: Tapped, tmp_path: Path) -> None:
    later = authorise(tmp_path / "keys", "later")
    keys = ("--key", later.secret, "--server-key", locked.keys_dir / "server.key")
    listening = subprocess.Popen(
        command("--endpoint", locked.endpoint, "--count", 1, "--json", "trade.", *keys),
        cwd=settings.ROOT,
        env=bare_environment(DATA_DIR=str(tmp_path)),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert listening.stderr is not None
        assert "refuses this key" in listening.stderr.readline()
        (locked.keys_dir / "clients" / "later.key").write_bytes(later.public.read_bytes())
        eventually(lambda: locked.trade() and listening.poll() is not None, within=SAID_WITHIN_S)
        out, _ = listening.communicate()
    finally:
        listening.kill()
        listening.wait()
    assert json.loads(out)["type"] == "trade"


SILENT = {
    "demands a key; give --key and --server-key": ("locked", "no keys"),
    "refuses this key": ("locked", "strange key"),
    "is that its server key?": ("locked", "strange server"),
    "takes no keys": ("plain", "strange server"),
    "nobody answers there": ("nowhere", "no keys"),
    "is the name right, is the port open?": ("unnamed", "no keys"),
    "nothing yet under that topic": ("plain", "no keys"),
}
"""What is said of silence, and to whom: where it connects, and with which keys."""


@pytest.fixture(scope="module")
def said(
    plain: Tapped, locked: Tapped, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, str]]:
    """The last line on standard error of each of ``SILENT``, all of them started together."""
    folder = tmp_path_factory.mktemp("silent")
    stranger = authorise(folder / "keys", "stranger")
    endpoints = {"locked": locked.endpoint, "plain": plain.endpoint}
    endpoints["unnamed"] = "tcp://no-such-host.invalid:5556"
    endpoints["nowhere"] = f"tcp://127.0.0.1:{free_ports(1)[0]}"
    own_server = locked.keys_dir / "server.key"
    keys = {
        "no keys": (),
        "strange key": ("--key", stranger.secret, "--server-key", own_server),
        "strange server": ("--key", stranger.secret, "--server-key", stranger.server),
    }
    with ExitStack() as ended:
        files = {}
        for number, (words, (where, which)) in enumerate(SILENT.items()):
            files[words] = folder / f"{number}.err"
            listening = subprocess.Popen(
                command("--endpoint", endpoints[where], *keys[which], "no.such.topic."),
                cwd=settings.ROOT,
                env=bare_environment(DATA_DIR=str(folder)),
                stdout=subprocess.DEVNULL,
                stderr=ended.enter_context(files[words].open("wb")),
            )
            ended.callback(listening.wait)
            ended.callback(listening.kill)
        eventually(
            lambda: all(words in path.read_text() for words, path in files.items()),
            within=SAID_WITHIN_S,
        )
        yield {words: path.read_text().splitlines()[-1] for words, path in files.items()}


@pytest.mark.parametrize("words", SILENT)
def test_silence_is_explained_after_a_few_seconds(said: dict[str, str], words: str) -> None:
    assert words in said[words]
    assert [other for other in SILENT if other in said[words]] == [words]

"""What runs, and the files that say so, as supervisord itself reads them."""

import re
import shlex
from pathlib import Path
from typing import Any

import pytest
from honcho.environ import parse_procfile
from supervisor.options import ServerOptions

from bus import settings
from bus.errors import SettingError
from bus.settings import ROOT, Settings
from procs import render
from procs.programs import Program, programs


def _read(text: str, folder: Path) -> ServerOptions:
    """Return what supervisord makes of the file."""
    path = folder / "supervisord.conf"
    path.write_text(text, encoding="utf-8")
    options = ServerOptions()
    options.realize(["-n", "-c", str(path)])
    return options


def _by_name(options: ServerOptions) -> dict[str, Any]:
    return {
        config.name: config
        for group in options.configroot.supervisord.process_group_configs
        for config in group.process_configs
    }


def _tree(root: Path, *files: str) -> Path:
    for name in files:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return root


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A project with all kinds of programs."""
    names = ("postgres", "simulator", "persister", "aggregator", "feed", "tap", "watchdog", "other")
    root = _tree(tmp_path / "root", *(f"procs/{name}/__main__.py" for name in names))
    _tree(root, "web/__main__.py", "procs/library/judge.py", "procs/feed/exchanges/__init__.py")
    _tree(root, "procs/feed/exchanges/kraken.py", "procs/feed/exchanges/binance.py")
    return root


def _names(root: Path, **environ: str) -> list[str]:
    return [program.name for program in programs(root, settings.load(environ))]


def test_every_folder_with_a_main_is_a_program_and_every_exchange_a_feed(tree: Path) -> None:
    assert _names(tree) == [
        "postgres",
        "persister",
        "aggregator",
        "feed-binance",
        "feed-kraken",
        "other",
        "tap",
        "web",
        "watchdog",
    ]


def test_the_simulator_runs_only_in_a_demo(tree: Path) -> None:
    assert set(_names(tree, SIMULATED="1")) - set(_names(tree)) == {"simulator"}


def test_the_embedded_postgres_runs_only_without_another_database(tree: Path) -> None:
    other = _names(tree, DATABASE_URL="postgresql://host/x")
    assert set(_names(tree)) - set(other) == {"postgres"}


def test_writers_stop_after_their_readers(tree: Path) -> None:
    order = _names(tree, SIMULATED="1")[::-1]  # supervisord stops the highest priority first
    drained = [name for name in order if name not in ("other", "tap", "feed-kraken")]
    assert drained == [
        "watchdog",
        "web",
        "feed-binance",
        "aggregator",
        "persister",
        "simulator",
        "postgres",
    ]


def _launched(tree: Path, folder: Path, **environ: str) -> tuple[Settings, ServerOptions]:
    chosen = settings.load({"DATA_DIR": str(folder / "da%ta x"), **environ})
    (chosen.data_dir / "logs").mkdir(parents=True)
    (chosen.data_dir / "run").mkdir()
    place = render.launched(chosen, tree, "/opt/py thon/100%/python")
    found = programs(tree, chosen, ("--seed", "1", "--faults", "drop=1%,x y"))
    return chosen, _read(render.render(chosen, found, place), folder)


def test_supervisord_reads_every_program_as_it_was_meant(tree: Path, tmp_path: Path) -> None:
    chosen, options = _launched(tree, tmp_path, SIMULATED="1", WEB_PROCESSES="3")
    found = _by_name(options)
    python = "/opt/py thon/100%/python"
    assert shlex.split(found["feed-binance"].command) == [python, "-m", "procs.feed", "binance"]
    simulator = shlex.split(found["simulator"].command)
    assert simulator == [
        *(python, "-m", "procs.simulator", "--seed", "1", "--faults", "drop=1%,x y")
    ]
    slots = [name for name in found if name.startswith("web-")]
    assert slots == ["web-0", "web-1", "web-2", "web-3"]
    assert shlex.split(found["web-2"].command) == [python, "-m", "web", "--slot", "2"]
    assert found["web-2"].stdout_logfile == str(chosen.data_dir / "logs" / "web-2.log")
    assert found["tap"].stdout_logfile == str(chosen.data_dir / "logs" / "tap.log")
    assert {config.directory for config in found.values()} == {str(tree)}
    assert len({config.stdout_logfile for config in found.values()}) == len(found)


def test_supervisord_restarts_whatever_ends_and_rotates_its_log(tree: Path, tmp_path: Path) -> None:
    found = _by_name(_launched(tree, tmp_path)[1])
    for config in found.values():
        assert config.autorestart.__name__ == "RestartUnconditionally"
        assert config.autostart
        assert config.startsecs + 1 < 5  # a killed program runs again within 5 s
        assert config.startretries == 20
        assert config.redirect_stderr
        assert (config.stdout_logfile_maxbytes, config.stdout_logfile_backups) == (10 << 20, 5)
    assert (found["postgres"].stopsignal, found["postgres"].stopwaitsecs) == (2, 20)
    assert (found["tap"].stopsignal, found["tap"].stopwaitsecs) == (15, 8)
    assert found["tap"].killasgroup


def test_supervisord_answers_on_one_private_unix_socket_alone(tree: Path, tmp_path: Path) -> None:
    chosen, options = _launched(tree, tmp_path)
    (server,) = options.configroot.supervisord.server_configs
    assert server["file"] == str(chosen.run_dir / "supervisor.sock")
    assert server["chmod"] == 0o700
    assert len(server["file"]) < 80


def test_the_web_processes_share_the_configured_address(tree: Path, tmp_path: Path) -> None:
    _, options = _launched(tree, tmp_path, HOST="0.0.0.0", PORT="8123")
    groups = options.configroot.supervisord.process_group_configs
    (web,) = [group for group in groups if group.name == "web"]
    assert web.socket_config.url == "tcp://0.0.0.0:8123"


def test_a_path_that_no_configuration_can_carry_is_refused(tree: Path) -> None:
    with pytest.raises(SettingError, match=r"^DATA_DIR: "):
        render.launched(settings.load({"DATA_DIR": "/tmp/a ;b"}), tree, "python")


def test_the_committed_file_is_read_in_an_empty_environment_from_anywhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("PORT", "DATA_DIR", "HOME", "FEEDS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir("/")
    (tmp_path / "data" / "logs").mkdir(parents=True)
    (tmp_path / "data" / "run").mkdir()
    options = _read((ROOT / "supervisord.conf").read_text(encoding="utf-8"), tmp_path)
    found = _by_name(options)
    assert {"postgres", "feed-binance", "feed-coinbase", "watchdog"} <= set(found)
    assert "simulator" not in found
    for config in found.values():
        assert config.command.startswith("python -m ")
        assert config.directory == str(tmp_path)
        assert config.stdout_logfile.startswith(str(tmp_path / "data" / "logs"))


def test_the_procfile_has_the_same_programs_and_keeps_a_runners_port_from_the_web(
    tree: Path,
) -> None:
    found = programs(tree, settings.load({}))
    lines = parse_procfile(render.procfile(found)).processes
    assert list(lines) == [program.name for program in found]
    assert lines["feed-kraken"] == "python -m procs.feed kraken"
    assert lines["web"] == "env -u PORT python -m web"


def test_percent_signs_never_become_expansions() -> None:
    program = Program("simulator", ("-m", "x", "%(ENV_SECRET)s"), 20)
    text = render.render(settings.load({}), [program], render.COMMITTED)
    assert re.findall(r"(?<!%)%\(ENV", text) == []

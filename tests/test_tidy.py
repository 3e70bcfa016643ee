"""Habits that a machine can check: what this repository's files may and may not contain."""

import ast
import hashlib
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from bus import generated, settings
from procs import generate, programs, render
from web import generate as web_generate

ROOT = settings.ROOT
PACKAGES = ("bus", "market", "store", "procs", "web")
MAY_IMPORT = {
    "bus": {"bus"},
    "market": {"bus", "market"},
    "store": {"bus", "market", "store"},
    "procs": {"bus", "market", "store", "procs"},
    "web": {"bus", "market", "store", "web"},
}
IMPURE = {
    *("time", "random", "os", "socket", "asyncio", "threading", "subprocess", "signal", "select"),
    *("io", "pathlib", "tempfile", "shutil", "secrets", "uuid", "ssl", "http", "urllib", "sqlite3"),
    *("zmq", "psycopg", "websocket", "starlette", "uvicorn"),
}
FORBIDDEN_NAMES = {"utils", "util", "helpers", "helper", "common", "manager", "base"}
FILE_LINES_MAX = 400
TABLES = {"bus/messages.py": 600}
"""One table each, which is read by looking something up, and may be longer."""
FUNCTION_LINES_MAX = 70
GENERATED = [*generate.GENERATORS, *web_generate.GENERATORS]
TOUCHES_DECIMALS = ("feed", "backfiller", "aggregator", "persister", "tap", "web")


def _python(*folders: str) -> list[Path]:
    return sorted(
        path
        for folder in folders
        for path in (ROOT / folder).rglob("*.py")
        if "node_modules" not in path.parts
    )


def _tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), str(path))


def _imports(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            yield node.module or ""
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def _shown(path: Path) -> str:
    return str(path.relative_to(ROOT))


def test_imports_point_one_way() -> None:
    wrong = []
    for package in PACKAGES:
        for path in _python(package):
            tops = {name.partition(".")[0] for name in _imports(_tree(path))}
            ours = tops & {*PACKAGES, "tests", "bench"}
            wrong += [f"{_shown(path)} imports {top}" for top in ours - MAY_IMPORT[package]]
    assert wrong == []


def test_the_messages_import_nothing_of_ours_and_the_domain_only_what_is_pure() -> None:
    pure = {"bus.messages", "bus.errors", "bus.topics", "bus.coins", "market"}
    allowed = {"bus.messages": set[str](), "market": pure}
    wrong = []
    for path in [ROOT / "bus" / "messages.py", *_python("market")]:
        may = allowed["bus.messages" if path.name == "messages.py" else "market"]
        for name in _imports(_tree(path)):
            ours = name.partition(".")[0] in PACKAGES and name != "bus"
            if ours and not any(name == one or name.startswith(one + ".") for one in may):
                wrong.append(f"{_shown(path)} imports {name}")
    assert wrong == []


def test_the_domain_knows_no_clock_socket_file_or_environment() -> None:
    wrong = []
    for path in _python("market"):
        tree = _tree(path)
        tops = {name.partition(".")[0] for name in _imports(tree)}
        wrong += [f"{_shown(path)} imports {name}" for name in tops & IMPURE]
        for node in ast.walk(tree):
            if isinstance(node, ast.Attribute) and node.attr in ("now", "utcnow", "today"):
                wrong.append(f"{_shown(path)}:{node.lineno} reads the clock")
            if isinstance(node, ast.Name) and node.id in ("open", "input", "print"):
                wrong.append(f"{_shown(path)}:{node.lineno} calls {node.id}")
    assert wrong == []


def test_no_test_sleeps() -> None:
    wrong = []
    for path in _python("tests"):
        for node in ast.walk(_tree(path)):
            if isinstance(node, ast.Call):
                named = node.func
                name = named.attr if isinstance(named, ast.Attribute) else getattr(named, "id", "")
                if name in ("sleep", "wait_for_timeout"):
                    wrong.append(f"{_shown(path)}:{node.lineno}")
    assert wrong == []


def test_no_file_is_named_after_nothing() -> None:
    paths = [*_python(*PACKAGES, "tests", "bench"), *(ROOT / "web" / "static").glob("**/*.js")]
    assert [_shown(path) for path in paths if path.stem in FORBIDDEN_NAMES] == []


def test_files_and_functions_fit() -> None:
    wrong = []
    for path in _python(*PACKAGES, "tests", "bench"):
        lines = len(path.read_text(encoding="utf-8").splitlines())
        if lines > TABLES.get(_shown(path), FILE_LINES_MAX):
            wrong.append(f"{_shown(path)} has {lines} lines")
        for node in ast.walk(_tree(path)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                length = (node.end_lineno or node.lineno) - node.lineno + 1
                if length > FUNCTION_LINES_MAX:
                    wrong.append(f"{_shown(path)}:{node.lineno} {node.name} has {length} lines")
    assert wrong == []


def test_test_folders_mirror_the_tree() -> None:
    """A folder of tests is named after what it tests, or after a kind of test."""
    kinds = {
        "browser",
        "contract",
        "e2e",
        "exchanges",
        "js",
        "sim",
        "frames",
        "channels",
        "recordings",
    }
    wrong = []
    for folder in (ROOT / "tests").iterdir():
        if folder.is_dir() and not folder.name.startswith(("_", ".")) and folder.name not in kinds:
            if not (ROOT / folder.name).is_dir():
                wrong.append(_shown(folder))
            if any(folder.rglob("*.py")) and not any(folder.rglob("test_*.py")):
                wrong.append(f"{_shown(folder)} has no tests")
    assert wrong == []


@pytest.mark.parametrize(
    "module", [name if name == "web" else f"procs/{name}" for name in TOUCHES_DECIMALS]
)
def test_every_process_that_calculates_sets_its_decimal_context(module: str) -> None:
    path = ROOT / module / "__main__.py"
    calls = [
        node
        for node in ast.walk(_tree(path))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr == "install"
        and isinstance(node.func.value, ast.Name)
        and node.func.value.id == "decimals"
    ]
    assert len(calls) >= 1


def test_every_program_has_a_place_in_the_start_order() -> None:
    folders = {path.parent.name for path in (ROOT / "procs").glob("*/__main__.py")}
    assert folders - set(programs.RANKS) == set()
    assert [one for one in folders if not (ROOT / "procs" / one / "__init__.py").exists()] == []


@pytest.mark.parametrize("name", [row[0] for row in GENERATED])
def test_generated_files_are_fresh(name: str) -> None:
    assert name not in generated.stale(GENERATED), "run `make fix`"


def test_every_setting_is_documented() -> None:
    keys = [key for key, _, _ in settings.rows()]
    assert len(set(keys)) == len(keys)
    assert [key for key, _, sentence in settings.rows() if len(sentence) < 5] == []
    example = (ROOT / ".env.example").read_text(encoding="utf-8")
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    for key in [*keys, *(key for key, _, _ in generate.DEMO_ROWS)]:
        assert f"# {key}=" in example
        assert f"| `{key}` |" in readme


def test_the_committed_configuration_needs_nothing_from_the_environment() -> None:
    text = (ROOT / "supervisord.conf").read_text(encoding="utf-8")
    assert "%(ENV_" not in text
    assert set(re.findall(r"%\(([a-z_]+)\)", text)) <= {"here", "program_name", "process_num"}
    assert str(ROOT) not in text
    assert render.COMMITTED.python == "python"


def test_vendored_files_match_their_checksums() -> None:
    folder = ROOT / "web" / "static" / "vendor"
    table = (folder / "README.md").read_text(encoding="utf-8")
    written = dict(re.findall(r"^\| `([^`]+)` .*`([0-9a-f]{64})` \|$", table, re.MULTILINE))
    found = {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.iterdir()
        if path.suffix in (".js", ".mjs", ".css")
    }
    assert written == found
    assert found


def _pins(name: str) -> set[str]:
    text = (ROOT / name).read_text(encoding="utf-8")
    return set(re.findall(r"^([a-z0-9][a-z0-9_.-]*==[^\s;\\]+)", text, re.MULTILINE))


def test_lock_files_have_hashes_and_no_index() -> None:
    for name in ("requirements.lock", "requirements-dev.lock"):
        text = (ROOT / name).read_text(encoding="utf-8")
        assert "://" not in text
        assert "--index-url" not in text
        assert "--find-links" not in text
        for block in re.split(r"\n(?=[a-z0-9])", text):
            assert "--hash=sha256:" in block, block.splitlines()[0]


def test_development_runs_the_same_versions_as_production() -> None:
    assert _pins("requirements.lock") - _pins("requirements-dev.lock") == set()
    assert len(_pins("requirements.lock")) > 10

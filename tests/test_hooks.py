"""The hook of ``make hooks``: in a clone of the last commit, on what is staged there."""

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from bus.settings import ROOT
from tests import needed
from tests.surroundings import git_environment

Done = subprocess.CompletedProcess[str]
SOURCE = "bus/topics.py"
CHECKED_WITHIN_S = 170
GOOD = "\nHOOKED = 1\n"


class Clone:
    """A clone with our scripts, whose last commit can be had back."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.hook = root / ".git" / "hooks" / "pre-commit"

    def run(self, *command: str) -> Done:
        """Run a command in it, whatever it exits with."""
        return subprocess.run(
            command,
            cwd=self.root,
            env=git_environment(),
            capture_output=True,
            text=True,
            timeout=CHECKED_WITHIN_S,
            check=False,
        )

    def git(self, *arguments: str) -> str:
        """Run git; return what it printed."""
        done = self.run("git", *arguments)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def commit(self) -> Done:
        """Try to commit what is staged."""
        return self.run("git", "commit", "--quiet", "-m", "Try it")

    def stage(self, addition: str, name: str = SOURCE) -> Path:
        """Stage a file with something added to it."""
        path = self.root / name
        path.write_text((path.read_text() if path.exists() else "") + addition)
        self.git("add", name)
        return path


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Clone:
    """A clone with what this folder has of the scripts, its environment and the hook."""
    if not (ROOT / ".git").exists():
        pytest.skip("no git repository: the hook was NOT tried")
    root = tmp_path_factory.mktemp("hooks") / "clone"
    git = (needed.program("git", "the hook was"), "clone", "--quiet")
    subprocess.run([*git, ROOT, root], env=git_environment(), check=True)
    for name in ("Makefile", ".ci/hooks", ".ci/pre-commit"):
        shutil.copy(ROOT / name, root / name)
    clone = Clone(root)
    clone.git("add", "--all")
    clone.git("commit", "--quiet", "--allow-empty", "-m", "Have the scripts")
    (root / ".venv").symlink_to(Path(sys.prefix))
    assert clone.run("make", "hooks").returncode == 0
    return clone


@pytest.fixture
def clone(made: Clone) -> Iterator[Clone]:
    """The clone as it was made."""
    first = made.git("rev-parse", "HEAD").strip()
    yield made
    made.git("reset", "--quiet", "--hard", first)


def test_what_is_in_order_is_committed_and_nothing_is_changed(clone: Clone) -> None:
    path = clone.stage(GOOD)
    there = path.read_text()
    done = clone.commit()
    assert (done.returncode, done.stderr) == (0, "")
    assert path.read_text() == there
    assert clone.git("status", "--porcelain", "--untracked-files=no") == ""


@pytest.mark.parametrize(
    ("addition", "name", "said"),
    [
        ("HOOKED  =  1\n", SOURCE, "ruff"),
        ("\nHOOKED = undefined_name\n", SOURCE, "ruff"),
        ('\nHOOKED: int = "text"\n', SOURCE, "types"),
        ('"""Nothing in particular."""\n', "bus/utils.py", "tidy"),
    ],
)
def test_what_is_not_in_order_is_refused_and_not_mended(
    clone: Clone, addition: str, name: str, said: str
) -> None:
    path = clone.stage(addition, name)
    there = path.read_text()
    done = clone.commit()
    assert done.returncode == 1
    assert f"tickwire: not committed: {said} finds fault" in done.stderr
    assert path.read_text() == there


def test_what_is_staged_is_judged_and_not_what_stands_in_the_folder(clone: Clone) -> None:
    path = clone.stage("HOOKED  =  1\n")
    path.write_text(path.read_text().replace("HOOKED  =  1\n", GOOD))
    assert clone.commit().returncode == 1
    clone.git("add", SOURCE)
    path.write_text(path.read_text() + "and = not Python\n")
    assert clone.commit().returncode == 0


def test_without_an_environment_it_says_what_to_do(clone: Clone) -> None:
    clone.stage(GOOD)
    environment = (clone.root / ".venv").readlink()
    (clone.root / ".venv").unlink()
    try:
        done = clone.commit()
    finally:
        (clone.root / ".venv").symlink_to(environment)
    assert done.returncode == 1
    assert "run make setup" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_a_hook_of_somebody_else_is_left_as_it_is(clone: Clone) -> None:
    ours = clone.hook.read_text()
    theirs = "#!/bin/sh\nexit 0\n"
    clone.hook.write_text(theirs)
    try:
        done = clone.run("sh", ".ci/hooks")
        assert (done.returncode, len(done.stderr.splitlines())) == (2, 1)
        assert clone.hook.read_text() == theirs
    finally:
        clone.hook.write_text(ours)


def test_it_can_be_installed_again(clone: Clone) -> None:
    assert clone.run("sh", ".ci/hooks").returncode == 0
    assert clone.hook.stat().st_mode & 0o111


def test_where_there_is_no_repository_it_says_so(tmp_path: Path) -> None:
    done = subprocess.run(
        ["sh", str(ROOT / ".ci" / "hooks")],
        cwd=tmp_path,
        env={"PATH": "/usr/bin:/bin", "GIT_CEILING_DIRECTORIES": str(tmp_path.parent)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, len(done.stderr.splitlines())) == (2, 1)

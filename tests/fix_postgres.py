"""A real PostgreSQL for the tests: the program ``postgres``, once a session, without its syncs.

Each test gets a database of its own on it: ``empty_database`` (nothing in it) or ``database``
(migrated, stamped live), both as a DSN.
"""

import itertools
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from bus.settings import ROOT, Settings
from store import pool
from store.migrate import migrate
from tests.eventually import eventually

_numbers = itertools.count(1)


def environment_on(data_dir: Path) -> dict[str, str]:
    """Return the environment of a program that runs on this folder."""
    return {
        "PATH": os.environ["PATH"],
        "TMPDIR": tempfile.gettempdir(),
        "DATA_DIR": str(data_dir),
        "DATABASE_URL": "",  # so that a .env cannot give one
    }


class Server:
    """One run of ``python -m procs.postgres``, or of another program like it, on a folder."""

    def __init__(self, data_dir: Path, program: str = "procs.postgres") -> None:
        self.settings = Settings(data_dir=data_dir)
        self.log = data_dir / "postgres.log"
        self.process = self.launch("-m", program)

    def launch(self, *arguments: str, **environment: str) -> "subprocess.Popen[bytes]":
        """Start Python on this folder, with the program's environment and log."""
        with self.log.open("ab") as log:
            return subprocess.Popen(
                [sys.executable, *arguments],
                cwd=ROOT,
                env={**environment_on(self.settings.data_dir), **environment},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

    @staticmethod
    def address(data_dir: Path) -> str:
        """Return the address that a server on this folder will have."""
        return Settings(data_dir=data_dir).dsn

    def dsn(self, database: str = "tickwire") -> str:
        """Return the address of one of its databases."""
        return f"{self.settings.dsn} dbname={database}"

    def answers(self) -> bool:
        """True when it takes connections; fails when it has ended."""
        assert self.process.poll() is None, self.log.read_text()
        try:
            psycopg.connect(self.dsn()).close()
        except psycopg.OperationalError:
            return False
        return True

    def wait(self) -> "Server":
        """Wait until it takes connections."""
        eventually(self.answers, within=30)
        return self

    def stop(self) -> int:
        """Stop it as supervisord does; return its exit code."""
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(20)

    def remove(self) -> None:
        """Stop it if it runs, and remove its sockets' folder."""
        if self.process.poll() is None:
            self.stop()
        shutil.rmtree(self.settings.run_dir, ignore_errors=True)


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server with a migrated database ``tickwire``, which serves as a template."""
    server = Server(tmp_path_factory.mktemp("postgres"), "tests.unsynced_postgres")
    try:
        server.wait()
        with pool.connect(server.dsn(), program="tests") as connection:
            migrate(connection, simulated=False)
        yield server
    finally:
        server.remove()


def _fresh(server: Server, template: str) -> Iterator[str]:
    name = f"test_{next(_numbers)}"
    with psycopg.connect(server.dsn("postgres"), autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE {template}")
        yield server.dsn(name)
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def empty_database(postgres: Server) -> Iterator[str]:
    """The DSN of a new database with nothing in it."""
    yield from _fresh(postgres, "template0")


@pytest.fixture
def database(postgres: Server) -> Iterator[str]:
    """The DSN of a new database, migrated and stamped live."""
    yield from _fresh(postgres, "tickwire")


@pytest.fixture
def connection(database: str) -> Iterator[pool.Connection]:
    """A connection to a new migrated database."""
    with pool.connect(database, program="tests") as made:
        yield made

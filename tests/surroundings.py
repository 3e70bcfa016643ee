"""What an installation under test needs of the machine: ports, an environment, answers by HTTP."""

import http.client
import json
import os
import random
import shutil
import socket
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import Any

ANSWER_S = 10


def free_ports(count: int) -> list[int]:
    """Return ports that nobody listens on, below those that the system gives to clients."""
    found: list[int] = []
    chance = random.SystemRandom()
    with ExitStack() as held:
        while len(found) < count:
            probe = held.enter_context(socket.socket())
            try:
                probe.bind(("127.0.0.1", chance.randrange(20_000, 32_000)))
            except OSError:
                continue
            found.append(probe.getsockname()[1])
    return found


def ask(port: int, method: str, path: str) -> tuple[int, Any]:
    """Return status and decoded JSON of a request to this machine."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=ANSWER_S)
    try:
        connection.request(method, path)
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read())
    finally:
        connection.close()


def bare_environment(**variables: str) -> dict[str, str]:
    """Return an environment with nothing of the developer's but what Python needs."""
    return {"PATH": os.environ["PATH"], "TMPDIR": tempfile.gettempdir(), **variables}


def git_environment() -> dict[str, str]:
    """Return our environment with a configuration of git that is not the developer's."""
    own = str(Path(__file__).parent / "gitconfig")
    return {**os.environ, "GIT_CONFIG_GLOBAL": own, "GIT_CONFIG_NOSYSTEM": "1"}


def with_us() -> list[str]:
    """Return what makes a command end when the tests are killed, where the system has that."""
    setpriv = shutil.which("setpriv")
    return [setpriv, "--pdeathsig", "TERM", "--"] if setpriv else []

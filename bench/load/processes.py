"""The load as who measures sees it: so many clients in several processes, begun and ended at once.

``with Load(...) as load:`` starts the processes; leaving the block ends them. They are this
module's own children, and end by themselves when their input does.
"""

import subprocess
import sys
from collections.abc import Sequence
from types import TracebackType
from typing import Self, TypeVar

import msgspec

from bench.load.commands import (
    Answer,
    Began,
    Begin,
    Command,
    Compare,
    Compared,
    Count,
    Counted,
    Failed,
    Open,
    Opened,
    Stall,
)
from bench.load.tally import Tally, total
from bus.settings import ROOT

CLIENTS_MAX = 18_000
"""Of one process, which may open 20,000 files."""
PER_ADDRESS = 10_000
_answer: msgspec.json.Decoder[Answer] = msgspec.json.Decoder(Answer)
Wanted = TypeVar("Wanted", bound=Answer)


class Load:
    """Clients of one kind.

    Args:
        wish: how the clients are; its count and subscriptions are shared among the processes.
        processes: how many at least.
        place: two loads at once give different ones, so that their addresses differ.
    """

    def __init__(self, wish: Open, processes: int = 1, place: int = 0) -> None:
        self._processes = [
            subprocess.Popen(
                [sys.executable, "-m", "bench.load"],
                cwd=ROOT,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
            )
            for _ in range(max(processes, -(-wish.count // CLIENTS_MAX)))
        ]
        self._wishes = shared(wish, len(self._processes), place)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        where: TracebackType | None,
    ) -> None:
        for process in self._processes:
            assert process.stdin is not None
            assert process.stdout is not None
            process.stdin.close()
            process.stdout.close()
        for process in self._processes:
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    @property
    def pids(self) -> list[int]:
        """The load processes."""
        return [process.pid for process in self._processes]

    def open(self) -> Opened:
        """Connect all; return when all are live."""
        answers = self._ask(self._wishes, Opened)
        return Opened(
            sum(each.live for each in answers),
            max(each.seconds for each in answers),
            sum(each.refused for each in answers),
        )

    def begin(self) -> None:
        """Count from now on."""
        self._ask([Begin()] * len(self._processes), Began)

    def count(self) -> tuple[Tally, int]:
        """Return what has been counted since ``begin``, and how many clients are live."""
        answers = self._ask([Count()] * len(self._processes), Counted)
        return total(each.tally for each in answers), sum(each.live for each in answers)

    def compare(self, snapshot: str) -> Compared:
        """Compare every client's last values with the server's."""
        answers = self._ask([Compare(snapshot)] * len(self._processes), Compared)
        return Compared(
            sum(each.clients for each in answers),
            sum(each.different for each in answers),
            [sentence for each in answers for sentence in each.sentences],
        )

    def stall(self) -> None:
        """Let no client read any more."""
        self._ask([Stall()] * len(self._processes), Began)

    def _ask(self, commands: Sequence[Command], kind: type[Wanted]) -> list[Wanted]:
        for process, command in zip(self._processes, commands, strict=True):
            assert process.stdin is not None
            process.stdin.write(msgspec.json.encode(command) + b"\n")
            process.stdin.flush()
        found: list[Wanted] = []
        for process in self._processes:
            assert process.stdout is not None
            line = process.stdout.readline()
            if not line:
                raise SystemExit("a load process has ended: what it said stands above")
            answer = _answer.decode(line)
            if isinstance(answer, Failed):
                raise SystemExit(f"load: {answer.sentence}")
            assert isinstance(answer, kind), f"{answer} was no {kind}"
            found.append(answer)
        return found


def shared(wish: Open, processes: int, place: int) -> list[Open]:
    """Return each process's part of a wish: clients, what they say, and addresses of its own."""
    parts = []
    for number in range(processes):
        count = (wish.count + processes - 1 - number) // processes
        addresses = max(1, -(-count // PER_ADDRESS))
        sources = [
            f"127.0.{1 + place * processes + number}.{1 + each}" for each in range(addresses)
        ]
        subscriptions = wish.subscriptions
        if len(subscriptions) > 1:
            subscriptions = [
                subscriptions[each % len(subscriptions)]
                for each in range(number, max(wish.count, len(subscriptions)), processes)
            ]
        parts.append(
            msgspec.structs.replace(wish, count=count, sources=sources, subscriptions=subscriptions)
        )
    return parts

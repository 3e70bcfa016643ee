"""One load process: ``python -m bench.load``, commands on standard input, answers on the output.

It ends when its input does, so it never outlives who started it.
"""

import os
import resource
import sys
import time
from collections import Counter

import msgspec

from bench.load.checks import differences, tickers_of
from bench.load.clients import Clients
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
from bench.load.frames import BadFrame
from bench.load.tally import SENTENCES_MAX, Tally

_INPUT = 0
_command: msgspec.json.Decoder[Command] = msgspec.json.Decoder(Command)


class Lines:
    """Standard input line by line, without waiting."""

    def __init__(self) -> None:
        os.set_blocking(_INPUT, False)
        self._rest = b""
        self._ended = False

    def next(self) -> bytes | None:
        """Return the next line; None when there is none yet, b"" at the end."""
        if b"\n" not in self._rest and not self._ended:
            try:
                came = os.read(_INPUT, 1 << 20)
            except BlockingIOError:
                return None
            self._ended = not came
            self._rest += came
        line, found, rest = self._rest.partition(b"\n")
        if not found:
            return b"" if self._ended else None
        self._rest = rest
        return line


def say(answer: Answer) -> None:
    """Write one answer."""
    sys.stdout.buffer.write(msgspec.json.encode(answer) + b"\n")
    sys.stdout.buffer.flush()


def opened(clients: Clients, wish: Open) -> Opened | Failed:
    """Turn until all clients are live."""
    begin = time.monotonic()
    while clients.live < wish.count:
        clients.turn()
        taken = time.monotonic() - begin
        if taken > wish.within_s:
            phases = Counter(one.phase.name.lower() for one in clients.all)
            return Failed(
                f"{clients.live} of {wish.count} clients are live after {taken:.0f} s, "
                f"{clients.refused} tries were refused, the last with HTTP {clients.refusal}: "
                + ", ".join(f"{count} {phase}" for phase, count in phases.items())
            )
    return Opened(clients.live, time.monotonic() - begin, clients.refused)


def compared(clients: Clients, snapshot: str) -> Compared:
    """Compare what each client was sent last with the server's own state."""
    clients.drain()
    truth = tickers_of(snapshot)
    out = Compared(0, 0, [])
    for one in clients.all:
        shown = one.seen.shown
        wrong = differences(shown, truth) if shown else ["nothing was sent"]
        out.clients += 1
        out.different += bool(wrong)
        if wrong and len(out.sentences) < SENTENCES_MAX:
            out.sentences.append(f"client {one.number}: {wrong[0]}")
    return out


def obey(clients: Clients, command: Begin | Count | Compare | Stall, begun: float) -> Answer:
    """Do what is said; ``begun`` is the CPU time that had been used when counting began."""
    if isinstance(command, Stall):
        clients.stall()
        return Began()
    if isinstance(command, Compare):
        return compared(clients, command.snapshot)
    clients.drain()
    if isinstance(command, Begin):
        clients.reader.tally = Tally()
        return Began()
    if clients.stalled:
        clients.count_ended()
    clients.reader.tally.cpu_s = time.process_time() - begun
    return Counted(clients.reader.tally, clients.live)


def main() -> None:
    """Obey until the input ends."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    first = sys.stdin.buffer.readline()
    if not first:
        return
    wish = _command.decode(first)
    assert isinstance(wish, Open), "the first command opens the clients"
    clients = Clients(wish)
    begun = 0.0
    try:
        answer = opened(clients, wish)
        say(answer)
        commands = Lines()
        clients.watch(_INPUT)
        while isinstance(answer, Opened):
            clients.turn()
            line = commands.next()
            if line == b"":
                break
            if line is not None:
                command = _command.decode(line)
                assert not isinstance(command, Open), "clients are opened once"
                begun = time.process_time() if isinstance(command, Begin) else begun
                say(obey(clients, command, begun))
    except BadFrame as bad:
        say(Failed(str(bad)))
    finally:
        clients.close()


if __name__ == "__main__":
    main()

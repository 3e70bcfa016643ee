"""Program ``feed-<exchange>``: ``python -m procs.feed binance``.

Wires the exchange, the journal and the bus together. An exchange that is not in FEEDS, or lacks a
setting that it needs, stays up as ``idle``: the set of programs does not depend on the settings.
"""

import argparse
import os
import signal
from collections.abc import Iterable, Sequence
from functools import partial
from pathlib import Path

import zmq

from bus import actor, sockets, topics
from bus.actor import Idle, Instant, Send, instant
from bus.errors import JournalDamaged, JournalFull
from bus.journal import JournalWriter, path_of, set_aside
from bus.log import Log
from bus.process import Process, data_folder, run, run_folder
from bus.settings import Settings
from bus.wiring import BATCHES, OUT, RECOVERED, WANTED
from market import decimals
from procs.feed import exchanges
from procs.feed.connection import Connection
from procs.feed.exchanges import Catalogued, Exchange, Listed, Polled, Streamed
from procs.feed.failover import Failover
from procs.feed.feed import Feed
from procs.feed.link import Link
from procs.feed.listing import Listings
from procs.feed.polling import Polling


def main(process: Process, name: str) -> int:
    """Run the feed of one exchange."""
    decimals.install()
    settings = process.settings
    context: zmq.Context[sockets.Socket] = zmq.Context()
    run_dir = run_folder(settings)
    out = sockets.bind(context, OUT, run_dir, process.program)
    symbols = settings.feeds.get(name)
    if symbols is None:
        process.health.state = "idle: not in FEEDS"
        return actor.run(process, Idle(), {}, {"out": out})
    options = settings.options(name)
    exchange = exchanges.make(name, symbols, options)
    lacking = [one for one in exchanges.needs_of(exchange) if one not in options]
    if lacking:
        keys = ", ".join(settings.key_of(name, one) for one in lacking)
        process.health.state = f"idle: {keys} is not set"
        return actor.run(process, Idle(), {}, {"out": out})
    journal = open_journal(process, path_of(data_folder(settings, "journal"), name))
    if journal is None:
        process.health.state = "waiting: disk"
        return actor.run(process, UntilRoom(settings), {}, {"out": out})
    primaries = {
        symbol: settings.failover[name, symbol]
        for symbol in symbols
        if (name, symbol) in settings.standby
    }
    failover = Failover(primaries, instant().mono) if primaries else None
    feed = Feed(
        exchange,
        symbols,
        journal,
        process.health,
        process.log,
        stale_after_us=settings.stale_after_s * 1_000_000,
        keep_us=settings.journal_keep_s * 1_000_000,
        keep_bad_frames=partial(_write, data_folder(settings, "logs") / f"bad-frames-{name}.txt"),
        series=settings.series,
        failover=failover,
        speaking_for=lambda some: exchanges.make(name, some, options),
    )
    feed.connection = link_to(exchange, settings, feed, process.log)
    if isinstance(exchange, Listed | Catalogued):
        rest_url = settings.address(name, "REST") or exchange.rest_url
        feed.listings = Listings(exchange, rest_url, symbols, process.log)
    inputs: dict[str, sockets.Socket | sockets.Subscriber] = {
        "stored": sockets.Subscriber(
            context, run_dir, ["persister"], [topics.stored(name), topics.ids(name)]
        ),
        "recovered": sockets.bind(context, RECOVERED, run_dir, process.program),
    }
    if primaries:
        watched = sorted({exchange for exchange, _ in primaries.values()})
        inputs["primaries"] = sockets.Subscriber(
            context, run_dir, [f"feed-{one}" for one in watched], [*map(topics.status, watched)]
        )
    outputs = {
        "out": out,
        "persister": sockets.connect(context, BATCHES, run_dir, "persister"),
        "backfiller": sockets.connect(context, WANTED, run_dir, "backfiller"),
    }
    return actor.run(process, feed, inputs, outputs)


def link_to(exchange: Exchange, settings: Settings, feed: Feed, log: Log) -> Link:
    """Return the way to an exchange, at the addresses that are set, or else its own."""
    rest_url = settings.address(exchange.name, "REST") or exchange.rest_url
    if isinstance(exchange, Polled):
        return Polling(exchange, rest_url, feed.on_frame, log)
    assert isinstance(exchange, Streamed)
    websocket_url = settings.address(exchange.name, "WS") or exchange.websocket_url
    return Connection(exchange, websocket_url, rest_url, feed.on_frame, log)


class UntilRoom(Idle):
    """What a feed is while its journal cannot even be opened: it ends, to begin anew, with room."""

    def __init__(self, settings: Settings) -> None:
        self._folder = settings.journal_dir
        self._wanted = 2 * settings.journal_reserve_mib << 20

    def on_tick(self, now: Instant) -> Sequence[Send]:
        """Look at the disk."""
        disk = os.statvfs(self._folder)
        if disk.f_bavail * disk.f_frsize >= self._wanted:
            signal.raise_signal(signal.SIGTERM)
        return ()


def open_journal(process: Process, path: Path) -> JournalWriter | None:
    """Return the journal; a damaged one is put aside for a new one. None while the disk is full."""
    cap_bytes = process.settings.journal_cap_mib << 20
    reserve_bytes = process.settings.journal_reserve_mib << 20
    try:
        try:
            return JournalWriter(path, cap_bytes=cap_bytes, reserve_bytes=reserve_bytes)
        except JournalDamaged as damaged:
            aside = set_aside(path)
            process.log.error("journal.damaged", reason=str(damaged), kept_as=aside.name)
            return JournalWriter(path, cap_bytes=cap_bytes, reserve_bytes=reserve_bytes)
    except JournalFull as full:
        process.log.error("journal.full", reason=str(full), advice="free some disk space")
        process.health.last_error = str(full)
        return None


def _write(path: Path, lines: Iterable[str]) -> None:
    """Leave the last bad frames where the operator finds them."""
    try:
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    except OSError:
        pass  # a full disk has an alarm of its own


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m procs.feed", description=__doc__)
    parser.add_argument("exchange", choices=exchanges.names())
    chosen = parser.parse_args().exchange
    run(f"feed-{chosen}", lambda process: main(process, chosen))

"""One run of chaos: an installation that is hurt by a seed, in rounds, and looked at after each.

Comes in: what to run, and a folder. Goes out: the figures of each round, where all is exact; else a
failure that names the seed and what was done. What does not come to rest in time is a failure, too.
A round's faults do not depend on the rounds before, so a run can go on where another one ended.
"""

import heapq
import os
import threading
import time
from collections import Counter
from collections.abc import Mapping
from contextlib import ExitStack, suppress
from pathlib import Path
from random import Random

from tests.e2e import evidence
from tests.e2e.audit import Audit
from tests.e2e.growth import Growth, Sample
from tests.e2e.harm import SIMULATED, Harm
from tests.e2e.nemesis import DISKS, HINDERS, WHOLE, Fault, plan
from tests.e2e.proxy import Proxy
from tests.e2e.rounds import Round, Wish
from tests.e2e.small_disk import SmallDisk
from tests.e2e.stack import Mark, Stack
from tests.e2e.tally import Tally
from tests.e2e.viewer import Viewer
from tests.e2e.vital_signs import VitalSigns
from tests.eventually import eventually
from tests.surroundings import ask

FEEDS = (
    "coinbase:BTC-USD,ETH-USD,SOL-USD,XRP-USD,DOGE-USD;"
    "binance:BTC-USDT,ETH-USDT,ETH-BTC;kraken:BTC-USD"
)
"""Exchanges whose ids are consecutive: of the others nobody can know what was missed."""
DISK_MIB, JOURNAL_DISK_MIB = 24 << 10, 6 << 10
WORKS_WITHIN_S = 90.0
"""Less than what pytest grants a short run, so that a failure says who does not work."""
RESTS_WITHIN_S = 300.0
"""Kraken is asked for a thousand trades a second: what it traded in a minute takes as long."""
HEAL_AGAIN_S = 0.5
SEEN_WITHIN_S = 20.0
CHECKED_WITHIN_S = 120.0
"""The aggregator compares itself with Postgres once a minute, first a minute after its start."""
PAGE = os.sysconf("SC_PAGESIZE")
MIB = 1 << 20
RSS_MIB_MAX = 1024
DESCRIPTORS_MORE_MAX = 40
"""A program that has more at the end than at the beginning loses them."""
ROUND_SEED = 1_000_003
VIEWED = ("trades", "connections", "recovered", "not_recovered", "holes")
CHECKS = ("runs", "candles", "differences")
EVIDENCE = "evidence"
"""The part of a run's folder that a failure leaves."""


class Chaos:
    """One run on a folder that is its own.

    Args:
        wish: what to run.
        folder: where; nothing may be there.
    """

    def __init__(self, wish: Wish, folder: Path) -> None:
        self._wish = wish
        self._folder = folder
        self._tally = Tally()
        """Of the round that is being done."""
        self._counted: Counter[str] = Counter()
        """What had been counted as the round before ended."""
        self._trades = 0
        self._gaps_until = "-infinity"
        self._growth = Growth()
        self._ended = ExitStack()
        self._looked = False
        self._seen_until: Mark = {}
        self._descriptors: dict[str, int] = {}
        self.log: list[str] = []
        """What was done, one line each."""

    def __enter__(self) -> "Chaos":
        with self._ended:
            self._build()
            self._ended = self._ended.pop_all()
        return self

    def __exit__(self, *exception: object) -> None:
        self._ended.close()

    def _build(self) -> None:
        data = self._folder / "data"
        self._folder.mkdir(parents=True, exist_ok=True)
        disks = self._mounted(data) if self._wish.disks else {}
        exchanges = [part.partition(":")[0] for part in FEEDS.split(";")]
        self.proxies: dict[str, Proxy] = {}
        chance = Random(self._wish.seed)
        rate, seed = str(self._wish.rate), str(self._wish.seed)
        self.stack = Stack(data, RATE=rate, SEED=seed, FEEDS=FEEDS)
        for exchange in exchanges:
            proxy = Proxy(self.stack.settings.simulator_port, chance)
            self.proxies[exchange] = self._ended.enter_context(proxy)
        self.stack.lead_through({name: proxy.port for name, proxy in self.proxies.items()})
        self._ended.callback(self.stack.remove)
        self.harm = Harm(self.stack, self.proxies, disks)
        self._ended.callback(self.harm.heal_all)
        self.stack.start()
        self.signs = self._ended.enter_context(
            VitalSigns(self.stack.settings.run_dir, self.stack.settings.dsn)
        )
        closely = {name: symbols[0] for name, symbols in self.stack.settings.feeds.items()}
        self.viewer = self._ended.enter_context(Viewer(self.stack.ws_url, closely))
        self.audit = Audit(self.stack)
        known = self._simulated()
        self._without = {kind for kind in DISKS if kind not in disks}
        self._without |= {kind for kind, name in SIMULATED.items() if name not in known}
        self._not_tried = sorted(self._without)
        if not self._wish.whole:
            self._without |= WHOLE

    def _mounted(self, data: Path) -> Mapping[str, SmallDisk]:
        """Return the small disks, none where none can be mounted."""
        found = {}
        with suppress(OSError):
            for kind, place, size_mib in (
                ("disk full", data, DISK_MIB),
                ("journal disk full", data / "journal", JOURNAL_DISK_MIB),
            ):
                file = self._folder / f"{place.name}.disk"
                found[kind] = self._ended.enter_context(SmallDisk(place, file, size_mib))
        return found

    def _simulated(self) -> set[str]:
        """Return the faults that the running simulator can be asked for, by its names."""
        found = set()
        for name in SIMULATED.values():
            path = f"/faults?{name}=0"
            with suppress(ValueError):
                if ask(self.stack.settings.simulator_port, "POST", path)[0] == 200:
                    found.add(name)
        return found

    # ---- rounds

    def round(self, one: Round, *, last: bool = False) -> Tally:
        """Do one round; return what it has shown, and what was measured since the one before.

        Args:
            one: comes after those that were done already.
            last: everything is looked at once more, from the first trade on.

        Raises:
            AssertionError: something is not exact; it names the seed and what was done.
        """
        self._tally = Tally(seeds=[one.seed], seconds=one.seconds, not_tried=self._not_tried)
        try:
            if not self._looked:
                self._look()
            self.log.append(f"round {one.number}")
            self._do(self._plan(one), one.seconds)
            self._look(hurt=True)
            trades = self.audit.trades
            if last:
                self._look_back()
        except AssertionError as failure:
            done = "\n".join(self.log[-60:])
            raise AssertionError(
                f"--seed {one.seed}, round {one.number}: {failure}\nwhat was done:\n{done}"
            ) from failure
        self._measure(trades)
        return self._tally

    def stop(self) -> None:
        """End the installation; fail unless that is clean and leaves nothing."""
        self.stack.stop()

    def _plan(self, one: Round) -> list[Fault]:
        return plan(
            one.seed * ROUND_SEED + one.number,
            sorted(self.stack.pids()),
            sorted(self.proxies),
            seconds=one.seconds,
            every_s=one.every_s,
            without=self._without.__contains__,
        )

    def _do(self, faults: list[Fault], seconds: float) -> None:
        """Do and heal faults, each at its time."""
        began = time.monotonic()
        todo: list[tuple[float, int, bool, Fault]] = [
            (fault.at_s, at, True, fault) for at, fault in enumerate(faults)
        ]
        heapq.heapify(todo)
        never = threading.Event()
        while todo and todo[0][0] <= seconds:
            at_s, order, begins, fault = heapq.heappop(todo)
            never.wait(max(0.0, at_s - (time.monotonic() - began)))
            if not begins:
                if self.harm.heal(fault):
                    self._note(fault, on=False)
                else:
                    heapq.heappush(todo, (at_s + HEAL_AGAIN_S, order, False, fault))
            elif self._begin(fault):
                if fault.length_s:
                    heapq.heappush(todo, (at_s + fault.length_s, order, False, fault))
                if fault.kind in WHOLE:  # that took its time: what follows keeps its distance
                    began = time.monotonic() - at_s
        self.harm.heal_all()
        for _, _, begins, fault in todo:
            if not begins:
                self._note(fault, on=False)

    def _begin(self, fault: Fault) -> bool:
        kills = fault.kind == "kill -9" and not self.harm.blind
        pids = self.stack.pids() if kills else {}
        if fault.kind in WHOLE:
            self.signs.forget()
        done = self.harm.do(fault)
        self.log.append(f"{fault}{'' if done else '  (not done)'}")
        if not done:
            self._tally.skipped += 1
            return False
        self._tally.faults[fault.kind] = self._tally.faults.get(fault.kind, 0) + 1
        if fault.kind == "kill -9":
            self.signs.killed(fault.target, pids[fault.target])
        elif fault.kind == "postmaster killed":
            self.signs.killed("postgres", 0)
        self._note(fault, on=True)
        return True

    def _note(self, fault: Fault, *, on: bool) -> None:
        """Tell who measures recoveries what stands in their way."""
        for program in HINDERS.get(fault.kind, ()):
            self.signs.hindered(program, on=on)
        if fault.kind == "SIGSTOP":
            self.signs.hindered(fault.target, on=on)
        elif fault.kind in ("SIGTERM", "hung"):  # one that was coming back begins once more
            self.signs.hindered(fault.target, on=True)
            self.signs.hindered(fault.target, on=False)

    # ---- looks

    def _look(self, *, hurt: bool = False) -> None:
        """Wait until everything works and rests; compare."""
        began = time.monotonic()
        self._wait_for_all()
        works = time.monotonic()
        eventually(self._flows, within=WORKS_WITHIN_S)
        flows = time.monotonic()
        with self.stack.at_rest(within=RESTS_WITHIN_S) as executed:
            rests = time.monotonic()
            if hurt:
                self._tally.rest_s.append(round(rests - began, 1))
            try:
                self.audit.look(executed)
                self._look_at_the_viewer(executed)
                self._look_at_the_processes()
            except AssertionError:
                evidence.keep(self.stack, self.log, self._folder / EVIDENCE)
                raise
        print(
            f"works after {works - began:.1f} s, flows after {flows - works:.1f} s, at rest after"
            f" {rests - flows:.1f} s, looked at in {time.monotonic() - rests:.1f} s:"
            f" {self.audit.trades:,} trades",
            flush=True,
        )
        self._looked = True
        self._tally.looks += 1
        self._tally.candles += self.audit.candles

    def _wait_for_all(self) -> None:
        """Wait until every program says that it works, as the process that supervisord knows."""
        try:
            eventually(lambda: not self._ill(), within=WORKS_WITHIN_S)
        except AssertionError:
            evidence.keep(self.stack, self.log, self._folder / EVIDENCE)
            ill = "; ".join(self._ill())
            raise AssertionError(f"after {WORKS_WITHIN_S} s do not work: {ill}") from None

    def _ill(self) -> list[str]:
        """Return what is known of each program that does not work."""
        programs, said = self.stack.programs(), dict(self.signs.last)
        ready = self.signs.ready()
        return [
            f"{seen}, which said last {said.get(name)}"
            for name, seen in programs.items()
            if seen.state != "RUNNING" or (name != "postgres" and ready.get(name) != seen.pid)
        ] or ([] if programs else ["supervisord does not answer"])

    def _flows(self) -> bool:
        """True when the newest trade of each symbol is stored a moment after it happened."""
        try:
            executed = self.stack.executed()
        except OSError:  # the last fault has hit the simulator, and supervisord does not know yet
            return False

        def stored() -> bool:
            return all(
                self.stack.rows(
                    "SELECT max(trade_id) >= %s FROM trade"
                    " WHERE exchange = %s AND symbol = %s AND series = 0",
                    *(last, exchange, symbol),
                )[0][0]
                for (exchange, symbol), last in executed.items()
            )

        with suppress(AssertionError):
            eventually(stored, within=5)
            return True
        return False

    def _look_at_the_viewer(self, executed: Mark) -> None:
        viewer = self.viewer
        since = self._seen_until or executed
        eventually(lambda: not viewer.lacks(executed, since) or viewer.wrong, within=SEEN_WITHIN_S)
        newest, hours = self.audit.newest()
        eventually(lambda: not viewer.differs(newest, hours), within=SEEN_WITHIN_S)
        assert viewer.wrong == []
        viewed = self._tally.viewed
        viewed["streams whole"] = viewed.get("streams whole", 0) + viewer.forget()
        self._seen_until = executed

    def _look_at_the_processes(self) -> None:
        now = time.time()
        for name, seen in eventually(self.stack.programs).items():
            process = Path(f"/proc/{seen.pid}")
            with suppress(OSError):
                count = len(list((process / "fd").iterdir()))
                rss = int((process / "statm").read_bytes().split()[1]) * PAGE
                before = self._descriptors.setdefault(name, count)
                assert count <= before + DESCRIPTORS_MORE_MAX, f"{name}: {count} descriptors"
                self._tally.descriptors[name] = [before, count]
                self._growth.take(name, seen.pid, Sample(now - seen.since / 1e6, rss / MIB))
        for name, size in self.signs.rss.items():
            mib = round(size / MIB, 1)
            assert mib < RSS_MIB_MAX, f"{name} takes {mib} MiB"
            self._tally.rss_mib[name] = max(mib, self._tally.rss_mib.get(name, 0.0))
        self._growth.assert_none()
        self.signs.assert_no_difference()

    def _look_back(self) -> None:
        """Look at everything once more, and let the aggregator look at itself."""
        with self.stack.at_rest(within=RESTS_WITHIN_S) as executed:
            self.audit.look_at_everything(executed)
        if self._wish.self_checked:
            eventually(self.signs.checked_itself, within=CHECKED_WITHIN_S)
        self.signs.assert_no_difference()

    def _measure(self, trades: int) -> None:
        """Add the figures since the round before."""
        tally = self._tally
        tally.trades, self._trades = trades - self._trades, trades
        tally.restarts_s = [round(one, 1) for one in self.harm.restarts_s]
        self.harm.restarts_s.clear()
        measured = self.signs.figures()
        for one in measured.recoveries:
            if one.hindered:
                tally.hindered_s.append(one.seconds)
            elif one.repeat:
                tally.repeats_s.append(one.seconds)
            else:
                tally.recoveries_s.setdefault(one.program, []).append(one.seconds)
        tally.lag_ms = [one // 1000 for one in measured.lags_us]
        tally.drains = [round(one) for one in measured.drains]
        tally.rises = self._growth.rises()
        for name in VIEWED:
            tally.viewed[name] = self._more(name, getattr(self.viewer, name))
        for name in CHECKS:
            tally.self_checks[name] = self._more(f"check {name}", self.signs.self_checks(name))
        gaps = self._gaps()
        tally.gaps = gaps[0]
        tally.gap_rows = [gaps]

    def _more(self, name: str, count: int) -> int:
        """Return by how much a count has risen since the round before."""
        before, self._counted[name] = self._counted[name], count
        return count - before

    def _gaps(self) -> tuple[int, list[float], list[float]]:
        """Return how many gaps were filled since the round before, when known and when filled.

        The times are p50, p99 and max.
        """
        parts = "percentile_cont(ARRAY[0.5, 0.99, 1.0]) WITHIN GROUP (ORDER BY "
        ((count, detected, filled, until),) = self.stack.rows(
            "SELECT count(*), "
            f"{parts} extract(epoch FROM opened_at - next.ts_recv)::float),"
            f"{parts} extract(epoch FROM closed_at - opened_at)::float), max(closed_at)::text"
            " FROM gap LEFT JOIN trade AS next ON next.exchange = gap.exchange"
            " AND next.symbol = gap.symbol AND next.series = gap.series"
            " AND next.trade_id = gap.last_id + 1"
            " WHERE state = 'filled' AND closed_at > %s::timestamptz",
            self._gaps_until,
        )
        self._gaps_until = until or self._gaps_until
        return int(count), detected or [], filled or []

"""How smoothly the table of 1,000 symbols moves and scrolls, and whether its page grows.

``python -m bench.bench_page [--symbols 1000] [--rate 10] [--minutes 10]`` lets a real
Chromium show ``/markets`` of a real web process. Every symbol that the page listens to changes
``rate`` times a second, the others once in two seconds. Told are animation frames a second at rest
and while it scrolls up and down without end, and how much the heap grows in ``minutes``, its
garbage collected before each look.

What is asked for is at least 55 frames a second, and a heap that stays within 5 %.
"""

import argparse
import shutil
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import msgspec
from playwright.sync_api import Page, WebSocket, sync_playwright

from bench.fanout.web_processes import WebProcesses, symbols
from bench.figures import figure

CHROMIUM = ("chromium", "chromium-browser", "google-chrome")
ARGUMENTS = ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage")
WARM_UP_S = 5.0
OTHERS_S = 2.0
"""Symbols that nobody listens to change so often."""
LOOKS = 10
"""How often the heap is looked at."""

FRAMES = """
    ([seconds, px]) => new Promise((resolve) => {
        const end = performance.now() + seconds * 1000;
        const last = () => document.documentElement.scrollHeight - innerHeight;
        let begin = null, before = null, frames = 0, longest = 0, down = 1;
        const frame = (now) => {
            begin ??= now;
            if (before !== null) { frames += 1; longest = Math.max(longest, now - before); }
            before = now;
            if (now >= end) return resolve([(frames * 1000) / (now - begin), longest]);
            if (px > 0) {
                if (scrollY >= last()) down = -1; else if (scrollY <= 0) down = 1;
                scrollBy(0, down * px);
            }
            requestAnimationFrame(frame);
        };
        requestAnimationFrame(frame);
    })
"""
"""Frames a second over so many seconds, and the longest time between two, ms; ``px`` are scrolled
in each frame."""


class _Said(msgspec.Struct):
    channel: str = "ticker"
    symbols: list[str] | str = []


class _Frame(msgspec.Struct):
    type: str
    payload: _Said


class Listening:
    """What a page listens to, as its WebSocket says. Make it before the page is gone to."""

    def __init__(self, page: Page) -> None:
        self.named: set[str] = set()
        """``exchange:symbol`` of every ticker."""
        self.most = 0
        """So many have been named at once."""
        self.changes: list[float] = []
        """When it changed, seconds of a monotonic clock."""
        page.on("websocket", self._opened)

    def _opened(self, socket: WebSocket) -> None:
        self.named = set()
        socket.on("framesent", self._sent)

    def _sent(self, text: str | bytes) -> None:
        try:
            frame = msgspec.json.decode(text, type=_Frame)
        except msgspec.ValidationError:
            return
        wanted = frame.payload.symbols
        if frame.payload.channel != "ticker" or isinstance(wanted, str):
            return
        if frame.type == "subscribe":
            self.named = self.named | set(wanted)
            self.changes.append(time.monotonic())
        elif frame.type == "unsubscribe":
            self.named = self.named - set(wanted)
        self.most = max(self.most, len(self.named))


class Frames(NamedTuple):
    """Animation frames."""

    rate: float
    """A second."""
    longest_ms: float
    """Between two of them."""
    cpu_ms: float
    """CPU time of the page's thread for each, which other processes do not change."""


def frames(page: Page, seconds: float, *, px: int = 0) -> Frames:
    """Return what the animation frames of so many seconds are like.

    Args:
        page: what is looked at.
        seconds: for so long.
        px: scrolled in each frame, up and down again.
    """
    session = page.context.new_cdp_session(page)
    session.send("Performance.enable", {"timeDomain": "threadTicks"})

    def cpu_s() -> float:
        found = session.send("Performance.getMetrics")["metrics"]
        return float(next(each["value"] for each in found if each["name"] == "TaskDuration"))

    before = cpu_s()
    rate, longest = page.evaluate(FRAMES, [seconds, px])
    cpu_ms = (cpu_s() - before) * 1000 / max(1.0, rate * seconds)
    session.detach()
    return Frames(float(rate), float(longest), cpu_ms)


class Heap:
    """The JavaScript heap of a page."""

    def __init__(self, page: Page) -> None:
        self._session = page.context.new_cdp_session(page)

    def used(self) -> int:
        """Return what is reachable, bytes: garbage is collected before."""
        self._session.send("HeapProfiler.collectGarbage")
        return int(self._session.send("Runtime.getHeapUsage")["usedSize"])


def growth(page: Page, seconds: float, looks: int = LOOKS) -> tuple[int, int]:
    """Return the heap's least size early and late in so many seconds, bytes.

    The least of each third is told: what happens to be held for a moment is no growth.
    """
    heap = Heap(page)
    sizes = []
    for _ in range(looks):
        page.wait_for_timeout(seconds * 1000 / looks)
        sizes.append(heap.used())
    third = max(1, looks // 3)
    return min(sizes[:third]), min(sizes[-third:])


@contextmanager
def changing(
    publish: Callable[[Sequence[str]], None],
    listening: Listening,
    names: Sequence[str],
    rate: float,
) -> Iterator[None]:
    """Let the symbols that are listened to change ``rate`` times a second, others now and then.

    ``publish`` is called in a thread of its own, with names of symbols without their exchange.
    """
    ended = threading.Event()

    def change() -> None:
        due, others = time.monotonic(), 0
        some = max(1, round(len(names) / (OTHERS_S * rate)))
        while not ended.wait(max(0.0, due - time.monotonic())):
            heard = {name.partition(":")[2] for name in listening.named}
            publish([*heard, *names[others : others + some]])
            others = (others + some) % len(names)
            due = max(due + 1 / rate, time.monotonic())

    thread = threading.Thread(target=change)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def shown(page: Page, url: str) -> Listening:
    """Show the table, and wait until its first row is there."""
    listening = Listening(page)
    page.goto(url)
    page.locator(".market-body .row-link").first.wait_for(timeout=30_000)
    return listening


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--symbols", type=int, default=1000)
    parser.add_argument("--rate", type=float, default=10.0, help="changes a second of each row")
    parser.add_argument("--seconds", type=float, default=10.0, help="of each count of frames")
    parser.add_argument("--minutes", type=float, default=10.0, help="of looking at the heap")
    parser.add_argument("--px", type=int, default=24, help="scrolled in each frame")
    chosen = parser.parse_args()
    names = symbols(chosen.symbols)
    told = {"symbols": chosen.symbols, "rate": chosen.rate}
    path = next(filter(None, map(shutil.which, CHROMIUM)), None)
    with (
        tempfile.TemporaryDirectory() as folder,
        WebProcesses(Path(folder), 1, names) as web,
        sync_playwright() as playwright,
    ):
        browser = playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
        page = browser.new_page(viewport={"width": 1440, "height": 900})
        listening = shown(page, f"http://127.0.0.1:{web.port}/markets")
        with changing(web.publish, listening, names, chosen.rate):
            page.wait_for_timeout(WARM_UP_S * 1000)
            for way, px in (("at rest", 0), ("scrolling", chosen.px)):
                found = frames(page, chosen.seconds, px=px)
                figure("page", "tickwire", f"frames, {way}", found.rate, "1/s", **told)
                figure("page", "tickwire", f"longest frame, {way}", found.longest_ms, "ms", **told)
                figure("page", "tickwire", f"CPU a frame, {way}", found.cpu_ms, "ms", **told)
            figure("page", "tickwire", "symbols listened to at most", listening.most, "", **told)
            first, last = growth(page, chosen.minutes * 60)
            figure("page", "tickwire", "heap", last / 2**20, "MiB", **told)
            grown = (last / first - 1) * 100
            figure("page", "tickwire", "heap growth", grown, "%", minutes=chosen.minutes, **told)
        browser.close()


if __name__ == "__main__":
    main()

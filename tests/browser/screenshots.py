"""Photographs every page at three widths in both themes: ``python -m tests.browser.screenshots``.

It starts a demo of its own with a fixed seed, waits until the pages are full of moving data, and
writes ``docs/screenshots/<page>-<width>-<theme>.png``. Nothing of the demo is left behind. What is
photographed is what a user sees: no page is changed for it.
"""

import shutil
import sys
import tempfile
from pathlib import Path
from typing import Literal

from playwright.sync_api import Browser, Page, ViewportSize, sync_playwright

from bus.settings import ROOT
from tests.browser.chromium import ARGUMENTS, NAMES, evaluated
from tests.e2e.stack import Stack
from tests.eventually import eventually

OUT = ROOT / "docs" / "screenshots"
PAGES = {
    "dashboard": ("/", ".card .price .value"),
    "markets": ("/markets", ".market-body .market-row"),
    "symbol": ("/s/coinbase:BTC-USD", "canvas"),
    "status": ("/status", '[aria-labelledby="quality"] tbody tr'),
}
"""Of each page: its address, and what is there once it is complete."""
SIZES = ((320, 720), (768, 1024), (1440, 900))
THEMES: tuple[Literal["dark", "light"], ...] = ("dark", "light")
SETTLED = "performance.now() > 5000"
"""A page lives for so long before it is photographed: prices have moved, charts are drawn."""
HISTORY = """
    SELECT count(*) FILTER (WHERE interval_s = 60) >= 2000
        AND count(*) FILTER (WHERE interval_s = 3600) >= 5000
    FROM candle_history
"""
TIMEOUT_MS = 60_000


def photograph(browser: Browser, stack: Stack, page_name: str, folder: Path) -> None:
    """Write the pictures of one page."""
    path, complete = PAGES[page_name]
    for theme in THEMES:
        for width, height in SIZES:
            size = ViewportSize(width=width, height=height)
            page = browser.new_page(
                viewport=size, color_scheme=theme, locale="en-GB", timezone_id="Europe/Berlin"
            )
            shown(page, stack.url + path, complete)
            page.screenshot(path=folder / f"{page_name}-{width}-{theme}.png")
            page.close()


def shown(page: Page, url: str, complete: str) -> None:
    """Load a page and wait until it is complete and moves."""
    page.goto(url)
    page.locator(complete).first.wait_for(state="attached", timeout=TIMEOUT_MS)
    page.locator('.connection[data-market="live"]').wait_for(timeout=TIMEOUT_MS)
    page.locator('.processes[data-level="good"]').wait_for(timeout=TIMEOUT_MS)
    eventually(evaluated(page, SETTLED))


def main() -> int:
    """Write all pictures; return the exit code."""
    browser_path = next(filter(None, map(shutil.which, NAMES)), None)
    OUT.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        stack = Stack(Path(folder) / "data", RATE="60", SEED="7")
        try:
            stack.start()
            eventually(lambda: stack.rows(HISTORY) == [(True,)], within=120)
            browser = playwright.chromium.launch(executable_path=browser_path, args=ARGUMENTS)
            for name in PAGES:
                photograph(browser, stack, name, OUT)
                print(f"{name}: {len(THEMES) * len(SIZES)} pictures", flush=True)
            browser.close()
            stack.stop()
        finally:
            stack.remove()
    return 0


if __name__ == "__main__":
    sys.exit(main())

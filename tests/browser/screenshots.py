"""Photographs every page at three widths in both themes: ``python -m tests.browser.screenshots``.

It starts a demo of its own with a fixed seed, waits until the pages are full of moving data, and
writes ``docs/screenshots/<page>-<width>-<theme>.png``. Nothing of the demo is left behind. What is
photographed is what a user sees: no page is changed for it.
"""

import shutil
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

from bus.settings import ROOT
from tests.browser.chromium import ARGUMENTS, NAMES
from tests.e2e.stack import Stack
from tests.eventually import eventually

OUT = ROOT / "docs" / "screenshots"
PAGES = {
    "dashboard": ("/", ".card .price .value"),
    "markets": ("/markets", "h1"),
    "symbol": ("/s/coinbase:BTC-USD", "canvas"),
    "status": ("/status", '[aria-labelledby="quality"] tbody tr'),
}
"""Of each page: its address, and what is there once it is complete."""
SIZES = ((320, 720), (768, 1024), (1440, 900))
THEMES = ("dark", "light")

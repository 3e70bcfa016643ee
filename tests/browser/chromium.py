"""A real Chromium: the system's where there is one, else Playwright's own.

``pages`` is a fixture: called with the options of a browser context it returns a page, which keeps
the states of its connection chip in ``window.statesSeen``.
"""

import shutil
from collections.abc import Callable, Iterator
from typing import Any, Protocol

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Error, Page, sync_playwright

from tests import needed

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
ARGUMENTS = ["--no-sandbox", "--disable-dev-shm-usage"]
RECORD_STATES = """
    window.statesSeen = [];
    new MutationObserver(() => {
        const state = document.querySelector(".connection")?.dataset.state;
        if (state && window.statesSeen.at(-1) !== state) window.statesSeen.push(state);
    }).observe(document, {subtree: true, childList: true, attributes: true});
"""


class Demo(Protocol):
    """The running pipeline, as the fixture ``demo`` gives it."""

    url: str

    def kill(self, program: str) -> None:
        """End one program with SIGKILL."""


class Pages(Protocol):
    """Opens pages, each in a context of its own."""

    def __call__(self, **options: Any) -> Page:
        """Return a new page; ``options`` are those of a browser context."""


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    path = next(filter(None, map(shutil.which, NAMES)), None)
    with sync_playwright() as playwright:
        try:
            browser = playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
        except Error as error:
            needed.lacking(f"no Chromium: the dashboard was NOT tried ({error})")
        yield browser
        browser.close()


@pytest.fixture
def pages(chromium: Browser) -> Iterator[Pages]:
    contexts = []

    def opened(**options: Any) -> Page:
        context = chromium.new_context(**options)
        contexts.append(context)
        page = context.new_page()
        page.add_init_script(RECORD_STATES)
        return page

    yield opened
    for context in contexts:
        for page in context.pages:  # an answer may be on its way to a page that goes
            page.unroute_all(behavior="ignoreErrors")
        context.close()


def errors_of(page: Page) -> list[str]:
    """Return a list that fills with what the page complains about."""
    found: list[str] = []
    page.on("pageerror", lambda error: found.append(str(error)))

    def heard(message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            found.append(message.text)

    page.on("console", heard)
    return found


def evaluated(page: Page, expression: str) -> Callable[[], Any]:
    """Return a condition for ``eventually`` (Playwright's own needs an eval, which is refused)."""
    return lambda: page.evaluate(expression)

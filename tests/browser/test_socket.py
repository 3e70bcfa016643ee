"""The connection of a page in a real Chromium: another site's, and ours where ways are blocked."""

import re
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from playwright.sync_api import Locator, Page, WebSocketRoute, expect

from bus.settings import ROOT
from tests.browser.chromium import Pages, evaluated
from tests.eventually import eventually
from tests.web.conftest import Start
from tests.web.messages import candle, status, ticker
from tests.web.stack import Stack

pytestmark = pytest.mark.browser

WITHIN_MS = 20_000
LOOKED_WITHIN_MS = 90_000
"""The best way is looked at so often."""
DOCUMENT = ROOT / "docs" / "from-socketio.md"


def told(stack: Stack, price: str, seq: int) -> None:
    """Let coinbase be connected, and the price of its ether be that."""
    now = time.time_ns() // 1000
    row = ticker("ETH-USD", exchange="coinbase", price=price, seq=seq, ts_recv=now, ts_event=now)
    stack.publish(status("coinbase"), status("binance"), row)


def comes_to_say(chip: Locator, word: str, stack: Stack) -> None:
    """Wait for a word of the chip, while the feeds say each second that they are there."""

    def says() -> bool:
        stack.publish(status("coinbase"), status("binance"))
        with suppress(AssertionError):
            expect(chip).to_have_text(word, timeout=1000)
            return True
        return False

    eventually(says, within=WITHIN_MS / 1000)


class Site(ThreadingHTTPServer):
    """A site of its own that has one page."""

    page = b""

    @property
    def origin(self) -> str:
        """Its address, as a browser names it."""
        return f"http://127.0.0.1:{self.server_port}"


class Answer(BaseHTTPRequestHandler):
    """Whatever is asked for, it is the page."""

    server: Site

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("content-type", "text/html; charset=utf-8")
        self.end_headers()
        self.wfile.write(self.server.page)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def site() -> Iterator[Site]:
    with Site(("127.0.0.1", 0), Answer) as made:
        thread = threading.Thread(target=made.serve_forever)
        thread.start()
        try:
            yield made
        finally:
            made.shutdown()
            thread.join()


class Block:
    """Keeps a page from ways to the server, until it is lifted."""

    def __init__(self, page: Page, *, events: bool) -> None:
        self.lifted = False
        page.route_web_socket("**/ws", self._wire)
        if events:
            page.route("**/sse?*", lambda route: route.abort())

    def _wire(self, socket: WebSocketRoute) -> None:
        if self.lifted:
            socket.connect_to_server()
        else:
            socket.close()


def test_the_page_of_the_document_works_when_it_is_pasted(
    start: Start, site: Site, pages: Pages
) -> None:
    (text,) = re.findall(r"^```html\n(.*?)^```$", DOCUMENT.read_text(), re.MULTILINE | re.DOTALL)
    stack = start(cors=site.origin)
    site.page = text.replace("localhost:8000", f"127.0.0.1:{stack.port}").encode()
    told(stack, "2346.1", 1)
    page = pages()
    page.goto(f"{site.origin}/prices.html")
    expect(page.locator("#state")).to_have_text("connected by websocket", timeout=WITHIN_MS)
    expect(page.locator("li")).to_have_text("coinbase:ETH-USD 2346.1")
    told(stack, "2347.2", 2)
    expect(page.locator("li")).to_have_text("coinbase:ETH-USD 2347.2")


def test_where_upgrades_are_blocked_the_page_is_live_by_events(start: Start, pages: Pages) -> None:
    stack = start()
    told(stack, "2346.1", 1)
    page = pages()
    Block(page, events=False)
    page.goto(f"http://127.0.0.1:{stack.port}")
    chip = page.locator('.connection[data-state="connected"] .word')
    comes_to_say(chip, "live (SSE)", stack)
    card = page.get_by_role("article", name="ETH-USD on coinbase")
    for seq, price in enumerate(("2347.2", "2348.3", "2349.4"), start=2):
        told(stack, price, seq)
        expect(card.locator(".price .value")).to_have_text(f"2,{price[1:]}0")


def test_where_nothing_stays_open_the_page_polls_and_says_so(start: Start, pages: Pages) -> None:
    stack = start()
    told(stack, "2346.1", 1)
    page = pages()
    page.clock.install()
    block = Block(page, events=True)
    page.goto(f"http://127.0.0.1:{stack.port}")
    chip = page.locator('.connection[data-state="connected"] .word')
    expect(chip).to_have_text("polling every 2\u202fs", timeout=WITHIN_MS)
    card = page.get_by_role("article", name="ETH-USD on coinbase")
    expect(card.locator(".price .value")).to_have_text("2,346.10")
    told(stack, "2347.2", 2)
    expect(card.locator(".price .value")).to_have_text("2,347.20", timeout=WITHIN_MS)
    page.clock.fast_forward(LOOKED_WITHIN_MS)
    expect(chip).to_have_text("polling every 2\u202fs", timeout=WITHIN_MS)
    block.lifted = True
    page.clock.fast_forward(LOOKED_WITHIN_MS)
    comes_to_say(chip, "live", stack)


LISTENING = """<!doctype html><script type="module">
    import { connect } from "http://%s/static/socket.js";
    Object.assign(window, { refetched: [], connects: 0, candles: 0 });
    connect()
        .on("connect", () => (connects += 1))
        .on("candle", () => (candles += 1))
        .on("refetch", ({ channel }) => refetched.push(channel))
        .subscribe({ channel: "candle", symbols: "*" });
</script>"""


def test_a_page_that_slept_is_told_to_fetch_what_it_missed(
    start: Start, site: Site, pages: Pages
) -> None:
    stack = start(cors=site.origin)
    site.page = (LISTENING % f"127.0.0.1:{stack.port}").encode()
    page = pages()
    page.clock.install()
    page.goto(site.origin)
    eventually(evaluated(page, "window.connects === 1"), within=20)
    stack.publish(candle(n=2))
    eventually(evaluated(page, "candles === 1"), within=5)
    page.clock.fast_forward(30_000)
    stack.publish(candle(n=3, seq=2))
    eventually(evaluated(page, "candles === 2"), within=5)
    assert page.evaluate("refetched") == []
    page.clock.fast_forward(3_600_000)
    stack.publish(candle(n=4, seq=3))
    eventually(evaluated(page, "refetched.join() === 'candle'"), within=5)
    assert page.evaluate("connects") == 1

"""The connection of a page in a real Chromium: another site's, and ours where ways are blocked."""

import re
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from playwright.sync_api import Page, expect

from bus.settings import ROOT
from tests.browser.chromium import Pages
from tests.web.conftest import Start
from tests.web.messages import status, ticker
from tests.web.stack import Stack

pytestmark = pytest.mark.browser

WITHIN_MS = 20_000
DOCUMENT = ROOT / "docs" / "from-socketio.md"


def told(stack: Stack, price: str, seq: int) -> None:
    """Let coinbase be connected, and the price of its ether be that."""
    now = time.time_ns() // 1000
    row = ticker("ETH-USD", exchange="coinbase", price=price, seq=seq, ts_recv=now, ts_event=now)
    stack.publish(status("coinbase"), status("binance"), row)


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


def without_websocket(page: Page) -> None:
    """Let no WebSocket of the page get through."""
    page.route_web_socket("**/ws", lambda socket: socket.close())


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


def test_where_nothing_stays_open_the_page_polls_and_says_so(start: Start, pages: Pages) -> None:
    stack = start()
    told(stack, "2346.1", 1)
    page = pages()
    without_websocket(page)
    page.route("**/sse?*", lambda route: route.abort())
    page.goto(f"http://127.0.0.1:{stack.port}")
    chip = page.locator('.connection[data-state="connected"] .word')
    expect(chip).to_have_text("polling every 2\u202fs", timeout=WITHIN_MS)
    card = page.get_by_role("article", name="ETH-USD on coinbase")
    expect(card.locator(".price .value")).to_have_text("2,346.10")
    told(stack, "2347.2", 2)
    expect(card.locator(".price .value")).to_have_text("2,347.20", timeout=WITHIN_MS)

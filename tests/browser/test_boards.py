"""Dashboard and markets of a thousand symbols in a real Chromium, before a real web process."""

import re
import time
from collections.abc import Iterator, Sequence

import pytest
from msgspec.structs import replace
from playwright.sync_api import Page, expect

from bench.bench_page import Heap, Listening, changing, frames, growth
from tests.browser.chromium import Pages, evaluated
from tests.eventually import eventually
from tests.web.messages import status, ticker
from tests.web.stack import Stack

pytestmark = pytest.mark.browser

WITHIN_MS = 20_000
COUNT = 1000
FIRST = ("BTC-USD", "ETH-USD")
NAMES = tuple(f"S{number:03}-USDT" for number in range(COUNT - len(FIRST)))
SYMBOLS = {"coinbase": FIRST, "binance": NAMES}
"""The higher the number, the lower the price, the greater the volume; S500 has risen most."""
LISTENED_MAX = 50
RATE = 10
CPU_MS_MAX = 16.0
"""Of the page's thread in a frame. How many frames come in a second is a matter of what else the
machine does: ``bench.bench_page`` looks at that."""
GROWTH_MAX = 1.1
BUSY = """
    window.busy = setInterval(() => { for (let at = 0, sum = 0; at < 4e7; at += 1) sum += at % 7; })
"""
IN_VIEW = """
    [...document.querySelectorAll(".market-body .market-row")]
        .filter((row) => {
            const {top, bottom} = row.getBoundingClientRect();
            return bottom > 0 && top < innerHeight;
        })
        .map((row) => row.querySelector("a").ariaLabel.split(" ").reverse().join(":"))
"""
FIRST_ROWS = """
    [...document.querySelectorAll(".market-body .market-row")]
        .toSorted((one, other) => one.dataset.at - other.dataset.at)
        .slice(0, 3)
        .map((row) => row.querySelector("a").ariaLabel.split(" ")[0])
"""


class Board:
    """A web process that knows a thousand symbols."""

    def __init__(self, stack: Stack) -> None:
        self._stack = stack
        self._epoch, self._seq = time.time_ns() // 1000, 0
        self.url = f"http://127.0.0.1:{stack.port}"
        self._stack.publish(status("coinbase"), status("binance"))
        eventually(self._all_known, within=20)

    def publish(self, names: Sequence[str], cents: str | None = None) -> None:
        """Let the prices of these symbols be others."""
        now = time.time_ns() // 1000
        for name in names:
            self._seq += 1
            number = -1 if name in FIRST else int(name[1:4])
            row = ticker(
                name,
                exchange="coinbase" if name in FIRST else "binance",
                price=f"{2000 - number}.{cents or self._seq % 90 + 10}",
                seq=self._seq,
                epoch=self._epoch,
                ts_recv=now,
                ts_event=now,
            )
            percent = f"{10 - abs(number - 500) / 20:.2f}"
            volume = str(number * number + 1)
            self._stack.publish(replace(row, change_24h_pct=percent, volume_24h=volume))

    def _all_known(self) -> bool:
        # The bus drops what is sent faster than it is taken.
        rows = self._stack.json(f"/api/prices?limit={COUNT}")
        self.publish([row["symbol"] for row in rows if row["price"] is None][:200])
        return all(row["price"] is not None for row in rows)


@pytest.fixture(scope="module")
def board(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Board]:
    stack = Stack(tmp_path_factory.mktemp("board"), {}, None, "", apart=True, feeds=SYMBOLS)
    yield Board(stack.wait())
    stack.end()


def markets(page: Page, board: Board) -> Listening:
    """Show the table with all that is known; return what the page listens to."""
    listening = Listening(page)
    page.goto(f"{board.url}/markets")
    # The server says which are traded most.
    first = page.locator(".market-body .row-link").first
    expect(first).to_have_text(re.compile("^S997"), timeout=WITHIN_MS)
    return listening


def heard(page: Page, listening: Listening, key: str) -> bool:
    """Return whether the page listens to it now: what it has said is taken while we ask it."""
    page.evaluate("0")
    return key in listening.named


def sorted_by(page: Page, title: str) -> str | None:
    """Press a column's head; return what it says of the order."""
    head = page.get_by_role("columnheader", name=title, exact=True)
    head.get_by_role("button").click()
    return head.get_attribute("aria-sort")


def test_only_rows_that_can_be_seen_are_there_and_listened_to(board: Board, pages: Pages) -> None:
    page = pages(viewport={"width": 1440, "height": 900})
    listening = markets(page, board)
    assert page.get_by_role("table").get_attribute("aria-rowcount") == str(COUNT + 1)
    expect(page.get_by_role("status").last).to_have_text("1,000 markets")

    def listens_to_what_is_seen() -> bool:
        seen = set(page.evaluate(IN_VIEW))
        return 0 < len(seen) <= len(listening.named) and seen <= listening.named

    eventually(listens_to_what_is_seen, within=10)
    before = set(listening.named)
    for _ in range(30):
        page.mouse.wheel(0, 700)
    eventually(lambda: page.evaluate("scrollY") > 15_000, within=10)
    eventually(listens_to_what_is_seen, within=10)
    assert not before & listening.named
    assert page.locator(".market-body .market-row").count() < 60
    assert listening.most <= LISTENED_MAX
    seconds = listening.changes[-1] - listening.changes[0]
    assert len(listening.changes) <= seconds + 2
    name = page.evaluate(IN_VIEW)[5].partition(":")[2]
    board.publish([name], cents="777")
    row = page.get_by_role("row").filter(has=page.get_by_role("link", name=name))
    expect(row.locator(".price .value")).to_have_text(re.compile(r"\.777$"), timeout=WITHIN_MS)


def test_every_column_sorts_both_ways(board: Board, pages: Pages) -> None:
    page = pages(viewport={"width": 1440, "height": 900}, locale="en-US")
    markets(page, board)
    assert page.evaluate(FIRST_ROWS) == ["S997-USDT", "S996-USDT", "S995-USDT"]
    volume = page.get_by_role("columnheader", name="volume")
    assert volume.get_attribute("aria-sort") == "descending"
    assert sorted_by(page, "Price") == "descending"
    assert page.evaluate(FIRST_ROWS)[2] == "S000-USDT"
    assert sorted_by(page, "Price") == "ascending"
    assert page.evaluate(FIRST_ROWS)[:2] == ["S997-USDT", "S996-USDT"]
    assert volume.get_attribute("aria-sort") is None
    assert sorted_by(page, "24\u202fh") == "descending"
    assert page.evaluate(FIRST_ROWS)[0] == "S500-USDT"
    assert sorted_by(page, "Symbol") == "ascending"
    assert page.evaluate(FIRST_ROWS) == ["BTC-USD", "ETH-USD", "S000-USDT"]
    heads = page.get_by_role("columnheader")
    for index in range(heads.count()):
        heads.nth(index).get_by_role("button").click()
        assert heads.nth(index).get_attribute("aria-sort") in ("ascending", "descending")


def test_a_filter_by_text_and_exchange_says_how_many_are_left_or_what_to_do(
    board: Board, pages: Pages
) -> None:
    page = pages(locale="en-US")
    markets(page, board)
    said = page.locator(".markets-bar").get_by_role("status")
    page.get_by_role("searchbox").fill("s99")
    expect(said).to_have_text("8 of 1,000 markets")
    page.get_by_role("searchbox").fill("bitcoin")
    expect(page.locator(".row-link")).to_have_text(["BTC-USD coinbase"])
    page.get_by_role("combobox", name="Exchange").select_option("binance")
    expect(page.locator(".empty")).to_contain_text(
        "No symbol on binance has “bitcoin” in its name."
    )
    page.get_by_role("button", name="Show all markets").click()
    expect(said).to_have_text("1,000 markets")


def test_the_address_says_what_is_chosen_and_a_reload_keeps_it(board: Board, pages: Pages) -> None:
    page = pages(viewport={"width": 1440, "height": 900}, locale="en-US")
    markets(page, board)
    search = page.get_by_role("searchbox")
    search.fill("s99")
    assert sorted_by(page, "Symbol") == "ascending"
    chosen = re.compile(r"/markets\?q=s99&sort=symbol$")
    expect(page).to_have_url(chosen)
    page.reload()
    expect(search).to_have_value("s99")
    expect(page.locator(".row-link").first).to_have_text("S990-USDT binance")
    page.get_by_role("link", name="Dashboard").click()
    expect(page).to_have_url(re.compile(r"/$"))
    page.go_back()
    expect(page).to_have_url(chosen)
    search.fill("")
    sorted_by(page, "24\u202fh volume")
    expect(page).to_have_url(re.compile(r"/markets$"))


def test_the_keyboard_goes_through_rows_that_were_not_there_yet(board: Board, pages: Pages) -> None:
    page = pages(viewport={"width": 1024, "height": 700})
    markets(page, board)
    focused = "document.activeElement.closest('[data-at]')?.dataset.at"
    page.get_by_role("searchbox").focus()
    page.keyboard.press("ArrowDown")
    assert page.evaluate(focused) == "0"
    for row in range(1, 40):
        page.keyboard.press("ArrowDown")
        eventually(evaluated(page, f"{focused} === '{row}'"), within=5)
    box = page.locator("[data-at='39']").bounding_box()
    assert box is not None
    assert 80 < box["y"] < 700 - 40
    page.keyboard.press("ArrowUp")
    eventually(evaluated(page, f"{focused} === '38'"), within=5)
    page.keyboard.press("End")
    eventually(evaluated(page, f"{focused} === '{COUNT - 1}'"), within=5)
    name = page.evaluate("document.activeElement.ariaLabel")
    page.keyboard.press("Enter")
    symbol, _, exchange = name.partition(" ")
    expect(page).to_have_url(f"{board.url}/s/{exchange}:{symbol}")


@pytest.mark.parametrize("width", [320, 768, 1440])
def test_symbol_price_and_change_fit_every_width(board: Board, pages: Pages, width: int) -> None:
    page = pages(viewport={"width": width, "height": 800})
    markets(page, board)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    row = page.locator(".market-body .market-row").first
    for cell in ("symbol", "price", "change"):
        expect(row.locator(f".cell-{cell}")).to_be_visible()
    value = row.locator(".cell-price .price")
    assert value.evaluate("one => one.scrollWidth <= one.parentElement.clientWidth")
    expect(row.locator(".cell-high")).to_be_visible(visible=width == 1440)
    link = row.get_by_role("link")
    expect(link).to_have_attribute("href", re.compile(r"^/s/binance:S\d+-USDT$"))


def test_rows_are_as_high_as_was_chosen_here_before(board: Board, pages: Pages) -> None:
    page = pages()
    markets(page, board)
    height = "document.querySelector('.market-body .market-row').offsetHeight"
    assert page.evaluate(height) == 40
    page.get_by_role("button", name="Compact").click()
    eventually(evaluated(page, f"{height} === 32"), within=5)
    markets(page, board)
    assert page.evaluate(height) == 32


def test_the_first_cards_stand_for_many_and_only_those_near_are_listened_to(
    board: Board, pages: Pages
) -> None:
    page = pages(viewport={"width": 1440, "height": 900}, locale="en-US")
    listening = Listening(page)
    page.goto(board.url)
    expect(page.locator("article.card")).to_have_count(48, timeout=WITHIN_MS)
    eventually(lambda: heard(page, listening, "coinbase:BTC-USD"), within=10)
    assert 8 <= len(listening.named) < 48
    page.get_by_role("link", name="All 1,000 markets").scroll_into_view_if_needed()
    eventually(lambda: heard(page, listening, "binance:S045-USDT"), within=10)
    assert "coinbase:BTC-USD" not in listening.named
    page.get_by_role("link", name="All 1,000 markets").click()
    expect(page.get_by_role("table")).to_be_visible()


def test_gainers_and_losers_are_of_all_symbols_and_lead_to_them(board: Board, pages: Pages) -> None:
    page = pages(viewport={"width": 1440, "height": 900}, locale="en-US")
    page.goto(board.url)
    movers = page.get_by_role("complementary")
    gainers = movers.locator("section", has=page.get_by_role("heading", name="Gainers"))
    expect(gainers.get_by_role("link").first).to_have_text(
        re.compile(r"^S500-USDT binance\s*▲\u202f10\.00\u202f%$"), timeout=WITHIN_MS
    )
    losers = movers.locator("section", has=page.get_by_role("heading", name="Losers"))
    expect(losers.get_by_role("link").first).to_contain_text("▼")
    gainers.get_by_role("link").first.click()
    expect(page).to_have_url(f"{board.url}/s/binance:S500-USDT")


def test_a_whole_card_is_a_link(board: Board, pages: Pages) -> None:
    page = pages(viewport={"width": 1440, "height": 900})
    page.goto(board.url)
    card = page.get_by_role("article", name="BTC-USD on coinbase")
    expect(card.get_by_role("link")).to_have_attribute("href", "/s/coinbase:BTC-USD")
    expect(card.locator(".price .value")).to_be_visible(timeout=WITHIN_MS)
    card.locator(".price .value").click()
    expect(page).to_have_url(f"{board.url}/s/coinbase:BTC-USD")
    page.go_back()
    card.locator(".spark-plot").click(force=True)
    expect(page).to_have_url(f"{board.url}/s/coinbase:BTC-USD")
    page.go_back()
    card.get_by_role("link").focus()
    page.keyboard.press("Enter")
    expect(page).to_have_url(f"{board.url}/s/coinbase:BTC-USD")


COPIED = """(selector) => {
    const range = document.createRange();
    const at = document.querySelector(selector);
    range.selectNodeContents(at);
    getSelection().removeAllRanges();
    getSelection().addRange(range);
    return new Promise((done) => {
        const said = (event) => done(event.clipboardData.getData("text/plain"));
        document.addEventListener("copy", said, { once: true });
        if (!document.execCommand("copy")) done("refused");
    });
}"""
"""Copies what is in an element, and returns what the clipboard is given; "" is what is shown."""


def test_what_is_copied_is_the_whole_value(board: Board, pages: Pages) -> None:
    page = pages(viewport={"width": 1440, "height": 900}, locale="de-DE")
    page.goto(f"{board.url}/s/coinbase:BTC-USD")
    price = page.locator(".strip .price .value")
    expect(price).to_have_text(re.compile(r"^[\d.]+,\d\d$"), timeout=WITHIN_MS)
    copied = page.evaluate(COPIED, ".strip .price .value")
    shown = price.inner_text()
    assert re.fullmatch(r"\d+(\.\d+)?", copied)
    assert float(copied) == float(shown.replace(".", "").replace(",", "."))
    assert page.evaluate(COPIED, ".strip .price").split() == [copied, "USD"]
    assert page.evaluate(COPIED, ".strip h1") == ""  # nothing of it is shortened


@pytest.mark.alone
def test_a_thousand_rows_scroll_in_little_time_and_the_page_does_not_grow(
    board: Board, pages: Pages
) -> None:
    page = pages(viewport={"width": 1440, "height": 900})
    listening = markets(page, board)
    with changing(board.publish, listening, NAMES, RATE):
        cost = frames(page, 4, px=24)
        assert cost.rate > 1
        assert cost.cpu_ms < CPU_MS_MAX
        first, last = growth(page, 20, looks=4)
        assert last <= first * GROWTH_MAX
    # What would be noticed: a page that is busy, and one that keeps what it hears.
    page.evaluate("window.kept = Array.from({length: 2e5}, (_, at) => at + 0.5)")
    assert Heap(page).used() > last * GROWTH_MAX
    page.evaluate(BUSY)
    assert frames(page, 1).cpu_ms > CPU_MS_MAX
    page.evaluate("clearInterval(window.busy)")

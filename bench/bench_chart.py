"""How long the chart takes to draw: from its data to the next painted frame, in a real Chromium.

``python -m bench.bench_chart [--candles 1000 100000] [--times 9]``. Serves the files of the page
alone, without a backend, and draws candles with their volume (and, once more, with every indicator)
in a window of 1440 x 900 px. Of each number of candles the median is printed, and the slowest; a
chart drawn for the first time has lightweight-charts' own start in it, and is not counted.
"""

import argparse
import json
import re
import statistics
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

from playwright.sync_api import Page, sync_playwright

from bench.figures import figure
from bus.settings import ROOT

FILES = ROOT / "web"
CHROMIUM = "/usr/bin/chromium"
ARGUMENTS = ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]
ALL = ["volume", "average", "sma", "ema", "bollinger", "rsi", "macd"]
LAST_S = 1_790_000_040
"""The newest candle opens then, a whole minute."""
PAGE = """<!doctype html><meta charset="utf-8">
<link rel="stylesheet" href="/static/tokens.css"><link rel="stylesheet" href="/static/ground.css">
<link rel="stylesheet" href="/static/page.css">
<link rel="stylesheet" href="/static/components/symbol.css">
{importmap}
<div id="chart" class="study-plot"></div>
<script type="module">
import {{ Canvas }} from "/static/chart/canvas.js";
import {{ linesOf }} from "/static/chart/studies.js";

let seed = 7;
const random = () => (seed = (seed * 16807) % 2147483647) / 2147483647;
function candlesOf(count) {{
  let close = 77000;
  return Array.from({{ length: count }}, (_, index) => {{
    const open = close;
    close = open * (1 + (random() - 0.5) / 500);
    const [high, low] = [Math.max(open, close) * 1.0003, Math.min(open, close) * 0.9997];
    const time = {last} - 60 * (count - 1 - index);
    return {{ time, open, high, low, close, volume: 10 * random(), trades: 9, closed: true,
      revision: 9, partial: false, published: false, epoch: null, seq: null }};
  }});
}}
const painted = () => new Promise((done) => requestAnimationFrame(() => {{
  const {{ port1, port2 }} = new MessageChannel();
  port1.onmessage = () => done(performance.now());
  port2.postMessage(null);
}}));
const element = document.getElementById("chart");
element.style.height = "900px";
window.draw = async (count, studies) => {{
  const candles = candlesOf(count);
  const averages = candles.map(({{ open }}) => open);
  const canvas = new Canvas(element, {{ onPoint() {{}}, onSeen() {{}} }});
  const view = {{ candles: [], seconds: 60, decimals: 2, type: "candles", log: false, bands: [],
    lines: linesOf(new Set(studies), [], []), countdown: "0:42", theme: "dark" }};
  canvas.draw(view);
  await painted();
  const begin = performance.now();
  canvas.draw({{ ...view, candles, lines: linesOf(new Set(studies), candles, averages) }});
  canvas.show(-Infinity);
  const end = await painted();
  canvas.remove();
  return end - begin;
}};
window.ready = true;
</script>
"""


class Files(SimpleHTTPRequestHandler):
    """The files of the page, and the page that draws."""

    def do_GET(self) -> None:
        """Answer with a file, or with the page at ``/``."""
        if self.path != "/":
            super().do_GET()
            return
        document = (FILES / "static" / "index.html").read_text()
        found = re.search(r'<script type="importmap">.*?</script>', document, re.DOTALL)
        assert found
        body = PAGE.format(importmap=found[0], last=LAST_S).encode()
        self.send_response(200)
        self.send_header("content-type", "text/html; charset=utf-8")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing of each request."""


@contextmanager
def served() -> Iterator[str]:
    """The address of the page, inside the block."""
    handler = partial(Files, directory=str(FILES))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/"
        finally:
            server.shutdown()
            thread.join()


def measured(page: Page, count: int, studies: list[str], times: int) -> list[float]:
    """Return how long each drawing took, ms."""
    drawing = f"window.draw({count}, {json.dumps(studies)})"
    page.evaluate(drawing)
    return [page.evaluate(drawing) for _ in range(times)]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--candles", type=int, nargs="+", default=[1_000, 20_000, 100_000])
    parser.add_argument("--times", type=int, default=9)
    options = parser.parse_args()
    with served() as address, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        page = browser.new_page(viewport={"width": 1440, "height": 900})
        page.goto(address)
        page.wait_for_function("window.ready === true")
        for count in options.candles:
            for name, studies in (("candles and volume", ["volume"]), ("all indicators", ALL)):
                taken = measured(page, count, studies, options.times)
                shared = {"candles": count, "drawn": name, "times": options.times}
                figure("chart", "page", "draw_median", statistics.median(taken), "ms", **shared)
                figure("chart", "page", "draw_max", max(taken), "ms", **shared)
        browser.close()


if __name__ == "__main__":
    main()

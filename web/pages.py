"""The pages of the dashboard: one document, whose script shows what the address is of.

In come the files and the configured symbols; out go the routes of all pages. Each page's document
names the modules that it will need, found by following their imports, so that a browser asks for
all of them at once. A symbol in any spelling is redirected to its own address. Who asks for HTML
where nothing is gets a page that says so, with 404.
"""

import html
import posixpath
import re
from collections.abc import Iterator, Mapping
from urllib.parse import quote

import msgspec
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from bus.errors import UnknownSymbol
from market.symbols import Directory
from web.assets import Asset, Assets

PLACE = "<!-- modules -->"
"""Where the document wants the modules to be named."""
TITLE = "<title>tickwire</title>"
DESCRIPTION = 'name="description" content="Live crypto prices, hourly averages and candles"'
"""What the document says of itself, and each page says in its own words."""
MAIN, DOCUMENT, MISSING = "main.js", "index.html", "missing"
PATHS = {"/": "dashboard", "/dashboard": "dashboard", "/markets": "markets", "/status": "status"}
SYMBOL = "symbol"
WORDS = {
    "dashboard": ("", "Live crypto prices, hourly averages and candles, a card for each symbol"),
    "markets": (
        "Markets",
        "Every market with its price, change of 24 hours, high, low and volume, live",
    ),
    SYMBOL: ("Unknown symbol", "No symbol of this name is configured here"),
    "status": (
        "Status",
        "How the pipeline is: processes, exchanges, and the quality of each symbol's data",
    ),
    MISSING: ("Nothing here", "There is nothing at this address"),
}
"""Of each page: what stands before the site's name in its title, and what it is."""
_PREFIX = "/static/"
_importmap = re.compile(r'<script type="importmap">(.*?)</script>', re.DOTALL)
_imports = re.compile(
    r'(?:^|;)(?:import|export)\b[^"]*?\bfrom\s*"([^"]+)"|(?:^|;)import\s*"([^"]+)"', re.M
)


class Pages:
    """All pages.

    Args:
        assets: the files.
        directory: the configured symbols.
    """

    def __init__(self, assets: Assets, directory: Directory) -> None:
        self._directory = directory
        self._policy = assets.policy
        texts = {name: _document(assets, name) for name in WORDS}
        self._documents = {name: _worded(text, *WORDS[name]) for name, text in texts.items()}
        self._symbol_text = texts[SYMBOL]
        self._symbols: dict[str, Asset] = {}
        """Made when they are first asked for."""

    def routes(self) -> list[Route]:
        """Return their routes."""
        return [
            *(Route(path, self._fixed) for path in PATHS),
            Route("/s/{name}", self._symbol),
        ]

    def instead(self, of: ASGIApp) -> ASGIApp:
        """Return what answers where nothing is: a page, or ``of`` where no page is wanted."""

        async def nothing(scope: Scope, receive: Receive, send: Send) -> None:
            request = Request(scope) if scope["type"] == "http" else None
            if request is None or request.method not in ("GET", "HEAD") or not _wants_html(request):
                await of(scope, receive, send)
                return
            answer = self._answer(request, self._documents[MISSING], 404)
            if (path := scope["path"].rstrip("/")) in PATHS:
                answer = RedirectResponse(path, 302)
            await answer(scope, receive, send)

        return nothing

    async def _fixed(self, request: Request) -> Response:
        return self._answer(request, self._documents[PATHS[request.scope["path"]]])

    async def _symbol(self, request: Request) -> Response:
        name = request.path_params["name"]
        try:
            exchange, symbol = self._directory.resolve(name, suggest=False)
        except UnknownSymbol:
            return self._answer(request, self._documents[SYMBOL], 404)
        key = f"{exchange}:{symbol}"
        if name != key:
            return RedirectResponse(f"/s/{quote(key, safe=':')}", 302)
        if key not in self._symbols:
            description = f"The price of {symbol} on {exchange}, live: candles, averages, trades"
            document = _worded(self._symbol_text, f"{symbol} on {exchange}", description)
            self._symbols[key] = document
        return self._answer(request, self._symbols[key])

    def _answer(self, request: Request, document: Asset, status: int = 200) -> Response:
        response = document.answer(request, status)
        response.headers["content-security-policy"] = self._policy
        return response


def _worded(text: str, title: str, description: str) -> Asset:
    """Return a document with its own title and description."""
    named = f"{html.escape(title)} · tickwire" if title else "tickwire"
    said = f'name="description" content="{html.escape(description)}"'
    worded = text.replace(TITLE, f"<title>{named}</title>").replace(DESCRIPTION, said)
    return Asset.of(worded.encode(), "text/html")


def _document(assets: Assets, page: str) -> str:
    """Return the document, with the modules of a page named."""
    text = assets.read(DOCUMENT).decode()
    found = _importmap.search(text)
    named = msgspec.json.decode(found[1])["imports"] if found else {}
    modules: dict[str, None] = {}
    for first in (MAIN, f"pages/{page}.js"):
        _follow(assets, named, first, modules)
    lines = [f'<link rel="modulepreload" href="{_PREFIX}{each}">' for each in modules]
    return text.replace(PLACE, "\n    ".join(lines))


def _follow(assets: Assets, named: Mapping[str, str], module: str, found: dict[str, None]) -> None:
    """Add a module and all that it imports, each once."""
    if module not in found:
        found[module] = None
        for each in _imported(assets.read(module).decode(), named, module):
            _follow(assets, named, each, found)


def _imported(text: str, named: Mapping[str, str], module: str) -> Iterator[str]:
    for groups in _imports.findall(text):
        name = groups[0] or groups[1]
        if name in named:
            yield named[name].removeprefix(_PREFIX)
        else:
            yield posixpath.normpath(posixpath.join(posixpath.dirname(module), name))


def _wants_html(request: Request) -> bool:
    return "text/html" in request.headers.get("accept", "").lower()

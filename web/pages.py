"""The pages of the dashboard: one document, whose script shows what the address is of.

In come the files and the configured symbols; out go the routes of all pages. Each page's document
names the modules that it will need, found by following their imports, so that a browser asks for
all of them at once. A symbol in any spelling is redirected to its own address. Who asks for HTML
where nothing is gets a page that says so, with 404.
"""

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
MAIN, DOCUMENT, MISSING = "main.js", "index.html", "missing"
PATHS = {"/": "dashboard", "/dashboard": "dashboard", "/markets": "markets", "/status": "status"}
SYMBOL = "symbol"
_PREFIX = "/static/"
_importmap = re.compile(r'<script type="importmap">(.*?)</script>', re.DOTALL)
_imports = re.compile(r'^(?:import|export)\b[^"]*?\bfrom\s*"([^"]+)"|^import\s*"([^"]+)"', re.M)


class Pages:
    """All pages.

    Args:
        assets: the files.
        directory: the configured symbols.
    """

    def __init__(self, assets: Assets, directory: Directory) -> None:
        self._directory = directory
        self._policy = assets.policy
        self._documents = {
            name: Asset.of(_document(assets, name), "text/html")
            for name in (*PATHS.values(), SYMBOL, MISSING)
        }

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
            else:
                await self._answer(request, MISSING, 404)(scope, receive, send)

        return nothing

    async def _fixed(self, request: Request) -> Response:
        return self._answer(request, PATHS[request.scope["path"]])

    async def _symbol(self, request: Request) -> Response:
        name = request.path_params["name"]
        try:
            exchange, symbol = self._directory.resolve(name)
        except UnknownSymbol:
            return self._answer(request, SYMBOL, 404)
        if name != f"{exchange}:{symbol}":
            return RedirectResponse(f"/s/{quote(f'{exchange}:{symbol}', safe=':')}", 302)
        return self._answer(request, SYMBOL)

    def _answer(self, request: Request, name: str, status: int = 200) -> Response:
        response = self._documents[name].answer(request)
        if response.status_code == 200:
            response.status_code = status
        response.headers["content-security-policy"] = self._policy
        return response


def _document(assets: Assets, page: str) -> bytes:
    """Return the document, with the modules of a page named."""
    text = assets.read(DOCUMENT).decode()
    found = _importmap.search(text)
    named = msgspec.json.decode(found[1])["imports"] if found else {}
    modules: dict[str, None] = {}
    for first in (MAIN, f"pages/{page}.js"):
        _follow(assets, named, first, modules)
    lines = [f'<link rel="modulepreload" href="{_PREFIX}{each}">' for each in modules]
    return text.replace(PLACE, "\n    ".join(lines)).encode()


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

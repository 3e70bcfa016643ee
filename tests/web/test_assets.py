"""The dashboard's files, served from memory."""

import asyncio
import base64
import gzip
import hashlib
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from bus.heartbeat import Health
from bus.log import Log
from tests.web.asgi import Answer, ask
from web.app import STATIC
from web.assets import Assets
from web.envelope import Caught, Marked

MAP = '{"imports":{"a":"/static/a.mjs"}}'
PAGE = f'<!doctype html><script type="importmap">{MAP}</script>' + "<p>x</p>" * 100


def served(folder: Path, path: str, **headers: str) -> Answer:
    assets = Assets(folder)

    async def file(request: Request) -> Response:
        return assets.file(request)

    inner = Starlette(routes=[Route("/static/{path:path}", file)])
    app = Marked(Caught(inner.router, Log("tests")), Health("web-1"))
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    return asyncio.run(ask(app, path, headers=given))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "static").mkdir()
    (tmp_path / "static" / "index.html").write_text(PAGE)
    (tmp_path / "static" / "a.mjs").write_text("export const a = 1;\n" * 50)
    (tmp_path / "secret").write_text("secret")
    return tmp_path / "static"


def sha256(text: bytes) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text).digest()).decode()


def test_the_page_may_run_its_import_map_and_nothing_else_inline(folder: Path) -> None:
    policy = Assets(folder).policy(PAGE.encode())
    assert f"script-src 'self' '{sha256(MAP.encode())}'; style-src 'self';" in policy
    sheet = "p { color: red; }"
    policy = Assets(folder).policy(f"{PAGE}<style>{sheet}</style>".encode())
    assert f"style-src 'self' '{sha256(sheet.encode())}';" in policy
    assert "unsafe" not in policy


def test_the_policy_allows_the_style_that_the_vendored_chart_makes() -> None:
    chart = (STATIC / "vendor" / "lightweight-charts.mjs").read_text()
    begin = chart.index("a#tv-attr-logo{")
    style = chart[begin : chart.index('"', begin)].encode()
    assert f"'{sha256(style)}'" in Assets(STATIC).policy(b"")


def test_a_file_is_compressed_for_who_takes_it(folder: Path) -> None:
    plain = served(folder, "/static/a.mjs")
    packed = served(folder, "/static/a.mjs", accept_encoding="br, gzip;q=0.8")
    assert plain.headers["content-type"].startswith("text/javascript")
    assert "content-encoding" not in plain.headers
    assert packed.headers["content-encoding"] == "gzip"
    assert gzip.decompress(packed.body) == plain.body
    refusing = served(folder, "/static/a.mjs", accept_encoding="gzip;q=0")
    assert "content-encoding" not in refusing.headers


def test_who_has_the_file_is_not_sent_it_again(folder: Path) -> None:
    etag = served(folder, "/static/a.mjs").headers["etag"]
    again = served(folder, "/static/a.mjs", if_none_match=f'"x", W/{etag}')
    assert (again.status, again.body) == (304, b"")
    assert served(folder, "/static/a.mjs", if_none_match=" * ").status == 304
    for other in ('"x"', "", '"*"', f'"*", {etag[:-2]}"'):
        assert served(folder, "/static/a.mjs", if_none_match=other).status == 200


@pytest.mark.parametrize(
    "path",
    ["/static/../secret", "/static/", "/static//etc/passwd", "/static/%2e%2e/secret", "/static/b"],
)
def test_no_path_leads_out_of_the_folder(folder: Path, path: str) -> None:
    assert served(folder, path).status == 404


def test_without_a_folder_there_is_nothing(tmp_path: Path) -> None:
    assert served(tmp_path / "none", "/static/index.html").status == 404
    assert Assets(tmp_path / "none").read("index.html") == b""

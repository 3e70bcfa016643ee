"""The runbook's nginx, as it stands there but for addresses, before the shared installation."""

import asyncio
import json
import ssl
import subprocess
from collections.abc import Iterator
from pathlib import Path
from urllib.request import urlopen

import pytest
import websockets

from bus.settings import ROOT
from tests import needed
from tests.e2e.stack import Stack
from tests.e2e.test_readme import block_with
from tests.eventually import eventually
from tests.surroundings import free_ports

pytestmark = pytest.mark.e2e

NAME = "localhost"
PROXY = "the runbook's proxy was"
NGINX = """
daemon off;
pid {folder}/pid;
error_log {folder}/error.log;
events {{}}
http {{
    access_log off;
    {paths}
    {server}
}}
"""
KINDS = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")


class Proxy:
    """An nginx in front of an installation."""

    def __init__(self, url: str, trusted: ssl.SSLContext) -> None:
        self.url = url
        self.trusted = trusted


def certificate(folder: Path) -> ssl.SSLContext:
    """Make a certificate that signs itself; return what trusts it."""
    key, made = str(folder / "key.pem"), str(folder / "certificate.pem")
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"]
    command += ["-keyout", key, "-out", made, "-subj", f"/CN={NAME}"]
    command += ["-addext", f"subjectAltName=DNS:{NAME}"]
    subprocess.run(command, check=True, capture_output=True)
    return ssl.create_default_context(cafile=made)


@pytest.fixture(scope="module")
def proxy(demo: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxy]:
    nginx = needed.program("nginx", PROXY)
    needed.program("openssl", PROXY)
    folder = tmp_path_factory.mktemp("nginx")
    trusted = certificate(folder)
    (port,) = free_ports(1)
    server = block_with((ROOT / "docs" / "runbook.md").read_text("utf-8"), "nginx", "proxy_pass")
    for there, here in (
        ("listen 443", f"listen 127.0.0.1:{port}"),
        ("/etc/ssl/ticks.example.pem", str(folder / "certificate.pem")),
        ("/etc/ssl/ticks.example.key", str(folder / "key.pem")),
        ("ticks.example", NAME),
        ("http://127.0.0.1:8000", demo.url),
    ):
        assert there in server
        server = server.replace(there, here)
    paths = "".join(f"{kind}_temp_path {folder}/{kind};" for kind in KINDS)
    configuration = folder / "nginx.conf"
    configuration.write_text(NGINX.format(folder=folder, paths=paths, server=server))
    running = subprocess.Popen([nginx, "-c", str(configuration)], stderr=subprocess.DEVNULL)
    made = Proxy(f"https://{NAME}:{port}", trusted)

    def answers() -> bool:
        assert running.poll() is None, (folder / "error.log").read_text()
        try:
            with urlopen(made.url + "/health/live", context=trusted, timeout=5):
                return True
        except OSError:
            return False

    try:
        eventually(answers, within=10)
        yield made
    finally:
        running.terminate()
        running.wait(10)


def test_routes_answer_with_the_id_that_the_proxy_gave(proxy: Proxy) -> None:
    with urlopen(proxy.url + "/api/last?symbols=BTC", context=proxy.trusted, timeout=10) as answer:
        assert len(answer.headers["X-Request-Id"]) == 32
        assert "max-age" in answer.headers["Strict-Transport-Security"]
        assert json.load(answer)["BTCUSD"]["price"] > 0


def test_events_come_as_they_happen(proxy: Proxy) -> None:
    with urlopen(proxy.url + "/sse/quotes", context=proxy.trusted, timeout=10) as stream:
        ticks = 0
        while ticks < 5:
            ticks += b'"type":"tick"' in stream.readline()


def test_our_page_may_open_a_websocket_and_a_foreign_one_may_not(proxy: Proxy) -> None:
    address = proxy.url.replace("https", "wss") + "/ws"

    async def first_trade(origin: str) -> str:
        opened = websockets.connect(address, ssl=proxy.trusted, origin=websockets.Origin(origin))
        async with opened as socket:
            await socket.send('{"type":"subscribe","symbols":["BTC-USD"],"channel":"trade"}')
            async for text in socket:
                if json.loads(text)["type"] == "trade_update":
                    return str(text)
        return ""

    assert '"BTC-USD"' in asyncio.run(asyncio.wait_for(first_trade(proxy.url), 10))
    with pytest.raises(websockets.InvalidStatus, match="403"):
        asyncio.run(asyncio.wait_for(first_trade("https://elsewhere.example"), 10))

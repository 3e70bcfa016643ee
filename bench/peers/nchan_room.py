"""nchan: nginx's module for publish and subscribe, in C. One worker; one message by POST per beat.

Debian's packages are ``nginx`` and ``libnginx-mod-nchan``. nginx runs with a folder of its own and
without the system's configuration; only its processes are measured, not this one, which posts.
"""

import asyncio
import http.client
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from bench.peers.rhythm import asked, beat, message, ready
from tests.surroundings import with_us

MODULES = Path("/usr/lib/nginx/modules")
STARTED_WITHIN_S = 10.0
_CONFIGURATION = """
load_module {modules}/ngx_nchan_module.so;
{user}
daemon off;
worker_processes 1;
worker_rlimit_nofile 20000;
pid {folder}/nginx.pid;
error_log {folder}/error.log warn;
events {{ worker_connections 19000; }}
http {{
  access_log off;
  client_body_temp_path {folder}/body;
  proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi;
  scgi_temp_path {folder}/scgi;
  server {{
    listen 127.0.0.1:{port} backlog=4096;
    location = /room {{
      nchan_subscriber websocket;
      nchan_channel_id room;
      nchan_subscriber_first_message newest;
    }}
    location = /publish {{
      nchan_publisher;
      nchan_channel_id room;
      nchan_message_buffer_length 1;
    }}
  }}
}}
"""


def listens(port: int) -> bool:
    """True when somebody does."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def main() -> None:
    """Serve until ended."""
    wish = asked()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))  # so that nginx is ended too
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        user = "user root;" if os.getuid() == 0 else ""
        file = folder / "nginx.conf"
        file.write_text(
            _CONFIGURATION.format(modules=MODULES, user=user, folder=folder, port=wish.port)
        )
        nginx = subprocess.Popen([*with_us(), "nginx", "-p", name, "-c", str(file)])
        try:
            until = time.monotonic() + STARTED_WITHIN_S
            while not listens(wish.port):
                if nginx.poll() is not None or time.monotonic() > until:
                    raise SystemExit("nginx does not start: what it said stands above")
                time.sleep(0.05)
            post(wish.port, wish.rate, wish.bytes, nginx.pid)
        finally:
            nginx.terminate()
            nginx.wait(10)


def post(port: int, rate: float, size: int, pid: int) -> None:
    """Post a message at every beat, over one connection."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)

    def tell() -> None:
        connection.request("POST", "/publish", message(size))
        connection.getresponse().read()

    ready(pid)
    asyncio.run(beat(rate, tell))


if __name__ == "__main__":
    main()

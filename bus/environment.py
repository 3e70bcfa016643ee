"""What the environment says in more than one name, and the ``.env`` file below it.

Comes in: names and texts. Goes out: one value made of several names, or ``SettingError``.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import quote, urlsplit

from bus import values
from bus.errors import SettingError

REPLACED = {
    "REDIS_URL": "nothing is needed: ZeroMQ and the journal carry what Redis did",
    "KAFKA_BROKERS": "nothing is needed: the journal is the log",
    "CLICKHOUSE_HOST": "set DATABASE_URL to a PostgreSQL",
    "NODE_ENV": "set ENVIRONMENT",
    "ANALYSIS_SERVICE_URL": "nothing is needed: the web process answers",
    "VITE_API_BASE": "nothing is needed: pages and API share one origin",
    "VITE_WS_URL": "nothing is needed: pages and API share one origin",
    "NEXT_PUBLIC_WS_URL": "nothing is needed: pages and API share one origin",
    "REACT_APP_API_URL": "nothing is needed: pages and API share one origin",
    "REACT_APP_WS_URL": "nothing is needed: pages and API share one origin",
}
"""Names that users of other trackers set, and what takes their place here."""


def read_env_file(path: Path) -> dict[str, str]:
    """Return the ``KEY=value`` lines of a file; none where there is no file.

    Quotes around a value are taken off; without them a value ends where `` #`` begins.

    Raises:
        SettingError: it cannot be read, or a line is something else.
    """
    found: dict[str, str] = {}
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return found
    except (OSError, UnicodeDecodeError) as error:
        raise SettingError(
            str(path.name), f"cannot be read ({error})", "mend or remove the file"
        ) from None
    for number, raw in enumerate(lines, 1):
        line = raw.strip()
        if not line or line.startswith("#"):
            continue
        key, equals, value = line.removeprefix("export ").partition("=")
        if not equals or not key.strip().isidentifier():
            raise SettingError(path.name, f"line {number} sets nothing", "write KEY=value")
        found[key.strip()] = _unquoted(value.strip())
    return found


def _unquoted(value: str) -> str:
    if value[:1] in ("'", '"') and (end := value.find(value[0], 1)) > 0:
        rest = value[end + 1 :].strip()
        if not rest or rest.startswith("#"):
            return value[1:end]
    return "" if value.startswith("#") else re.split(r"\s#", value, maxsplit=1)[0].rstrip()


def from_timescale(environ: Mapping[str, str]) -> str | None:
    """Return the database's address that ``TIMESCALE_…`` make, None where they are not set.

    Raises:
        SettingError: the port is none.
    """
    host = environ.get("TIMESCALE_HOST", "").strip()
    if not host:
        return None
    user = quote(environ.get("TIMESCALE_USER", "postgres"), safe="")
    password = quote(environ.get("TIMESCALE_PASSWORD", ""), safe="")
    name = quote(environ.get("TIMESCALE_DATABASE", "postgres"), safe="")
    port = environ.get("TIMESCALE_PORT", "5432").strip()
    try:
        values.integer(1, 65535)(port)
    except values.Wrong as wrong:
        raise SettingError("TIMESCALE_PORT", wrong.found, wrong.advice) from None
    return f"postgresql://{user}{':' + password if password else ''}@{host}:{port}/{name}"


def addresses(environ: Mapping[str, str]) -> dict[str, str]:
    """Return ``<EXCHANGE>_WS_URL`` and ``<EXCHANGE>_REST_URL`` that are set, by that name.

    Raises:
        SettingError: one of them is no address.
    """
    found = {}
    given = dict(environ)
    if url := given.pop("COINGECKO_API_URL", ""):
        given["COINGECKO_REST_URL"] = url
    for key, value in given.items():
        kind = re.fullmatch(r"[A-Z][A-Z0-9]*_(WS|REST)_URL", key)
        if not kind or not value.strip() or key in REPLACED:
            continue
        wanted = ("ws", "wss") if kind[1] == "WS" else ("http", "https")
        try:
            parts = urlsplit(value.strip())
            good = parts.scheme in wanted and bool(parts.hostname) and parts.port != 0
        except ValueError:  # a bracket that does not close, a port that is no number
            good = False
        if not good:
            raise SettingError(
                key,
                repr(value),
                f"give an address that begins with {wanted[1]}:// or {wanted[0]}://",
            )
        found[key] = value.strip().rstrip("/")
    return found

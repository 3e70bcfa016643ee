"""The tap from a terminal: ``python -m bus.tap 'trade.binance.'`` prints it.

``python -m bus.tap keygen NAME`` makes a key for a client on another machine. Comes in: the command
line and the settings. Goes out: a line for each message or trade on standard output, sentences on
standard error; exit 2 and one line when something is wrong.
"""

import argparse
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

import msgspec

from bus import settings as settings_module
from bus import tap_keys, values
from bus.errors import SettingError
from bus.tap_subscriber import Keys, Tap

EPILOG = """\
topics: trade. ticker. candle.INTERVAL. average., each followed by EXCHANGE.SYMBOL., status. by
EXCHANGE., consolidated. by ASSET.; a beginning of one means all that begin so.

python -m bus.tap keygen NAME   makes a key for a client called NAME, for a tap that is open to
                                other machines, and says who needs which file
"""
ENDPOINT = re.compile(
    r"tcp://([^:/\s]+|\[[0-9a-fA-F:.]+\]):(?P<port>[0-9]{1,5})|ipc://.+", re.ASCII
)


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        """Say it in one line and exit 2."""
        print(f"tickwire: {message}; see --help", file=sys.stderr)
        sys.exit(2)


def _count(text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,12}", text, re.ASCII):
        raise argparse.ArgumentTypeError(f"{text!r} is no number of lines")
    return int(text)


def _endpoint(text: str) -> str:
    found = ENDPOINT.fullmatch(text)
    if not found or (found["port"] is not None and not 1 <= int(found["port"]) <= 65535):
        raise argparse.ArgumentTypeError(f"{text!r}; give tcp://ADDRESS:PORT")
    return text


def _topic(text: str) -> str:
    try:
        text.encode()
    except UnicodeEncodeError:
        raise argparse.ArgumentTypeError(f"{text!r} is not UTF-8") from None
    return text


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = _Parser(
        prog="python -m bus.tap",
        description="Print what tickwire's ZeroMQ feed says, as it comes.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "topic",
        nargs="*",
        type=_topic,
        default=[""],
        help="topics or their beginnings: trade.binance. ticker. candle.1m. (all)",
    )
    parser.add_argument("--json", action="store_true", help="one JSON object a line")
    parser.add_argument("--count", type=_count, default=0, help="stop after so many lines")
    parser.add_argument("--endpoint", type=_endpoint, help="the tap's address (TAP_ENDPOINT)")
    parser.add_argument("--key", type=Path, metavar="FILE", help="your own NAME.key_secret")
    parser.add_argument(
        "--server-key", type=Path, metavar="FILE", help="the tap's server.key, with --key"
    )
    return parser.parse_args(arguments)


def _keys(chosen: argparse.Namespace) -> Keys | None:
    """Return the keys that were named.

    Raises:
        SettingError: one is missing, or its file is none.
    """
    if chosen.key is None and chosen.server_key is None:
        return None
    for option, path in (("--key", chosen.key), ("--server-key", chosen.server_key)):
        if path is None:
            raise SettingError(option, "missing", "give --key and --server-key together")
    try:
        pair = tap_keys.read_pair(chosen.key)
    except ValueError as error:
        raise SettingError("--key", f"{chosen.key} {error}", "give NAME.key_secret") from None
    try:
        return Keys(*pair, tap_keys.read_public(chosen.server_key))
    except ValueError as error:
        raise SettingError(
            "--server-key", f"{chosen.server_key} {error}", "give the tap's server.key"
        ) from None


def _print(message: dict[str, Any], topic: str, *, as_json: bool) -> int:
    """Print one message, a line for each trade in it; return the number of lines."""
    rows = [message]
    if message["type"] == "trades":
        shared = {key: value for key, value in message.items() if key != "trades"}
        rows = [{**shared, "type": "trade", **trade} for trade in message["trades"]]
    for row in rows:
        if as_json:
            print(msgspec.json.encode(row).decode())
        else:
            print(topic, " ".join(f"{key}={value}" for key, value in row.items() if key != "type"))
    return len(rows)


def _say(sentence: str) -> None:
    print(f"tickwire: {sentence}", file=sys.stderr, flush=True)


def listen(arguments: Sequence[str] | None) -> int:
    """Print the feed until interrupted, or until ``--count`` lines.

    Raises:
        SettingError: an option or a setting is wrong.
    """
    chosen = _parse(arguments)
    keys = _keys(chosen)
    tap = Tap(chosen.endpoint or settings_module.load().tap_endpoint, chosen.topic, keys)
    lines = 0
    try:
        for topic, message in tap.messages(_say):
            lines += _print(message, topic, as_json=chosen.json)
            sys.stdout.flush()
            if 0 < chosen.count <= lines:
                break
    except (KeyboardInterrupt, BrokenPipeError):
        pass  # the reader has had enough
    finally:
        tap.close()
    return 0


def keygen(arguments: Sequence[str]) -> int:
    """Make and authorise a client's key; say where the files are and who needs which.

    Raises:
        SettingError: the name cannot be used, or TAP_KEYS_DIR.
    """
    parser = _Parser(
        prog="python -m bus.tap keygen",
        description="Make a key for a client on another machine, and authorise it at once.",
    )
    parser.add_argument(
        "name", metavar="NAME", help="what to call the client: letters, digits, - _"
    )
    name = parser.parse_args(arguments).name
    settings = settings_module.load()
    files = tap_keys.authorise(settings.tap_keys_dir, name)
    address = settings.tap_endpoint
    print(f"{name} may subscribe to the tap from now on.")
    print(f"{files.secret} is its secret key: hand it to {name} alone, then delete it here.")
    print(f"{files.server} is the tap's public key: give it to {name} too.")
    print(
        f"{files.public} lets {name} in: it stays here. Deleting it shuts {name} out from its next"
        " connection on; restart the tap to end the present one."
    )
    print(
        f"{name} then runs: python -m bus.tap --endpoint tcp://THIS-MACHINE:"
        f"{address.rpartition(':')[2]} --key {files.secret.name} --server-key {files.server.name}"
    )
    if values.is_loopback(address):
        print(
            f"TAP_ENDPOINT is {address}, which only this machine reaches and which takes no keys:"
            f" set it to tcp://0.0.0.0:{address.rpartition(':')[2]} and restart."
        )
    return 0


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what the command line says; return the exit code."""
    given = sys.argv[1:] if arguments is None else arguments
    try:
        return keygen(given[1:]) if given[:1] == ["keygen"] else listen(given)
    except SettingError as error:
        _say(str(error))
        return 2


if __name__ == "__main__":
    sys.exit(main())

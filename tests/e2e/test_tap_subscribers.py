"""The subscribers of docs/tap.md with keys: the present state for who joins late, holes found."""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from bus.messages import TradeBatch
from bus.settings import ROOT
from bus.tap_keys import authorise
from bus.tap_subscriber import Keys
from tests.e2e.subscribers import LANGUAGES, Language, written
from tests.eventually import eventually
from tests.procs.tapping import SYMBOL, Tapped, made_trade, taken

pytestmark = pytest.mark.e2e
PRINTED_WITHIN_S = 20


class Locked(NamedTuple):
    """A tap that demands keys, and a folder with programs."""

    tap: Tapped
    folder: Path
    environment: dict[str, str]
    keys: Keys


@pytest.fixture(scope="module")
def locked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Locked]:
    with Tapped(tmp_path_factory.mktemp("locked"), "0.0.0.0") as tap:
        files = authorise(tap.keys_dir, "reader")
        named = {"TAP_KEY": str(files.secret), "TAP_SERVER_KEY": str(files.server)}
        folder = written(tmp_path_factory.mktemp("programs"))
        yield Locked(tap, folder, {**tap.environment, **named}, tap.authorise("early"))


def started(locked: Locked, command: list[str]) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        command,
        cwd=ROOT,
        env=locked.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@LANGUAGES
def test_who_joins_late_with_a_key_is_given_the_present_state(
    locked: Locked, language: Language
) -> None:
    tap = locked.tap
    price = f"{tap.trade()}.25"
    with tap.client(locked.keys, [b"ticker."]) as early:

        def shown() -> bool:
            tap.ticker(price)
            return any(one["price"] == price for _, one in taken(early, 50))

        eventually(shown, within=10)
    command = language(locked.folder, tap.endpoint, 1, "ticker.binance.")
    with started(locked, command) as late:
        out, err = late.communicate(timeout=PRINTED_WITHIN_S)
    assert (late.returncode, err) == (0, "")
    row = json.loads(out)
    assert (row["type"], row["symbol"], row["price"]) == ("ticker", SYMBOL, price)


@LANGUAGES
def test_a_subscriber_notices_a_hole_and_only_a_hole(locked: Locked, language: Language) -> None:
    tap = locked.tap
    asked = tap.next_beat().counters.get("subscriptions", 0)
    with started(locked, language(locked.folder, tap.endpoint, 4, "trade.x.")) as reader:
        eventually(lambda: tap.counter("subscriptions") > asked, within=PRINTED_WITHIN_S)
        for seq, before in ((3, 1), (4, 3), (9, 7), (10, 9)):
            batch = TradeBatch("x", 5, seq, [made_trade(seq)], {SYMBOL: before})
            tap.publish(b"batch.x.", batch)
        out, err = reader.communicate(timeout=PRINTED_WITHIN_S)
    assert reader.returncode == 0
    assert [json.loads(line)["trade_id"] for line in out.splitlines()] == [3, 4, 9, 10]
    (sentence,) = err.splitlines()
    assert sentence.startswith("hole in ")
    assert SYMBOL in sentence

"""Every exchange that there is a file for, held to the contract on its own recordings."""

import pytest

from procs.feed import exchanges
from tests.exchanges.contract import CHECKS, Check, read
from tests.fix_recordings import Recording, own


@pytest.mark.parametrize("name", exchanges.names())
def test_every_exchange_has_a_recording(name: str) -> None:
    assert own(name), f"record one: tests/recordings/{name}/<symbols>.txt.zst"


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: str(check.__name__))
@pytest.mark.parametrize("recording", own(), ids=str)
def test_every_exchange_keeps_its_promises(recording: Recording, check: Check) -> None:
    check(exchanges.load(recording.exchange), read(recording))

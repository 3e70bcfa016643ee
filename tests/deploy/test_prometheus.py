"""The configuration for Prometheus: it is valid, and asks for metrics that there are."""

import re
import subprocess
from pathlib import Path

from bus.messages import ProgramState, ProgramTable
from bus.settings import ROOT, load
from tests import needed
from tests.web.messages import NOW, status, ticker
from tests.web.scraping import beat, scrape, web

FOLDER = ROOT / "deploy" / "prometheus"
ALERTS = FOLDER / "alerts.yml"
CASES = Path(__file__).parent / "alerts.yml"


def names_in(path: Path) -> set[str]:
    """The names of metrics that a file of rules or of cases mentions."""
    return set(re.findall(r"\btickwire_[a-z_]+", path.read_text(encoding="utf-8")))


def promtool(*arguments: str | Path) -> None:
    """Run promtool (Debian: prometheus), which must find nothing wrong."""
    found = needed.program("promtool", "the alerts were")
    done = subprocess.run(
        [found, *map(str, arguments)], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_alerts_ask_only_for_metrics_that_there_are() -> None:
    table = ProgramTable(NOW, [ProgramState("feed-binance", "RUNNING", 1, NOW, 0, "")])
    beats = [beat(name) for name in ("feed-binance", "persister", "aggregator")]
    found = scrape(*beats, web("web-1"), status(), ticker(), table)
    asked = names_in(ALERTS)
    assert len(asked) > 10
    assert asked - found.names == set()


def test_every_alert_has_a_case_in_which_it_fires() -> None:
    alerts = re.findall(r"- alert: (\w+)", ALERTS.read_text(encoding="utf-8"))
    fired = re.findall(r'alertname="(\w+)"', CASES.read_text(encoding="utf-8"))
    assert sorted(alerts) == sorted(fired)
    assert len(alerts) == len(set(alerts)) > 10


def test_the_target_is_where_tickwire_listens_by_default() -> None:
    settings = load({})
    text = (FOLDER / "prometheus.yml").read_text(encoding="utf-8")
    assert f'targets: ["{settings.host}:{settings.port}"]' in text


def test_promtool_accepts_the_configuration() -> None:
    promtool("check", "config", FOLDER / "prometheus.yml")


def test_each_alert_fires_when_it_should_and_only_then() -> None:
    promtool("test", "rules", CASES)

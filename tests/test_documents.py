"""The documents for people: what they say of messages, sockets and alarms is what there is."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from bus import messages, topics, wiring
from bus.settings import ROOT
from web import app

STRUCTS = {
    name: value
    for name, value in vars(messages).items()
    if isinstance(value, type) and issubclass(value, msgspec.Struct)
}
ERROR_CALLS = ("error", "exception", "critical")
_PATH = re.compile(r"(bus|market|store|procs|web|tests|bench|docs|deploy|\.ci)/[\w./-]+")
MADE_UP = {"procs/feed/exchanges/acme.py"}
DOCUMENTS = sorted(
    str(path.relative_to(ROOT))
    for path in [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *ROOT.glob("deploy/**/*.md")]
)
_LINK = re.compile(r"\[[^\]]+\]\(([^)#\s]+)[^)]*\)")


def text_of(name: str) -> str:
    """Return a document."""
    return (ROOT / name).read_text(encoding="utf-8")


def cells_of(text: str, first: str) -> list[str]:
    """Return the cells of the one table row that begins with this code span."""
    rows = [line for line in text.splitlines() if line.startswith(f"| `{first}` |")]
    assert len(rows) == 1, f"{len(rows)} rows begin with {first}"
    return [cell.strip() for cell in rows[0].strip("|").split("|")]


def spans(cell: str) -> list[str]:
    """Return what stands in code spans."""
    return re.findall(r"`([^`]+)`", cell)


def alarms() -> Iterator[tuple[str, Path]]:
    """Yield the name of every event that is logged as an error, and where."""
    for folder in ("bus", "market", "store", "procs", "web"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            if "node_modules" in path.parts or path == ROOT / "bus" / "log.py":
                continue  # log.py passes on what others say
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if (
                    isinstance(node, ast.Call)
                    and isinstance(node.func, ast.Attribute)
                    and node.func.attr in ERROR_CALLS
                    and "log" in ast.unparse(node.func.value).lower()
                    and node.args
                ):
                    first = node.args[0]
                    assert isinstance(first, ast.Constant), f"{path.name}:{node.lineno}"
                    yield str(first.value), path


@pytest.mark.parametrize("name", STRUCTS)
def test_each_message_is_documented_with_its_fields_in_order(name: str) -> None:
    _, tag_or_place, fields = cells_of(text_of("docs/wire-format.md"), name)
    struct = STRUCTS[name]
    assert spans(fields) == list(struct.__struct_fields__)
    if struct.__struct_config__.tag is not None:
        assert spans(tag_or_place) == [struct.__struct_config__.tag]


def test_each_topic_is_documented() -> None:
    text = text_of("docs/wire-format.md")
    written = {
        name: function
        for name, function in vars(topics).items()
        if callable(function) and getattr(function, "__module__", "") == topics.__name__
    }
    assert written
    for name, function in written.items():
        names = ("exchange", "symbol", "program", "asset")
        arguments = {name: f"<{name}>" for name in names}
        given = {key: arguments.get(key, 60) for key in function.__annotations__ if key != "return"}
        topic = function(**given).decode().replace(".1m.", ".<interval>.")
        assert spans(cells_of(text, name)[1]) == [topic]
    assert spans(cells_of(text, "PROGRAMS")[1]) == [topics.PROGRAMS.decode()]


def test_each_socket_is_documented_with_its_limits() -> None:
    text = text_of("docs/wire-format.md")
    wires = {name: one for name, one in vars(wiring).items() if isinstance(one, wiring.Wire)}
    assert wires
    for name, wire in wires.items():
        _, kind, _, _, hwm, size, full = cells_of(text, name)
        assert kind.split(" → ") in ([wire.binds, wire.connects], [wire.connects, wire.binds])
        assert int(hwm) == wire.hwm
        amount, unit = size.split()
        assert int(amount) << {"B": 0, "KiB": 10, "MiB": 20}[unit] == wire.size_max
        assert full == wire.when_full


def test_each_alarm_stands_in_the_runbook_with_what_to_do() -> None:
    text = text_of("docs/runbook.md")
    found = dict(alarms())
    assert "journal.full" in found
    for event in found:
        cells = cells_of(text, event)
        assert len(cells) == 3
        assert len(cells[2]) > 20, f"{event} does not say what to do"


def test_the_runbook_has_no_alarm_that_nobody_raises() -> None:
    section = text_of("docs/runbook.md").split("\n## Alarms\n")[1].split("\n## ")[0]
    listed = {spans(line)[0] for line in section.splitlines() if line.startswith("| `")}
    assert listed == {event for event, _ in alarms()}


def test_each_alert_of_prometheus_stands_in_the_runbook_and_no_other() -> None:
    rules = text_of("deploy/prometheus/alerts.yml")
    section = text_of("docs/runbook.md").split("\n## Alerts\n")[1].split("\n## ")[0]
    listed = re.findall(r"^\| `(\w+)` \| .{10}", section, re.MULTILINE)
    assert sorted(listed) == sorted(re.findall(r"- alert: (\w+)", rules))
    assert listed


def test_the_readme_names_every_route_and_stream() -> None:
    rows = [line for line in text_of("README.md").splitlines() if line.startswith("| `")]
    readme = " ".join(span for row in rows for span in spans(row.split("|")[1]))
    paths = [endpoint.template for endpoint in app.endpoints()]
    paths += [stream.path for stream in app.streams()]
    assert [path for path in paths if not re.search(rf"{re.escape(path)}(?![/\w])", readme)] == []


@pytest.mark.parametrize("name", DOCUMENTS)
def test_links_between_documents_lead_somewhere(name: str) -> None:
    folder = (ROOT / name).parent
    links = [link for link in _LINK.findall(text_of(name)) if "://" not in link]
    assert [link for link in links if not (folder / link).exists()] == []


@pytest.mark.parametrize("name", DOCUMENTS)
def test_files_that_a_document_names_are_there(name: str) -> None:
    prose = re.sub(r"^```.*?^```$", "", text_of(name), flags=re.MULTILINE | re.DOTALL)
    paths = {span for span in spans(prose) if _PATH.fullmatch(span)} - MADE_UP
    assert [path for path in paths if not (ROOT / path).exists()] == []

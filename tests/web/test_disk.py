"""What the file system says of the journals."""

from pathlib import Path

from bus.settings import Settings
from web.disk import disk


def test_the_files_of_each_exchange_are_added_up(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path)
    settings.journal_dir.mkdir(parents=True)
    for name, size in (("binance.db", 10), ("binance.db-wal", 5), ("coinbase.db", 7)):
        (settings.journal_dir / name).write_bytes(b"x" * size)
    found = disk(settings)
    assert found.journals == {"binance": 15, "coinbase": 7}
    assert found.free_bytes is not None
    assert found.total_bytes is not None
    assert 0 <= found.free_bytes <= found.total_bytes


def test_a_file_that_vanishes_while_it_is_looked_at_leaves_the_others(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path)
    settings.journal_dir.mkdir(parents=True)
    for number in range(5):
        # It is listed and has no size, as a file that has just gone.
        (settings.journal_dir / f"gone-{number}.db").symlink_to("nowhere")
        (settings.journal_dir / f"exchange-{number}.db").write_bytes(b"x")
    assert disk(settings).journals == {f"exchange-{number}": 1 for number in range(5)}


def test_without_a_folder_nothing_is_known(tmp_path: Path) -> None:
    found = disk(Settings(data_dir=tmp_path / "none"))
    assert (found.free_bytes, found.total_bytes, found.journals) == (None, None, {})

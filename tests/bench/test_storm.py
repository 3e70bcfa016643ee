"""What Postgres' log says was asked on connections that are new."""

from bench.fanout.storm import statements

LOG = """\
100|LOG:  statement: BEGIN
205|LOG:  statement: SELECT 1
205|LOG:  execute _pg3_0: SELECT exchange FROM candle
205|DETAIL:  Parameters: $1 = 'x'
100|LOG:  execute <unnamed>: INSERT INTO trade
206|LOG:  checkpoint starting: time
"""


def test_only_statements_of_new_connections_count() -> None:
    assert statements(LOG, {100}) == ["SELECT 1", "SELECT exchange FROM candle"]


def test_of_known_connections_nothing_counts_and_without_them_all_does() -> None:
    assert statements(LOG, {100, 205}) == []
    assert len(statements(LOG, set())) == 4

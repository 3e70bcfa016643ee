"""What Postgres' log says that the web processes have asked."""

from bench.fanout.storm import statements

LOG = """\
2026-11-20 21:28:35.677 UTC [71] tickwire-web LOG:  statement: SELECT 1
2026-11-20 21:28:35.680 UTC [71] tickwire-web LOG:  execute <unnamed>: \n\tSELECT 3
2026-11-20 21:28:35.680 UTC [71] tickwire-web DETAIL:  Parameters: $1 = 'binance'
2026-11-20 21:28:35.681 UTC [66] tickwire-persister LOG:  statement: BEGIN
2026-11-20 21:28:35.681 UTC [12]  LOG:  checkpoint starting: time
2026-11-20 21:28:35.690 UTC [71] tickwire-web LOG:  execute _pg3_0: SELECT 2
"""


def test_every_statement_of_a_web_process_counts_and_no_other_line_does() -> None:
    assert statements(LOG) == ["SELECT 1", "", "SELECT 2"]
    assert (
        statements("\n".join(line for line in LOG.splitlines() if "tickwire-web" not in line)) == []
    )

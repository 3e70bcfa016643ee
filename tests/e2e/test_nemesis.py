"""What a seed decides: which faults, in which order, and none that was not asked for."""

from tests.e2e.nemesis import DISKS, KINDS, NEVER_HUNG, Fault, plan

PROGRAMS = ("feed-binance", "persister", "postgres", "web-0", "web-1")
EXCHANGES = ("binance", "coinbase")


def faults(seed: int, *, without: frozenset[str] = frozenset()) -> list[Fault]:
    return plan(seed, PROGRAMS, EXCHANGES, seconds=6000, every_s=1.5, without=without.__contains__)


def test_the_same_seed_makes_the_same_faults_and_another_one_others() -> None:
    assert faults(1) == faults(1)
    assert faults(1) != faults(2)


def test_every_kind_comes_in_the_long_run_and_meets_every_target() -> None:
    found = faults(3)
    assert {one.kind for one in found} == set(KINDS)
    for kind, targets in (("kill -9", PROGRAMS), ("cut", EXCHANGES)):
        assert {one.target for one in found if one.kind == kind} == set(targets)
    assert {one.target for one in found if one.kind == "hung"}.isdisjoint(NEVER_HUNG)
    assert 3700 < len(found) < 4300


def test_everybody_and_the_root_is_killed_ended_and_stopped() -> None:
    found = faults(3)
    for kind in ("kill -9", "SIGTERM", "SIGSTOP"):
        assert {one.target for one in found if one.kind == kind} == set(PROGRAMS)
    root = {"kill -9 of supervisord", "SIGTERM of supervisord", "supervisord stopped"}
    assert root <= {one.kind for one in found}


def test_what_cannot_be_done_here_does_not_come() -> None:
    assert {one.kind for one in faults(3, without=frozenset(DISKS))} == set(KINDS) - DISKS


def test_a_fault_says_itself_in_one_line() -> None:
    one = Fault(3.25, "SIGSTOP", "persister", 2.5, 0.0)
    assert str(one) == "    3.25 s  SIGSTOP persister for 2.50 s"

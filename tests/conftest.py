"""What every test may use: fixtures by theme."""

from hypothesis import HealthCheck, settings

# How fast the machine is says nothing about the code.
settings.register_profile(
    "any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("any machine")

pytest_plugins = [
    "tests.fix_postgres",
    "tests.fix_decimals",
    "tests.fix_disk",
    "tests.fix_recordings",
    "tests.e2e.fix_stack",
    "tests.procs.fix_aggregator",
    "tests.procs.fix_connection",
    "tests.procs.fix_persister",
    "tests.web.fix_api",
]

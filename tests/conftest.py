"""What every test may use: fixtures by theme."""

pytest_plugins = [
    "tests.fix_postgres",
    "tests.fix_decimals",
    "tests.fix_disk",
    "tests.fix_recordings",
    "tests.e2e.fix_stack",
    "tests.procs.fix_connection",
    "tests.procs.fix_persister",
    "tests.web.fix_api",
]

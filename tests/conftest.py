"""What every test may use: fixtures by theme."""

pytest_plugins = ["tests.fix_postgres"]

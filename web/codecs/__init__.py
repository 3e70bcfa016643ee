"""How messages look to a client: one file per protocol, pure, pinned byte for byte by tests."""

"""The errors that tickwire raises itself: a small tree.

Each carries its facts as fields, and its text is one sentence with the value that was found.
"""


class TickwireError(Exception):
    """Root of the tree."""


class SettingError(TickwireError):
    """A setting is wrong. Exit 2, and its text is the one line that the operator sees."""

    def __init__(self, key: str, found: str, advice: str) -> None:
        super().__init__(f"{key}: {found}; {advice}")
        self.key = key
        self.found = found
        self.advice = advice


class AnotherInstance(TickwireError):
    """The lock of a singleton is held by another process. Exit 75."""

    def __init__(self, program: str, path: str) -> None:
        super().__init__(f"another {program} holds {path}")
        self.program = program
        self.path = path


class Fenced(TickwireError):
    """The cursor in Postgres is not what this persister believes: another one has written.

    Crash, then recover.
    """


class BadDecimal(TickwireError, ValueError):
    """A price or size that is not a plain finite decimal in bounds; ``reason`` says why."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class BadFrame(TickwireError):
    """A frame that the exchange's parser cannot read: counted, kept to be shown, never fatal."""


class Throttled(BadFrame):
    """An answer which says, with HTTP 200, that too much was asked: the asker has to wait."""


class WrongQuestion(BadFrame):
    """An answer which says, with HTTP 200, that the question was wrong: no use in asking again."""


class UnknownSymbol(TickwireError, LookupError):
    """No configured symbol has that name; ``nearest`` is the closest one that has."""

    def __init__(self, asked: str, nearest: str | None) -> None:
        hint = f", the nearest is {nearest}" if nearest else ""
        super().__init__(f"no symbol {asked!r}{hint}")
        self.asked = asked
        self.nearest = nearest


class NoDollarPrice(UnknownSymbol):
    """A coin is not traded for dollars here; ``nearest`` trades it for something else."""

    def __str__(self) -> str:
        return f"no symbol has {self.asked!r} in dollars, {self.nearest} can be named in full"


class JournalFull(TickwireError):
    """The disk has no room for the record. What was to be appended is not stored."""


class JournalCorrupt(TickwireError):
    """A record whose checksum does not match its bytes. It is never applied."""

    def __init__(self, path: str, seq: int) -> None:
        super().__init__(f"record {seq} of {path} has a wrong checksum")
        self.path = path
        self.seq = seq


class JournalDamaged(TickwireError):
    """A journal's file cannot be read: it is no database any more, or of another tickwire."""


class SchemaNewer(TickwireError):
    """A newer tickwire migrated the database, or a migration file was changed after it ran."""


class WrongDatabaseKind(TickwireError):
    """A simulated tickwire would write into a live database, or the other way round."""

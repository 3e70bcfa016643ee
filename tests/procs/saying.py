"""A log that keeps what is said, to be asked for by event."""

from typing import Any

from bus.log import Log


class Said(Log):
    """Keeps the events instead of writing them."""

    def __init__(self) -> None:
        super().__init__("test")
        self.events: list[tuple[str, str]] = []

    def info(self, event: str, **fields: Any) -> None:
        self.events.append(("info", event))

    def warning(self, event: str, **fields: Any) -> None:
        self.events.append(("warning", event))

    def error(self, event: str, **fields: Any) -> None:
        self.events.append(("error", event))

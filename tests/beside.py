"""Work that goes on beside a test, in threads of its own, as long as a ``with`` lasts."""

import threading
from collections.abc import Callable
from types import TracebackType
from typing import Self


class Beside:
    """To be inherited from. What it does must look at ``ended`` again and again.

    Args:
        works: each is called once, in a thread of its own.
    """

    def __init__(self, *works: Callable[[], None]) -> None:
        self.ended = threading.Event()
        self._threads = [threading.Thread(target=work, name=work.__name__) for work in works]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        where: TracebackType | None,
    ) -> None:
        self.ended.set()
        for thread in self._threads:
            thread.join()

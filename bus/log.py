"""Logs: standard output, one line per event.

A dotted name and key=value pairs, or JSON with ``LOG_FORMAT=json``.

INFO is life cycle and once-a-minute counts, WARNING has mended itself, ERROR needs a person. Never
a line per market message, never a secret. Values are escaped, so that a line break in one cannot
forge a line. What a task has bound (the id of the request it answers) stands in each of its lines,
those of libraries too.
"""

import json
import logging
import os
import sys
import time
from collections.abc import Mapping
from contextvars import ContextVar
from typing import Any

_bound: ContextVar[Mapping[str, Any]] = ContextVar("bound", default={})  # noqa: B039 - read only


def bind(**fields: Any) -> None:
    """Say these fields in every line that is logged from here on in this task."""
    _bound.set({**_bound.get(), **fields})


def _fields(record: logging.LogRecord) -> dict[str, Any]:
    return {**_bound.get(), **getattr(record, "fields", {})}


class _Lines(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        fields = _fields(record)
        stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
        head = f"{stamp}.{int(record.msecs):03d}Z"
        text = record.getMessage()
        pairs = " ".join(f"{key}={_quoted(value)}" for key, value in fields.items())
        line = f"{head} {record.levelname} {record.name} {_quoted(text, bare=True)}"
        line = f"{line} {pairs}" if pairs else line
        if record.exc_info:
            line += " traceback=" + json.dumps(self.formatException(record.exc_info))
        return line


class _Json(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        fields = _fields(record)
        out = {
            "ts": record.created,
            "level": record.levelname,
            "logger": record.name,
            "event": record.getMessage(),
            **fields,
        }
        if record.exc_info:
            out["traceback"] = self.formatException(record.exc_info)
        return json.dumps(out, default=str)


def _quoted(value: Any, *, bare: bool = False) -> str:
    text = str(value)
    if bare and text.isprintable():
        return text
    if text and text.isprintable() and not any(c in text for c in ' "='):
        return text
    return json.dumps(text)


class _QuietStream:
    """Standard output that a reader may have closed: a broken pipe at the end is no error."""

    def write(self, text: str) -> int:
        try:
            return sys.stdout.write(text)
        except BrokenPipeError:
            return len(text)

    def flush(self) -> None:
        try:
            sys.stdout.flush()
        except BrokenPipeError:
            # The interpreter flushes once more at exit; give it something that accepts.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


class Log:
    """A logger for events: ``log.info("feed.connected", exchange="binance", attempt=1)``."""

    def __init__(self, name: str) -> None:
        self._logger = logging.getLogger(name)

    def debug(self, event: str, **fields: Any) -> None:
        """Log what only a developer wants to see."""
        self._logger.debug(event, extra={"fields": fields})

    def info(self, event: str, **fields: Any) -> None:
        """Log life cycle and once-a-minute counts."""
        self._logger.info(event, extra={"fields": fields})

    def warning(self, event: str, **fields: Any) -> None:
        """Log what has mended itself."""
        self._logger.warning(event, extra={"fields": fields})

    def error(self, event: str, **fields: Any) -> None:
        """Log what a person must act on."""
        self._logger.error(event, extra={"fields": fields})

    def exception(self, event: str, **fields: Any) -> None:
        """Log an error with the traceback of the exception being handled."""
        self._logger.exception(event, extra={"fields": fields})


def configure(level: str, form: str) -> None:
    """Send all logs of this process to standard output; ``form`` is ``text`` or ``json``."""
    handler = logging.StreamHandler(_QuietStream())
    handler.setFormatter(_Json() if form == "json" else _Lines())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    logging.raiseExceptions = False

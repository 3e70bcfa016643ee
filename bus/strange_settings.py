"""Names in the environment that look like a setting and are none: said once, at the start.

In come the environment and a log; out go WARNINGs. Nothing is changed by them, and no value is
ever repeated.
"""

from collections.abc import Mapping

from bus import settings
from bus.environment import REPLACED
from bus.log import Log


def warn(environ: Mapping[str, str], log: Log) -> None:
    """Log a WARNING for each name that tickwire replaces, and each one letter off a known one."""
    known = [key for key, _, _ in settings.rows()]
    for key in environ:
        if key in REPLACED:
            log.warning("settings.replaced", key=key, instead=REPLACED[key])
        elif key not in known:
            for name in known:
                if len(name) > 4 and _one_letter_off(key, name):
                    log.warning("settings.unknown", key=key, did_you_mean=name)


def _one_letter_off(a: str, b: str) -> bool:
    if abs(len(a) - len(b)) > 1 or a == b:
        return False
    if len(a) == len(b):
        different = [i for i in range(len(a)) if a[i] != b[i]]
        if len(different) == 1:
            return True
        swapped = len(different) == 2 and different[1] == different[0] + 1
        return swapped and a[different[0]] == b[different[1]] and a[different[1]] == b[different[0]]
    longer, shorter = (a, b) if len(a) > len(b) else (b, a)
    return any(longer[:i] + longer[i + 1 :] == shorter for i in range(len(longer)))

"""One file = one simulated exchange, found by a scan of this folder.

A module ``<name>.py`` has a class ``Exchange`` that satisfies
``procs.simulator.protocol.Exchange``. Text frames go in and come out; no module here touches a
socket or a clock.
"""

import importlib
import pkgutil

from procs.simulator.protocol import Exchange


def exchanges() -> dict[str, Exchange]:
    """Return every exchange that can be simulated, by name."""
    found = {}
    for module in pkgutil.iter_modules(__path__):
        made: Exchange = importlib.import_module(f"{__name__}.{module.name}").Exchange()
        found[made.name] = made
    return found

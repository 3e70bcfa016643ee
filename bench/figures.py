"""How a figure is printed: one JSON line, with the parameters that it was measured with."""

import json
from collections.abc import Sequence


def figure(
    bench: str, impl: str, metric: str, value: float, unit: str, **parameters: object
) -> None:
    """Print one figure, rounded to four significant digits."""
    rounded = float(f"{value:.4g}")
    line = {"bench": bench, "impl": impl, "metric": metric, "value": rounded, "unit": unit}
    print(json.dumps({**line, **parameters}, ensure_ascii=False), flush=True)


def percentile(values: Sequence[float], percent: float) -> float:
    """Return the value that ``percent`` of the sorted values do not pass (nearest rank)."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * percent / 100))]

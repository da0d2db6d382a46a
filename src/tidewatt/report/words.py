"""How figures and tables word rungs and numbers; needs no heavy imports."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from tidewatt.result import money

__all__ = [
    "REASON_NAMES",
    "RUNG_NAMES",
    "STATISTIC_NAMES",
    "amount",
    "at_least",
    "at_most",
    "clock",
    "count",
    "in_money",
    "money_name",
    "money_note",
    "percent",
    "power",
]

RUNG_NAMES = {
    "unmanaged": "unmanaged",
    "session": "session-flexible",
    "coordinated": "mobility-aware",
}
"""What readers call the rungs of the flexibility ladder, lowest first."""

REASON_NAMES = {
    "charged_today": "had already charged on the way that day",
    "no_station_reachable": "no station within reach",
    "ran_empty": "ran empty",
    "within_zone": "drove within the zone, by no station",
}
"""Why vehicles that ran low did not charge on the way, as readers see it."""

STATISTIC_NAMES = {
    "energy_kwh": "daily energy",
    "charges": "charges a day",
    "revenue": "daily revenue",
    "peak_load_kw": "the peak load",
    "mean_wait_min": "the mean wait",
    "mean_detour_min": "the mean detour",
}
"""What beta may watch, as readers see it."""


def amount(value: float, digits: int = 4) -> str:
    """Return a number with the given significant digits and separators: ``12,340`` or ``0.01234``."""
    if not math.isfinite(value):
        return "-" if math.isnan(value) else ("inf" if value > 0 else "-inf")
    if value == 0:
        return "0"
    decimals = digits - 1 - math.floor(math.log10(abs(value)))
    if abs(value) < 1e-4:
        return f"{value:.1e}"
    text = f"{round(value, decimals):,.{max(decimals, 0)}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def at_least(value: float, digits: int = 6) -> str:
    """Return a proved lower bound, rounded down to `digits` significant digits.

    Rounded down, lest more be claimed than proved.
    """
    if not value > 0 or not math.isfinite(value):
        return "0"
    decimals = digits - 1 - math.floor(math.log10(value))
    step = 10.0**-decimals
    return amount(math.floor(value / step * (1 + 1e-15)) * step, digits)


def at_most(value: float, digits: int = 6) -> str:
    """Return a proved upper bound in `digits` significant digits.

    Rounded up, lest more be claimed than proved.
    """
    if not value > 0 or not math.isfinite(value):
        return "0"
    step = 10.0 ** (math.floor(math.log10(value)) - digits + 1)
    return amount(math.ceil(value / step * (1 - 1e-15)) * step, digits)


def power(value_kw: float) -> str:
    """Return a power in the unit that reads best: ``870 kW``, ``12.3 MW``."""
    for factor, unit in ((1e6, "GW"), (1e3, "MW")):
        if abs(value_kw) >= 2 * factor:
            return f"{amount(value_kw / factor, 3)} {unit}"
    return f"{amount(value_kw, 3)} kW"


def percent(share: float) -> str:
    """Return a share as a percentage; small ones are never rounded to nothing: ``42 %``, ``0.083 %``."""
    if 0 < abs(share) < 1e-6:
        return "under 0.0001 %"
    return f"{amount(100 * share, 2 if abs(share) < 0.1 else 3)} %" if not math.isnan(share) else "-"


def count(number: int, noun: str) -> str:
    """Return a number with its noun in the right form: ``1 feeder``, ``2,400 feeders``."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def in_money(number: str, figures: Mapping[str, Any]) -> str:
    """Return a cost with its unit if the scenario gives one: ``1,234 USD``, ``1.5 × 10,000 yuan``."""
    unit = money(figures)
    return f"{number} {'× ' if unit[:1].isdigit() else ''}{unit}".strip()


def money_name(figures: Mapping[str, Any]) -> str:
    """Return the unit of costs, for column heads and figure axes."""
    return money(figures) or "the scenario's money"


def money_note(figures: Mapping[str, Any]) -> list[str]:
    """Return a sentence on the unit of costs if there is no currency; else an empty text."""
    unit = money(figures)
    if unit == "kW":
        return ["Costs are in kW of overload, as no price of an upgrade was given."]
    return [] if unit else ["Costs are in the scenario's currency, which it does not name."]


def clock(minute: float) -> str:
    """Return a minute as a time of day: ``18:05``; on a later day: ``18:05 of day 2``."""
    day, left = divmod(round(minute), 1440)
    return f"{left // 60:02d}:{left % 60:02d}" + (f" of day {day + 1}" if day else "")

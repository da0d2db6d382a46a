"""The rules by which a road network and a grid are joined; users may change each figure."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from typing import Any

from tidewatt.errors import Issue, ScenarioError

__all__ = ["JoiningRules"]

_LIMITS: dict[str, tuple[float, float]] = {
    "vehicles": (1e-6, 1e9),
    "low_share": (0.0, 1.0),
    "soc_low": (0.0, 1.0),
    "soc_high": (0.0, 1.0),
    "soc_min": (0.0, 1.0),
    "soc_final": (0.0, 1.0),
    "battery_kwh": (1e-3, 1e6),
    "efficiency": (1e-3, 1.0),
    "kwh_per_km": (1e-3, 100.0),
    "road_share": (1e-9, 1e6),
    "road_fill": (1e-3, 100.0),
    "time_value_per_h": (0.0, 1e6),
    "price_sensitivity": (1e-12, 1e6),
    "line_factor": (0.0, 1e6),
    "line_allowance_kw": (0.0, 1e9),
    "half_width": (0.0, 1.0),
    "depart_from_h": (0.0, 24.0),
    "depart_to_h": (0.0, 24.0),
    "depart_every_min": (1e-3, 1440.0),
    "sites": (1, 100_000),
    "chargers": (1, 1_000_000),
    "aggregators": (1, 10_000),
    "most_groups": (1, 100_000_000),
}


@dataclass(frozen=True, slots=True)
class JoiningRules:
    """What neither the roads nor the grid say; every value here is a choice.

    Attributes
    ----------
    vehicles : float
        Electric vehicles that set out on a day, spread over pairs of zones like all trips.
    aggregators : int
        Who buys for them: origins are dealt out to them in turn.
    depart_from_h, depart_to_h : float
        Hours of the day from and until which they set out, in proportion to a weekday's departures.
    depart_every_min : float
        They set out in groups so far apart [min].
    most_groups : int
        Groups of vehicles (pairs of places by departure and state of charge); where there would be more, the
        pairs with the most trips are kept, at least one, and have all vehicles.
    low_share, soc_low, soc_high : float
        Share of vehicles that set out with `soc_low`; the others with `soc_high`.
    soc_min, soc_final : float
        Least state of charge under way and on arrival.
    battery_kwh, efficiency, kwh_per_km : float
        Of every vehicle; efficiency holds for charging and discharging.
    road_share : float or None
        Share of every link's capacity that is left to these vehicles; None: as `road_fill` says.
    road_fill : float
        By how much the busiest link would be full in the busiest hour if all took the fastest way: above 1,
        some must wait or take another.
    time_value_per_h, price_sensitivity : float
        Of every aggregator: money per vehicle-hour, and per kWh and kW.
    sites : int
        Charging sites, at the nodes that most trips pass; not used where stations are given.
    chargers : int
        At each of them.
    levels_kw : tuple of float
        Power of a charger; negative: discharging.
    line_factor, line_allowance_kw : float
        Limit of a line without one: so many times the largest power at the forecast, and so many kW more.
    half_width : float
        Share of the forecast by which injections may be off, where the grid gives none of them a half width.
    contract : bool
        Replace the roads by direct links between origins, destinations and sites, without capacities: travel
        times round from one of these to the next, not link by link.
    """

    vehicles: float = 5000.0
    aggregators: int = 2
    depart_from_h: float = 6.0
    depart_to_h: float = 20.0
    depart_every_min: float = 15.0
    most_groups: int = 60_000
    low_share: float = 0.3
    soc_low: float = 0.22
    soc_high: float = 0.5
    soc_min: float = 0.1
    soc_final: float = 0.2
    battery_kwh: float = 50.0
    efficiency: float = 0.93
    kwh_per_km: float = 0.2
    road_share: float | None = None
    road_fill: float = 1.25
    time_value_per_h: float = 6.0
    price_sensitivity: float = 1e-3
    sites: int = 8
    chargers: int = 40
    levels_kw: tuple[float, ...] = (50.0, 25.0)
    line_factor: float = 1.25
    line_allowance_kw: float = 300.0
    half_width: float = 0.1
    contract: bool = False

    @classmethod
    def of(cls, **asked: Any) -> JoiningRules:
        """Return rules with the requested values; None leaves the default.

        Raises
        ------
        ScenarioError
            With every value out of its range.
        """
        rules = cls(**{name: value for name, value in asked.items() if value is not None})
        issues = []
        for name in (f.name for f in fields(cls)):
            value, limits = getattr(rules, name), _LIMITS.get(name)
            if limits is not None and value is not None and not limits[0] <= value <= limits[1]:
                fix = f"Give a number from {limits[0]:g} to {limits[1]:g}"
                issues.append(Issue("rules", name, f"found {value!r}", fix))
        if rules.depart_from_h >= rules.depart_to_h:
            problem = f"found {rules.depart_from_h:g}, which is not before depart_to_h, {rules.depart_to_h:g}"
            issues.append(Issue("rules", "depart_from_h", problem, "Give an earlier hour"))
        levels = rules.levels_kw
        good = all(math.isfinite(kw) and kw != 0 for kw in levels) and any(kw > 0 for kw in levels)
        if not good or len(set(levels)) < len(levels):
            fix = "Give one or more different powers above 0; negative ones, if any, discharge"
            issues.append(Issue("rules", "levels_kw", f"found {', '.join(map(str, levels)) or 'none'}", fix))
        for name in ("soc_low", "soc_high", "soc_final"):
            value = getattr(rules, name)
            if value < rules.soc_min:
                problem = f"found {value:g}, below the least state of charge under way, {rules.soc_min:g}"
                issues.append(Issue("rules", name, problem, "Give a higher one, or a lower soc_min"))
        if issues:
            raise ScenarioError(issues)
        return rules

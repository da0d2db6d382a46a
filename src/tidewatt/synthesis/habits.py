"""Every assumption about who drives, parks and charges how."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np

from tidewatt.domain.arrays import Array
from tidewatt.errors import Issue, ScenarioError

__all__ = ["Habits"]

Shares = tuple[tuple[float, float], ...]


@dataclass(frozen=True, slots=True)
class Habits:
    """Assumptions of the synthesis; shares are fractions 0..1, and every default is explained here.

    Attributes
    ----------
    home_charging : float
        Share of vehicles with a charger at home. 0.75: Californian owners report 70-85 %
        (CVRP surveys), falling as adoption leaves detached houses.
    work_charging : float
        Share of commuters who find a charger at work. 0.25, as in CEC's AB 2127 scenarios.
    public_charging : float
        Share of stays at shops, leisure and other places with a charger free. 0.15, assumed.
    public_charging_without_home : float
        The same for vehicles without a charger at home: they look for one. 0.5, assumed.
    home_kw, work_kw, public_kw : tuple of (power [kW], share)
        Chargers by place: 3.6/7.2/11 kW are the usual sizes of single-phase and three-phase wall boxes.
    battery : tuple of (capacity [kWh], consumption [kWh/km], share)
        Vehicle classes, usable capacity: small car, compact, family car, sport utility, pickup;
        EPA label consumptions 2023 with a tenth for charging taken out.
    consumption_spread : float
        Standard deviation of the logarithm of a trip's consumption (weather, speed). 0.12, assumed.
    charge_efficiency : float
        Battery-side energy per grid-side energy. 0.9, usual for AC charging.
    soc_min, soc_max : float
        Range drivers use. 0.1 and 1.
    soc_initial, soc_initial_without_home : tuple of (least, most)
        State of charge four days before minute 0, uniform; with and without a charger at home. Those
        days are driven and charged at once, so that minute 0 finds vehicles as they would be: one
        that starts half empty would plug in at midnight and make a peak that no grid sees.
    refill_before_end : bool
        Whether every vehicle can end as full as it began. If not, what is driven after 4 am of the last
        day may be missing, as a week that ends at midnight ends before the night in which that is
        recharged; `soc_final_min` is `soc_initial`, or what charging at once leaves where that is less.
    commuters : float
        Share of vehicles that go to work. 0.62: NHTS 2022 workers per driver.
    workdays : tuple of (days a week, share)
        Days a commuter drives to work, working from home considered.
    part_time_share : float
        Share of work days that are half as long. 0.12, assumed.
    still_weekday, still_weekend : float
        Share of days on which a vehicle is not driven. 0.15 and 0.28: MiD 2017 finds 0.35 and 0.51
        for all cars; electric ones are newer and driven more.
    habit_strength : float
        Probability that a day of the week goes as it usually does for this vehicle (same chain, time
        and places) rather than in a new way. 0.7, assumed.
    departure_spread_min : float
        Standard deviation of a usual departure from one day to the next [min]. 12, assumed.
    off_grid_work, off_grid_public : float
        Share of workplaces and of other places outside the studied grid. 0.25 and 0.15, assumed;
        used by `region`, see `Places`.
    work_distance_km : float
        Decay length of the choice of workplaces by distance, where feeders have coordinates [km].
    public_distance_km : float
        Decay length of the choice of other places [km].
    """

    home_charging: float = 0.75
    work_charging: float = 0.25
    public_charging: float = 0.15
    public_charging_without_home: float = 0.5
    home_kw: Shares = ((3.6, 0.25), (7.2, 0.55), (11.0, 0.2))
    work_kw: Shares = ((7.2, 0.7), (11.0, 0.3))
    public_kw: Shares = ((11.0, 0.55), (22.0, 0.25), (50.0, 0.2))
    battery: tuple[tuple[float, float, float], ...] = (
        (40.0, 0.15, 0.15),
        (58.0, 0.16, 0.3),
        (75.0, 0.17, 0.33),
        (82.0, 0.2, 0.17),
        (120.0, 0.28, 0.05),
    )
    consumption_spread: float = 0.12
    charge_efficiency: float = 0.9
    soc_min: float = 0.1
    soc_max: float = 1.0
    soc_initial: tuple[float, float] = (0.5, 0.9)
    soc_initial_without_home: tuple[float, float] = (0.3, 0.6)
    refill_before_end: bool = False
    commuters: float = 0.62
    workdays: tuple[tuple[int, float], ...] = ((5, 0.6), (4, 0.15), (3, 0.15), (2, 0.1))
    part_time_share: float = 0.12
    still_weekday: float = 0.15
    still_weekend: float = 0.28
    habit_strength: float = 0.7
    departure_spread_min: float = 12.0
    off_grid_work: float = 0.25
    off_grid_public: float = 0.15
    work_distance_km: float = 12.0
    public_distance_km: float = 5.0

    def __post_init__(self) -> None:
        issues = []
        for f in fields(self):
            value = getattr(self, f.name)
            if f.type == "float" and not f.name.endswith(("_min", "_km", "spread")) and not 0 <= value <= 1:
                issues.append(Issue("habits", f.name, f"{value} is not within 0..1", "Give a share"))
            if isinstance(value, tuple) and not f.name.startswith("soc_"):
                total = sum(row[-1] for row in value)
                if abs(total - 1) > 1e-6:
                    issues.append(
                        Issue("habits", f.name, f"shares sum to {total:g}", "Let the shares sum to 1")
                    )
        if issues:
            raise ScenarioError(issues)


def pick(rows: tuple[tuple[float, ...], ...], uniform: Array) -> Array:
    """Pick a row number for each uniform draw, by the shares in the last column."""
    cumulative = np.cumsum([row[-1] for row in rows])
    return np.minimum(np.searchsorted(cumulative, uniform, side="right"), len(rows) - 1)

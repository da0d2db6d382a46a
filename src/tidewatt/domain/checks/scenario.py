"""What is wrong with a scenario, as far as its arrays show."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from tidewatt.domain.arrays import Array
from tidewatt.domain.checks.distribution import check_distribution
from tidewatt.domain.checks.findings import Findings, lengths_differ, named, out_of_range, unique
from tidewatt.domain.checks.itineraries import check_itineraries
from tidewatt.domain.checks.roads import (
    check_demand,
    check_reach_of_demand,
    check_reach_of_stations,
    check_reach_of_zones,
    check_roads,
    check_types,
    check_zones,
    misshapen_demand,
    misshapen_roads,
    misshapen_types,
)
from tidewatt.domain.checks.stations import check_stations, misshapen_stations
from tidewatt.domain.checks.travel import check_travel, misshapen_network
from tidewatt.domain.fleet import Dwells, Fleet, Trips
from tidewatt.domain.grid import CostPieces, Grid
from tidewatt.domain.horizon import Horizon
from tidewatt.domain.reach import Reach
from tidewatt.domain.scenario import Scenario
from tidewatt.errors import Issue
from tidewatt.options.simulation import SIMULATION

__all__ = ["check"]

_DAY_MIN = 1440.0


def check(
    scenario: Scenario, *, whole: bool = True, whole_travel: bool = True, whole_grid: bool = True
) -> list[Issue]:
    """Return everything that is wrong with a scenario; an empty list where nothing is.

    Not wrong is a vehicle that starts below ``soc_min`` or whose chargers cannot deliver what its
    trips need: the study reports it with its missing energy. A vehicle that starts above ``soc_max``
    is wrong, since no schedule could bring it below.

    Parameters
    ----------
    scenario : Scenario
        Dwells and trips need not be in order of time: that they are is checked.
    whole : bool
        False where rows of the roads were left out already: then who can reach whom is not judged.
    whole_travel, whole_grid : bool
        The same of travel in steps, and of buses and lines: how they hang together is not judged.

    Returns
    -------
    list of Issue
        Ids as given; dwells and trips by their number within the vehicle, from 0.
    """
    report = Findings()
    if _shapes(scenario, report):
        return report.issues  # indices could not be trusted
    _horizon(scenario.horizon, report)
    _fleet(scenario, report)
    check_itineraries(scenario, report)
    _grid(scenario.grid, report)
    _roads(scenario, whole, report)
    check_travel(scenario, report, whole=whole_travel)
    check_distribution(scenario, report, whole=whole_grid)
    return report.issues


def _shapes(scenario: Scenario, report: Findings) -> bool:
    """Return whether arrays that belong together differ in length, or offsets are invalid."""
    fleet, grid, vehicles = scenario.fleet, scenario.grid, len(scenario.fleet)
    before = len(report.issues)
    lengths_differ(report, "vehicles", fleet, _arrays(fleet), vehicles)
    for table, rows in (("dwells", scenario.dwells), ("trips", scenario.trips)):
        _offsets(report, table, rows, vehicles)
    steps = scenario.horizon.steps
    shapes = {
        "bank_id": (grid.bank, (grid.feeders,)),
        "rating_kw": (grid.rating_kw, (grid.feeders,)),
        "headroom_kw": (grid.headroom_kw, (grid.feeders, steps)),
        "bank_headroom_kw": (grid.bank_headroom_kw, (grid.banks, steps)),
        "bank_rating_kw": (grid.bank_rating_kw, (grid.banks,)),
    }
    if grid.base_load_kw is not None:
        shapes["base_load_kw"] = (grid.base_load_kw, (grid.feeders, steps))
    for name, (array, shape) in shapes.items():
        if array.shape != shape:
            problem = f"the array has the shape {array.shape}"
            report.add("feeders", name, problem, f"Give {shape}: elements, then steps of the horizon")
    for table, cost, elements in (
        ("feeders", grid.cost, grid.feeders),
        ("banks", grid.bank_cost, grid.banks),
    ):
        pieces = np.diff(cost.first)
        sizes = {len(cost.above_kw), len(cost.cost_per_kw), int(cost.first[-1]) if len(cost.first) else -1}
        if len(cost.first) != elements + 1 or len(sizes) > 1 or cost.first[0] != 0 or (pieces < 1).any():
            report.add("upgrade_costs", table, "offsets and pieces do not match", "Give each element a piece")
    out_of_range(report, "dwells", "feeder_id", scenario.dwells.feeder, grid.feeders, none=True)
    out_of_range(report, "feeders", "bank_id", grid.bank, grid.banks, none=True)
    _road_shapes(scenario, report)
    misshapen_network(scenario, report)
    return len(report.issues) > before


def _arrays(part: Fleet | Dwells | Trips) -> list[str]:
    return [name for name in part.__slots__ if isinstance(getattr(part, name), np.ndarray)]


def _road_shapes(scenario: Scenario, report: Findings) -> None:
    """Check the shapes of roads, demand, types and stations, and that what they refer to is there."""
    roads, feeders = scenario.roads, scenario.grid.feeders
    if scenario.types is not None:
        misshapen_types(scenario.types, report)
    if roads is not None:
        misshapen_roads(roads, feeders, report)
    for table, part in (("demand", scenario.demand), ("stations", scenario.stations)):
        if part is not None and roads is None:
            report.add(table, "", "the scenario has no roads for it", "Add the nodes and links tables")
    if scenario.demand is not None and roads is not None:
        misshapen_demand(scenario.demand, roads.zones, report)
    if scenario.stations is not None and roads is not None:
        misshapen_stations(scenario.stations, roads.nodes, feeders, report)


def _roads(scenario: Scenario, whole: bool, report: Findings) -> None:
    """Check roads and everything that refers to them."""
    roads, demand, stations = scenario.roads, scenario.demand, scenario.stations
    if scenario.types is not None:
        check_types(scenario.types, report)
    if roads is None:
        return
    if scenario.travel is None or demand is not None:
        _simulated_days(scenario, report)
    check_roads(roads, report)
    check_zones(roads, report)
    if demand is not None:
        check_demand(demand, roads, report)
    if stations is not None:
        check_stations(stations, report)
    if whole:
        reach = Reach(roads)
        check_reach_of_zones(reach, report)
        if demand is not None:
            check_reach_of_demand(demand, reach, report)
        if stations is not None:
            check_reach_of_stations(stations, reach, report)


def _simulated_days(scenario: Scenario, report: Findings) -> None:
    """Check that the horizon holds at least a day, and a whole number of simulation time steps."""
    horizon = scenario.horizon
    if not (math.isfinite(horizon.minutes) and horizon.minutes > 0):
        return  # reported already
    axis = f"{horizon.steps} steps of {horizon.step_min:g} min"
    if horizon.minutes < _DAY_MIN - 1e-6:
        fix = f"Give {math.ceil(_DAY_MIN / horizon.step_min)} steps or more: driving is simulated day by day"
        report.add("scenario.toml", "horizon.steps", f"{axis} are less than a day", fix)
    step = SIMULATION.lenient(scenario.parameters)["step_min"]
    parts = horizon.minutes / step
    if abs(parts - round(parts)) > 1e-9 * max(parts, 1.0):
        problem = f"{axis} are not a whole number of simulated steps of {step:g} min"
        fix = "Change the horizon's step_min or steps, or step_min of [simulation]"
        report.add("scenario.toml", "horizon.step_min", problem, fix)


def _offsets(report: Findings, table: str, rows: Dwells | Trips, vehicles: int) -> None:
    names = [name for name in _arrays(rows) if name != "first"]
    lengths_differ(report, table, rows, names, len(rows))
    first = rows.first
    if len(first) != vehicles + 1 or first[0] != 0 or first[-1] != len(rows) or (np.diff(first) < 0).any():
        problem = "the offsets do not divide the rows among the vehicles"
        report.add(table, "first", problem, f"Give {vehicles + 1} rising offsets from 0 to {len(rows)}")


def _horizon(horizon: Horizon, report: Findings) -> None:
    table = "scenario.toml"
    if not (math.isfinite(horizon.step_min) and horizon.step_min > 0):
        report.add(table, "horizon.step_min", f"the value is {horizon.step_min}", "Give minutes above 0")
    if horizon.steps < 1:
        report.add(table, "horizon.steps", f"the value is {horizon.steps}", "Give a whole number above 0")
    if horizon.start.tzinfo is not None:
        problem = f"{horizon.start.isoformat()} has an offset from UTC"
        report.add(table, "horizon.start", problem, "Give local time without an offset")


def _fleet(scenario: Scenario, report: Findings) -> None:
    f = scenario.fleet
    who = named(f.vehicle_id)
    unique(report, "vehicles", "vehicle_id", f.vehicle_id)
    inf = math.inf

    def within(name: str, low: float, high: float, allowed: str, fix: str, **options: bool) -> None:
        report.within("vehicles", name, getattr(f, name), low, high, allowed, fix, who, **options)

    above = {"low_open": True}
    within("battery_kwh", 0, inf, "above 0", "Give the usable capacity in kWh", **above)
    for name in ("soc_initial", "soc_min", "soc_max", "soc_final_min"):
        within(name, 0, 1, "0 to 1", "Give a fraction of the battery, 0.8 for 80 %")
    for name in ("charge_efficiency", "discharge_efficiency"):
        within(name, 0, 1, "above 0, at most 1", "Give a fraction, 0.9 for 90 %", **above)
    fix = "Give kW, or inf for no limit"
    within("max_charge_kw", 0, inf, "above 0", fix, low_open=True, inf_allowed=True)
    within("max_discharge_kw", 0, inf, "0 or more", "Give kW, 0 for none")
    within("weight", 0, inf, "above 0", "Give how many vehicles it stands for", **above)
    _ordered(report, "soc_min", f.soc_min, f.soc_max, "Lower soc_min or raise soc_max", who)
    fix = "Lower soc_initial or raise soc_max: no charging can bring a battery below its start"
    _ordered(report, "soc_initial", f.soc_initial, f.soc_max, fix, who)
    fix = "Lower soc_final_min (by default soc_initial) or raise soc_max"
    _ordered(report, "soc_final_min", f.soc_final_min, f.soc_max, fix, who)


def _ordered(
    report: Findings, name: str, low: Array, soc_max: Array, fix: str, who: Callable[[int], str]
) -> None:
    bad = np.flatnonzero((low > soc_max) & (low <= 1) & (soc_max >= 0))  # others are out of range already
    if len(bad):
        problem = f"{low[bad[0]]:g} is above soc_max {soc_max[bad[0]]:g}"
        report.rows("vehicles", name, problem, fix, bad, who)


def _grid(grid: Grid, report: Findings) -> None:
    for table, column, ids, rating, headroom, cost in (
        ("feeders", "feeder_id", grid.feeder_id, grid.rating_kw, grid.headroom_kw, grid.cost),
        ("banks", "bank_id", grid.bank_id, grid.bank_rating_kw, grid.bank_headroom_kw, grid.bank_cost),
    ):
        who = named(ids)
        unique(report, table, column, ids)
        bad = np.flatnonzero(~np.isnan(rating) & ~((rating >= 0) & (rating < np.inf)))
        fix = "Give kW, or leave the cell empty where headroom is given"
        report.values(table, "rating_kw", rating, bad, "0 or more", fix, who)
        # +inf: no limit. A step is named with its element.
        bad = np.flatnonzero(~(headroom.ravel() > -np.inf))
        if len(bad):
            at = _element_step(ids, headroom.shape[1])
            fix = "Give kW for every step; inf where there is no limit"
            report.values("headroom", "headroom_kw", headroom.ravel(), bad, "a number", fix, at)
        _pieces(table, ids, cost, report)
    if grid.base_load_kw is not None:
        base = grid.base_load_kw
        unknown = np.asarray(np.isnan(base).all(axis=1))
        bad = np.flatnonzero((~np.isfinite(base) & ~unknown[:, None]).ravel())
        at = _element_step(grid.feeder_id, base.shape[1])
        fix = "Give kW for every step of a feeder, or leave the feeder out of the table"
        report.values("base_load", "load_kw", base.ravel(), bad, "a finite number", fix, at)


def _element_step(ids: Array, steps: int) -> Callable[[int], str]:
    return lambda cell: f"{ids[cell // steps]} step {cell % steps}"


def _pieces(table: str, ids: Array, cost: CostPieces, report: Findings) -> None:
    """Check that costs are finite, not negative, and rise with the overload, so that they are convex."""
    element = np.repeat(np.arange(len(ids)), np.diff(cost.first))
    linear = len(cost.cost_per_kw) == len(ids)
    where, column = (table, "upgrade_cost_per_kw") if linear else ("upgrade_costs", "cost_per_kw")

    def who(piece: int) -> str:
        return str(ids[element[piece]])

    fix = "Give a cost of 0 or more per kW"
    report.within(where, column, cost.cost_per_kw, 0, math.inf, "0 or more", fix, who)
    above, price = cost.above_kw, cost.cost_per_kw
    fix = "Give kW of overload, starting at 0 in the first row of each element"
    report.within("upgrade_costs", "above_kw", above, 0, math.inf, "0 or more", fix, who)
    start = np.zeros(len(above), bool)
    start[cost.first[:-1]] = True
    late = np.flatnonzero(start & (above > 0))
    report.values("upgrade_costs", "above_kw", above, late, "0 in the first row of an element", fix, who)
    same = np.flatnonzero(~start[1:]) + 1
    still = same[above[same] <= above[same - 1]]
    fix = "Give each row of an element a higher above_kw than the row before"
    report.values("upgrade_costs", "above_kw", above, still, "above the row before", fix, who)
    falling = same[price[same] < price[same - 1]]
    if len(falling):
        row = int(falling[0])
        problem = f"the cost falls from {price[row - 1]:g} to {price[row]:g} at {above[row]:g} kW"
        fix = "Costs per kW must not fall with the overload: merge the rows into one at their average cost"
        report.rows("upgrade_costs", "cost_per_kw", problem, fix, falling, who)

"""Ways to spoil a scenario of roads, demand and stations, and what the message must say of each."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd

from tests.cli.bad_input_cases import Case
from tests.unit.io.small_roads import SmallRoads

ROAD_CASES: list[Case] = []


def cell(
    name: str,
    table: str,
    column: str,
    row: int,
    value: object,
    says: tuple[str, ...],
    who: str = "",
    others: int = 0,
) -> None:
    """One cell holds a wrong value."""
    change(name, table, column, says, lambda small: small.set(table, column, row, value), who, others)


def change(
    name: str,
    table: str,
    column: str,
    says: tuple[str, ...],
    spoil: Callable[[SmallRoads], object],
    who: str = "",
    others: int = 0,
) -> None:
    """The tables or ``scenario.toml`` are changed in some other way."""
    ROAD_CASES.append(Case(name, table, column, says, who, spoil, others=others, tags=("frames",)))  # type: ignore[arg-type]


def key(name: str, section: str, field: str, value: object, says: tuple[str, ...], others: int = 0) -> None:
    """``scenario.toml`` holds a wrong value."""

    def spoil(small: SmallRoads) -> None:
        place = small.config if not section else small.config.setdefault(section, {})
        place[field] = value  # type: ignore[index]

    where = f"{section}.{field}" if section else field
    change(name, "scenario.toml", where, says, spoil, others=others)


def drop(table: str, column: str = "") -> Callable[[SmallRoads], object]:
    """Without a table, or without a column of it."""
    return lambda s: s.tables[table].pop(column) if column else s.tables.pop(table)


def cut(table: str, keep: Callable[[pd.DataFrame], object]) -> Callable[[SmallRoads], object]:
    """Only some rows of a table."""

    def spoil(small: SmallRoads) -> None:
        frame = small.tables[table]
        small.tables[table] = frame[keep(frame)].reset_index(drop=True)  # type: ignore[index]

    return spoil


def timeless(small: SmallRoads) -> None:
    """Without free times and without free speeds."""
    for column in ("free_time_min", "free_speed_kmh"):
        small.tables["links"].pop(column)


# Nodes ----------------------------------------------------------------------------------------------
n = "nodes"
cell("node twice", n, "node_id", 1, "a", ("more than once",), "a", others=5)
cell("node without id", n, "node_id", 1, None, ("empty",), "row 2", others=5)
cell("infinite coordinate", n, "x", 1, np.inf, ("found inf", "finite"), "b")
cell("coordinate in words", n, "x", 1, "east", ("'east'", "coordinate"), "b", others=1)
cell("half a place", n, "x", 1, None, ("one of x and y",), "b")
cell("through in words", n, "through", 2, "maybe", ("'maybe'", "true or false"), "c")
change("no nodes", n, "", ("missing", "nodes.parquet", "node_id"), drop(n))
change("no column node_id", n, "node_id", ("missing",), drop(n, "node_id"))
key("unit of coordinates missing", "", "crs", "", ("unit of x and y is missing", "EPSG:4326"))
key("unit of coordinates unknown", "", "crs", "degrees", ("'degrees'", "EPSG:4326", '"km"'))


def _projected(s: SmallRoads) -> None:
    s.config["crs"] = "EPSG:4326"
    s.tables[n]["y"] = 4_500_000.0
    s.tables[n].loc[4:, "y"] = None


change("metres called degrees", n, "y", ("found 4.5e+06", "-90 to 90 degrees", "EPSG:4326"), _projected, "a")

# Links ----------------------------------------------------------------------------------------------
k = "links"
cell("link from nowhere", k, "from_node_id", 0, "aa", ("'aa'", "did you mean 'a'"), "L0")
cell("link to nowhere", k, "to_node_id", 0, None, ("empty",), "L0")
cell("link twice", k, "link_id", 1, "L0", ("more than once",), "L0")
cell("self-loop", k, "to_node_id", 0, "a", ("ends where it starts",), "L0")
cell("negative capacity", k, "capacity_veh_h", 0, -900, ("found -900", "above 0", "all lanes"), "L0")
cell("capacity of zero", k, "capacity_veh_h", 3, 0, ("found 0", "above 0", "removing the link"), "L3")
cell("capacity empty", k, "capacity_veh_h", 3, None, ("empty", "vehicles per hour"), "L3")
cell("infinite capacity", k, "capacity_veh_h", 3, np.inf, ("found inf", "finite"), "L3")
cell("negative length of a link", k, "length_km", 0, -1, ("found -1", "0 or more"), "L0")
cell("length in words", k, "length_km", 0, "1 km", ("'1 km'", "units"), "L0")
cell("zero time on a through link", k, "free_time_min", 0, 0, ("passes through", "connector"), "L0")
cell("negative time", k, "free_time_min", 8, -1, ("found -1",), "L8")
change(
    "time and speed empty",
    k,
    "free_time_min",
    ("both empty", "Fill one"),
    lambda s: s.set(k, "free_speed_kmh", 0, None),
    "L0",
)
cell("speed of zero", k, "free_speed_kmh", 0, 0, ("found 0", "above 0"), "L0")
cell("time and speed disagree", k, "free_time_min", 1, 9, ("is not 50 km/h", "Leave"), "L1")
cell("unknown class", k, "road_class", 0, "arterail", ("'arterail'", "did you mean 'arterial'"), "L0")
cell("negative exponent", k, "bpr_beta", 0, -4, ("found -4", "0 or more"), "L0")
cell("negative toll", k, "toll", 0, -2, ("found -2",), "L0")
cell("no lane", k, "lanes", 0, 0, ("found 0", "above 0"), "L0")
change("no links", k, "", ("missing", "from_node_id"), drop(k))
change("neither time nor speed", k, "free_time_min", ("neither",), lambda s: timeless(s))
change(
    "misspelt capacity",
    k,
    "capacity",
    ("unknown", "did you mean 'capacity_veh_h'"),
    lambda s: s.tables.update(links=s.tables[k].rename(columns={"capacity_veh_h": "capacity"})),
    others=1,
)

# Zones ----------------------------------------------------------------------------------------------
z = "zones"
cell("zone at no node", z, "node_id", 0, None, ("empty",), "1")
cell("zone at an unknown node", z, "node_id", 0, "x", ("'x'", "nodes"), "1")
cell("zone twice", z, "zone_id", 1, 1, ("more than once",), "1", others=2)
cell("negative homes", z, "homes", 1, -5, ("found -5", "0 or more"), "2")
cell("zone supplied by no feeder", z, "feeder_id", 0, "F1", ("'F1'", "the feeders table is missing"), "1")
change(
    "zone cut off",
    z,
    "node_id",
    ("cut off", "--repair drop or connect"),
    cut(k, lambda f: ~f.link_id.isin(["L10", "L11"])),
    "2",
    others=2,
)
change(
    "zone that cannot be left",
    z,
    "node_id",
    ("no other zone can be reached",),
    cut(k, lambda f: f.link_id != "L10"),
    "2",
    others=2,
)
change(
    "zone that cannot be reached",
    z,
    "node_id",
    ("cannot be reached from any other",),
    cut(k, lambda f: f.link_id != "L11"),
    "2",
    others=2,
)
change(
    "zone in unknown feeder",
    z,
    "feeder_id",
    ("'F7'", "leave the cell empty"),
    lambda s: s.add_grid().set(z, "feeder_id", 0, "F7"),
    "1",
)

# Demand ---------------------------------------------------------------------------------------------
o = "demand"
cell("demand to nowhere", o, "destination_zone_id", 0, 22, ("'22'", "zones", "did you mean '2'"), "1 (row 1)")
cell("demand from nowhere", o, "origin_zone_id", 0, None, ("empty",), "row 1")
cell("negative trips", o, "trips", 1, -80, ("found -80", "0 or more"), "2 to 1")
cell("trips in words", o, "trips", 1, "many", ("'many'",), "2 (row 2)")
cell("trips empty", o, "trips", 1, None, ("empty",), "2 (row 2)")
change(
    "there are there are no trips at all",
    o,
    "trips",
    ("no row has any trips",),
    lambda s: s.set(o, "trips", 0, 0).set(o, "trips", 1, 0).set(o, "trips", 2, 0),
)
change("demand without zones", z, "", ("missing", "zones.parquet"), drop(z))
change(
    "demand where no road leads",
    o,
    "destination_zone_id",
    ("200.5 of 207.5 trips", "no road leads"),
    cut(k, lambda f: ~f.link_id.isin(["L10", "L11"])),
    "1 to 2",
    others=1,
)
change(
    "window that ends before it starts",
    o,
    "start_min",
    ("600 to 540", "minutes of the day"),
    lambda s: s.set(o, "start_min", 0, 600).set(o, "end_min", 0, 540),
    "1 to 2",
)
cell("half a window", o, "start_min", 0, 600, ("one of start_min and end_min",), "1 to 2")
cell("window as time of day", o, "start_min", 0, "08:30", ("'08:30'", "510 for 8:30"), "1 (row 1)")

# Vehicle types --------------------------------------------------------------------------------------
t = "fleet"
change("no shares", t, "share", ("sum to 0",), lambda s: s.set(t, "share", 0, 0).set(t, "share", 1, 0))
cell("negative share", t, "share", 0, -0.8, ("found -0.8",), "compact")
cell("battery of zero in the fleet", t, "battery_kwh", 1, 0, ("found 0", "above 0"), "van")
cell(
    "consumption per 100 km", t, "kwh_per_km", 0, 16, ("found 16", "divide kWh per 100 km by 100"), "compact"
)
cell("no fast charging power", t, "max_fast_kw", 0, 0, ("found 0",), "compact")
cell("type twice", t, "type", 1, "compact", ("more than once",), "compact")

# Stations -------------------------------------------------------------------------------------------
c = "stations"
cell("station at an unknown node", c, "node_id", 0, "q", ("'q'", "nodes"), "S1")
cell("station at no node", c, "node_id", 0, None, ("empty",), "S1")
change(
    "stations off the network",
    c,
    "snap_km",
    ("more than 3.5 km", "--place by-demand"),
    lambda s: s.set(c, "snap_km", 0, 3).set(c, "snap_km", 1, 4),
    "S1",
)
change(
    "station no chargers",
    c,
    "fast",
    ("no chargers", "remove the station"),
    lambda s: s.set(c, "normal", 1, 0),
    "S2",
)
cell("negative chargers", c, "fast", 0, -2, ("found -2", "0 or more"), "S1")
cell("half a charger", c, "fast", 0, 2.5, ("found 2.5", "whole number"), "S1")
cell("chargers empty", c, "fast", 0, None, ("empty", "whole number"), "S1")
cell("no power", c, "fast_kw", 0, 0, ("found 0", "above 0"), "S1")
cell("negative power", c, "normal_kw", 0, -7, ("found -7", "above 0"), "S1")
cell("negative price", c, "price_fast_per_kwh", 0, -0.1, ("found -0.1", "0 or more"), "S1")
cell("negative distance to the road", c, "snap_km", 0, -1, ("found -1",), "S1")
cell("fixed in words", c, "fixed", 0, "perhaps", ("'perhaps'", "true or false"), "S1")
cell("station twice", c, "station_id", 1, "S1", ("more than once",), "S1", others=1)
cell("station supplied by no feeder", c, "feeder_id", 0, "F1", ("'F1'", "the feeders table is missing"), "S1")
change("stations without roads", k, "", ("missing",), lambda s: [drop(x)(s) for x in (n, k, z, o)], others=1)
change(
    "station that nobody can reach",
    c,
    "node_id",
    ("can reach the station",),
    cut(k, lambda f: ~f.link_id.isin(["L2", "L7", "L3", "L6"])),
    "S2",
)
change(
    "station that nobody can leave",
    c,
    "node_id",
    ("no zone can be reached from the station",),
    cut(k, lambda f: ~f.link_id.isin(["L3", "L6"])),
    "S2",
)

# Prices ---------------------------------------------------------------------------------------------
p = "station_prices"
cell("price of an unknown station", p, "station_id", 0, "S9", ("'S9'", "stations"), "S9 (row 1)")
change(
    "overlapping windows",
    p,
    "start_min",
    ("from 600 overlaps", "ends at 700"),
    lambda s: s.set(p, "end_min", 1, 700),
    "S1",
)
change(
    "window past midnight",
    p,
    "start_min",
    ("600 to 1500", "midnight in two"),
    lambda s: s.set(p, "end_min", 0, 1500),
    "S1",
)
cell("window before midnight", p, "start_min", 1, -30, ("-30 to 600", "0 to 1440"), "S1")
cell("negative price in a window", p, "price_fast_per_kwh", 0, -0.7, ("found -0.7",), "S1")
change(
    "window without price",
    p,
    "price_fast_per_kwh",
    ("both empty",),
    lambda s: s.set(p, "price_normal_per_kwh", 2, None),
    "S2 (row 3)",
)
change("prices without stations", c, "", ("missing", "stations.parquet"), drop(c))

# Horizon and parameters -----------------------------------------------------------------------------
key("less than a day", "horizon", "steps", 95, ("less than a day", "96 steps or more"))
whole = ("not a whole number of simulated steps", "step_min of [simulation]")
key("horizon not a whole number of steps", "horizon", "step_min", 14.6, whole)
key("steps not whole", "horizon", "steps", 96.5, ("96.5", "integer"))
key("unknown parameter", "simulation", "vehicels", 5, ("'vehicels'", "did you mean 'vehicles'"))
key("no electric vehicle", "simulation", "vehicles", 0, ("found 0", "from 1"))
key("time step no divisor", "simulation", "step_min", 7.0, ("not a whole number of 7 min",), others=2)
key("unknown choice of stations", "simulation", "choice", "nearest", ("'nearest'", "cost, logit, regret"))
key("threshold in percent", "simulation", "threshold_soc", [15, 30], ("[15, 30]", "two numbers from 0 to 1"))
of_plans = "configuration"
key(
    "unknown parameter of plans",
    of_plans,
    "budgett",
    5,
    ("'budgett'", "did you mean 'budget'"),
)
key("population too small", of_plans, "population", 2, ("found 2", "whole number from 4"))
key("unknown search", of_plans, "search", "annealing", ("'annealing'", "memetic, local"))
key("three weights", of_plans, "weights", [1, 1, 1], ("[1, 1, 1]", "four numbers"))
key("more elites than plans", of_plans, "elites", 40, ("found 40 in a population of 40",))
key("unknown key of the roads", "roads", "period", 24, ("unknown key 'period'", "'period_h'"))
key("period of zero", "roads", "period_h", 0, ("0", "greater than 0"))
key("negative weight of toll", "roads", "toll_weight_min", -1, ("-1", "greater than or equal to 0"))
